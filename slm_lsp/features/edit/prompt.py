"""The chat messages that ask for an edit, and the prefilled start of the answer.

Small models edit best when they rewrite one unit as a whole, without diffs, line numbers or JSON. The answer is
prefilled with the opening fence, so that it starts with code.
"""

from dataclasses import dataclass
from textwrap import dedent

from slm_lsp.context.chat import Message
from slm_lsp.features.edit.request import EditRequest

SYSTEM = (
    "You are a careful programmer. You rewrite the given code as instructed and change nothing else. "
    "Reply with the complete new code in one fenced block and no explanation."
)

FENCE = "```"


@dataclass(frozen=True, slots=True)
class EditPrompt:
    """The messages to the model, and the start of its answer."""

    messages: tuple[Message, ...]
    prefill: str
    start: str
    """The part of the prefill that belongs to the new code: the signature, or an empty string."""
    code: str
    """The unit without its common indentation; the answer repeats most of it."""


def edit_prompt(request: EditRequest) -> EditPrompt:
    """Return the prompt of an edit. Text of the document is data, so it appears only inside fenced blocks."""
    name = "" if request.language is None else request.language.name
    code = dedent(request.surrounding.unit)
    fence = _fence(code, request.context, request.tests, request.error)
    parts = []
    if request.context:
        parts.append(f"Other code of the project, for reference:\n{_block(request.context, name, fence)}")
    parts.append(f"Code from {request.path}:\n{_block(code, name, fence)}")
    if request.tests:
        parts.append(f"The new code must pass these tests:\n{_block(request.tests, name, fence)}")
    if request.error:
        parts.append(f"The code fails with:\n{_block(request.error, '', fence)}")
    parts.append(f"Instruction: {request.instruction.strip()}")
    start = _header(request, code) if request.keep_signature else ""
    return EditPrompt(
        messages=(Message("system", SYSTEM), Message("user", "\n\n".join(parts))),
        prefill=f"{fence}{name}\n{start}",
        start=start,
        code=code,
    )


def _header(request: EditRequest, code: str) -> str:
    """Return the lines of the unit that come before its body, without the common indentation."""
    unit = request.unit
    header = request.text[unit.start : unit.header]
    lines = header.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    return "".join(line + "\n" for line in code.split("\n")[:lines])


def _fence(*texts: str) -> str:
    """Return a fence that is longer than every fence in the texts."""
    fence = FENCE
    while any(fence in text for text in texts):
        fence += "`"
    return fence


def _block(text: str, language: str, fence: str) -> str:
    return f"{fence}{language}\n{text}\n{fence}"
