"""Chat prompts: messages written as the model was trained on them, with the chat template of its own file.

Text of documents never becomes a control token. The template sees random marks in place of the contents; the rendered
text is then split at the marks. Only the template's own text becomes special segments. A document that contains
`<|im_end|>` is therefore plain text to the model, whatever the template does.
"""

import logging
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias

from slm_lsp.context.chat_template import TemplateFailedError, render_template
from slm_lsp.engine.api import ChatFormat, Segment

log = logging.getLogger(__name__)

Role: TypeAlias = Literal["system", "user", "assistant"]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Used where a model has no template that works. Most models of code have seen ChatML."""

SEPARATOR = "\n\n"
"""Between two messages that are merged into one."""

MARK_BYTES = 16
"""Random bytes in a mark: a template cannot guess it."""

CACHED_LAYOUTS = 64

_MARKER = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]|\S+")
"""What ends a turn: `<|im_end|>`, `[EOT]`, or else the first word."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A rendered conversation that ends where the model continues."""

    segments: tuple[Segment, ...]
    stop: tuple[str, ...]
    """Stop strings for `engine.api.Stop`. The engine ends an answer at the model's end-of-generation tokens anyway;
    these are for models to which the end of a turn is ordinary text. Empty if the end is the model's `eos` token."""
    fallback: str = ""
    """Why ChatML is used in place of the model's template; empty if the template is used."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The template's own text, and between it the indexes of the messages whose contents belong there."""

    pieces: tuple[str | int, ...]
    stop: tuple[str, ...]
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    role: Role
    content: str


def render(messages: Sequence[Message], chat: ChatFormat, prefill: str = "", today: date | None = None) -> ChatPrompt:
    r"""Write a conversation as a prompt that the model continues with the assistant's next message.

    Contents go into the prompt as they are: the caller normalizes line ends and masks secrets first
    (`privacy.secrets.mask`).

    The template's own text may depend on the roles and on which contents are empty, but not on what contents say. A
    template that strips contents has therefore no effect on them. Templates that refuse a system message, or two
    messages of one role in a row, get these merged into one.

    Args:
        messages: the conversation; the last message is the user's.
        chat: of the model (`ModelInfo.chat`).
        prefill: beginning of the assistant's message, for example "```python\n". The model continues behind it; its
            answer does not repeat it.
        today: for templates that name the date; by default the present day.

    Raises:
        ValueError: there is no message, or the last one is not the user's.
    """
    if not messages or messages[-1].role != "user":
        raise ValueError("the last message of a chat prompt must be the user's")
    shape = tuple((each.role, bool(each.content)) for each in messages)
    layout = _layout(chat, shape, bool(prefill), today or date.today())
    segments = [
        Segment(each, special=True) if isinstance(each, str) else Segment(messages[each].content)
        for each in layout.pieces
    ]
    if prefill:
        segments.append(Segment(prefill))
    return ChatPrompt(tuple(segments), layout.stop, layout.fallback)


@lru_cache(CACHED_LAYOUTS)
def _layout(chat: ChatFormat, shape: tuple[tuple[Role, bool], ...], prefilled: bool, today: date) -> _Layout:
    """The layout for messages of these roles, each with or without content. It is the same for all contents."""
    turns = [_Turn(role, _mark() if has_content else "") for role, has_content in shape]
    if chat.template is None:
        reason = "the model's file has no chat template"
    else:
        try:
            return _lay_out(_Template(chat.template, chat, today), turns, prefilled)
        except TemplateFailedError as error:
            reason = f"the model's chat template cannot be used: {error}"
            log.warning("ChatML is used because %s", reason)
    return replace(_lay_out(_Template(CHATML, chat, today), turns, prefilled), fallback=reason)


@dataclass(frozen=True, slots=True)
class _Template:
    """A template with all that it needs besides messages."""

    source: str
    chat: ChatFormat
    today: date

    def until_answer(self, turns: Sequence[_Turn]) -> str:
        """The conversation up to the beginning of the assistant's next message."""
        return self._render(turns, add_generation_prompt=True)

    def around_answer(self, turns: Sequence[_Turn]) -> tuple[str, str]:
        """What comes before and after the assistant's next message once it is finished."""
        mark = _mark()
        before, found, after = self._render([*turns, _Turn("assistant", mark)], False).partition(mark)
        if not found:
            raise TemplateFailedError("it leaves out the assistant's message")
        return before, after

    def until_prefill(self, turns: Sequence[_Turn]) -> str:
        """The conversation up to where the assistant's visible message begins.

        `until_answer` may end earlier (gpt-oss chooses the channel itself) or in an open `<think>` block.
        """
        before, until = self.around_answer(turns)[0], self.until_answer(turns)
        header = until.removeprefix(before)
        thinks = "<think>" in header and "</think>" not in header
        return until if until.startswith(before) and not thinks else before

    def stop(self, turns: Sequence[_Turn]) -> tuple[str, ...]:
        """The text that ends the assistant's message, unless it is the model's `eos` token."""
        try:
            marker = _MARKER.match(self.around_answer(turns)[1].lstrip())
        except TemplateFailedError:
            return ()
        return (marker[0],) if marker and marker[0] != self.chat.eos else ()

    def _render(self, turns: Sequence[_Turn], add_generation_prompt: bool) -> str:
        variables = {
            "messages": [{"role": each.role, "content": each.content} for each in turns],
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self.chat.bos,
            "eos_token": self.chat.eos,
            "tools": None,
            "documents": None,
            # Some models think aloud unless this is false, which takes minutes on a small machine.
            "enable_thinking": False,
        }
        text = render_template(self.source, variables, self.today)
        return text.removeprefix(self.chat.bos) if self.chat.adds_bos else text


def _lay_out(template: _Template, turns: Sequence[_Turn], prefilled: bool) -> _Layout:
    """Render the turns, in the first of several ways that keeps each content.

    Raises:
        TemplateFailedError: there is no such way; the message is about the first one.
    """
    ways: list[Callable[[Sequence[_Turn]], str]] = [template.until_answer]
    if prefilled:
        ways.insert(0, template.until_prefill)
    failures: list[TemplateFailedError] = []
    for way in ways:
        for arranged in (turns, _merge(turns)):
            try:
                return _Layout(_split(way(arranged), [each.content for each in turns]), template.stop(arranged))
            except TemplateFailedError as failure:
                failures.append(failure)
    raise failures[0]


def _merge(turns: Sequence[_Turn]) -> list[_Turn]:
    """The same contents without a system message and without two messages of one role in a row."""
    merged: list[_Turn] = []
    for each in turns:
        role: Role = "user" if each.role == "system" else each.role
        if merged and merged[-1].role == role:
            merged[-1] = _Turn(role, SEPARATOR.join(filter(None, (merged[-1].content, each.content))))
        else:
            merged.append(_Turn(role, each.content))
    return merged


def _split(text: str, marks: Sequence[str]) -> tuple[str | int, ...]:
    """The text with the index of each mark in its place; empty marks are not looked for."""
    indexes = {mark: index for index, mark in enumerate(marks) if mark}
    if any(text.count(mark) != 1 for mark in indexes):
        raise TemplateFailedError("it leaves out or repeats a message")
    pieces = re.split(f"({'|'.join(indexes)})", text) if indexes else [text]
    return tuple(indexes.get(each, each) for each in pieces if each)


def _mark() -> str:
    return secrets.token_hex(MARK_BYTES)
