"""Writes chat messages in the format that the model was trained on, with the chat template in the model's file.

Text of documents never becomes a control token. The template is rendered with random marks in place of the contents,
and the rendered text is split at the marks. Only the template's own text becomes special segments. So `<|im_end|>` in a
document is plain text to the model, whatever the template does.
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
"""Template for models without a usable template of their own. Most code models have seen ChatML in training."""

SEPARATOR = "\n\n"
"""Text between the contents of two messages that are merged into one."""

MARK_BYTES = 16
"""Number of random bytes in a mark, so that a template cannot guess it."""

CACHED_LAYOUTS = 64

_MARKER = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]|\S+")
"""Matches the text that ends a turn: a marker such as `<|im_end|>` or `[EOT]`, or else the first word."""


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
    """Stop strings for `engine.api.Stop`. The engine ends an answer at the model's end-of-generation tokens anyway. The
    strings are for models in which the end of a turn is ordinary text. Empty if a turn ends with the model's `eos`
    token."""
    fallback: str = ""
    """Why ChatML is used instead of the model's template; empty if the model's template is used."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The pieces of a prompt: the template's own text, and the index of a message where its content is inserted."""

    pieces: tuple[str | int, ...]
    stop: tuple[str, ...]
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    role: Role
    content: str


def render(messages: Sequence[Message], chat: ChatFormat, prefill: str = "", today: date | None = None) -> ChatPrompt:
    r"""Write a conversation as a prompt that the model continues with the assistant's next message.

    Contents are inserted unchanged, so the caller must normalize their line ends and mask secrets
    (`privacy.secrets.mask`).

    The template's own text may depend on the roles and on which contents are empty, but not on the contents themselves.
    A template can therefore not change contents, for example strip their whitespace. If a template refuses a system
    message, or two successive messages of the same role, these messages are merged into one.

    Args:
        messages: the conversation; the last message is the user's.
        chat: chat format of the model (`ModelInfo.chat`).
        prefill: beginning of the assistant's message, for example "```python\n". The model continues after it and does
            not repeat it.
        today: date for templates that contain the date; by default the current date.

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
    """Return the layout for messages of these roles, each with or without content."""
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
    """A template, and the values that it uses besides the messages."""

    source: str
    chat: ChatFormat
    today: date

    def until_answer(self, turns: Sequence[_Turn]) -> str:
        """Return the conversation up to the beginning of the assistant's next message."""
        return self._render(turns, add_generation_prompt=True)

    def around_answer(self, turns: Sequence[_Turn]) -> tuple[str, str]:
        """Return the text before and after the assistant's next message, when this message is complete."""
        mark = _mark()
        before, found, after = self._render([*turns, _Turn("assistant", mark)], False).partition(mark)
        if not found:
            raise TemplateFailedError("it leaves out the assistant's message")
        return before, after

    def until_prefill(self, turns: Sequence[_Turn]) -> str:
        """Return the conversation up to the beginning of the assistant's visible message.

        `until_answer` may end earlier, because the model generates a header first (gpt-oss chooses a channel), or it
        may end in an open `<think>` block.
        """
        before, until = self.around_answer(turns)[0], self.until_answer(turns)
        header = until.removeprefix(before)
        thinks = "<think>" in header and "</think>" not in header
        return until if until.startswith(before) and not thinks else before

    def stop(self, turns: Sequence[_Turn]) -> tuple[str, ...]:
        """Return the text that ends the assistant's message; empty if it is the model's `eos` token."""
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
            # Unless this is false, some models generate their reasoning first, which takes minutes on a small machine.
            "enable_thinking": False,
        }
        text = render_template(self.source, variables, self.today)
        return text.removeprefix(self.chat.bos) if self.chat.adds_bos else text


def _lay_out(template: _Template, turns: Sequence[_Turn], prefilled: bool) -> _Layout:
    """Render the turns. Try several ways and return the first result that contains every content exactly once.

    Raises:
        TemplateFailedError: every way failed. The message is about the first way.
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
    """Return the same contents without a system message and without two successive messages of one role."""
    merged: list[_Turn] = []
    for each in turns:
        role: Role = "user" if each.role == "system" else each.role
        if merged and merged[-1].role == role:
            merged[-1] = _Turn(role, SEPARATOR.join(filter(None, (merged[-1].content, each.content))))
        else:
            merged.append(_Turn(role, each.content))
    return merged


def _split(text: str, marks: Sequence[str]) -> tuple[str | int, ...]:
    """Return the pieces of a text, with the index of a mark in place of each mark. Empty marks are ignored."""
    indexes = {mark: index for index, mark in enumerate(marks) if mark}
    if any(text.count(mark) != 1 for mark in indexes):
        raise TemplateFailedError("it leaves out or repeats a message")
    pieces = re.split(f"({'|'.join(indexes)})", text) if indexes else [text]
    return tuple(indexes.get(each, each) for each in pieces if each)


def _mark() -> str:
    return secrets.token_hex(MARK_BYTES)
