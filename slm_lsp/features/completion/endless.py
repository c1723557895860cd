"""Rejects a function body whose first line calls the function itself with unchanged arguments.

Small models write this when they have no idea what the body should do. The code parses and all its names are defined,
but it recurses without end.
"""

import re

from slm_lsp.features.completion.around import Surroundings, opens_block
from slm_lsp.features.completion.filters import Draft, Rejected

ENDLESS = "the suggested function would call itself forever"

_HEAD = re.compile(r"(\w+)[ \t]*\(([^()]*)\)")
"""Matches a function name and its parameters. Does not match if a default value contains a call."""

_CALL = re.compile(
    r"(?:(?:return|await|yield|yield from)[ \t]+)*(?P<receiver>(?:self|cls|this)(?:\.|->)|Self::)?(?P<name>\w+)[ \t]*"
    r"\((?P<arguments>[^()]*)\)[ \t]*;?"
)
_RECEIVER = re.compile(r"&?(?:mut[ \t]+)?(?:self|cls)\b|this\b")
_WORD = re.compile(r"\w+")


def drop_endless_calls(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Reject a body whose first line calls the function itself with its own parameters."""
    first = (around.before + draft.text.split("\n", 1)[0]).strip()
    call = _CALL.fullmatch(first)
    if call is None or not opens_block(around.line_above, around.language):
        return draft
    if call["receiver"] and around.language is not None and around.language.name == "rust":
        return draft  # in Rust a trait method may call an inherent method of the same name
    arguments = _split(call["arguments"])
    for head in _HEAD.finditer(around.line_above):
        parameters = [each for each in _split(head[2]) if not _RECEIVER.match(each)]
        if head[1] == call["name"] and len(arguments) == len(parameters) and all(map(_names, arguments, parameters)):
            return Rejected(ENDLESS)
    return draft


def _split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _names(argument: str, parameter: str) -> bool:
    """Return whether an argument is the name of a parameter.

    `parameter` may also include a type and a default value.
    """
    return argument in _WORD.findall(parameter)
