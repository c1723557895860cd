"""A function that begins by calling itself with what it was given.

Small models write that into a body of which they know nothing. It parses, every name in it is known, and it never ends.
"""

import re

from slm_lsp.features.completion.around import Surroundings, opens_block
from slm_lsp.features.completion.filters import Draft, Nothing

ENDLESS = "it would call itself without end"

_HEAD = re.compile(r"(\w+)[ \t]*\(([^()]*)\)")
"""A name and its parameters; a default value with a call in it is none of ours."""

_CALL = re.compile(
    r"(?:(?:return|await|yield|yield from)[ \t]+)*(?P<on>(?:self|cls|this)(?:\.|->)|Self::)?(?P<name>\w+)[ \t]*"
    r"\((?P<given>[^()]*)\)[ \t]*;?"
)
_RECEIVER = re.compile(r"&?(?:mut[ \t]+)?(?:self|cls)\b|this\b")
_WORD = re.compile(r"\w+")


def drop_endless_calls(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """The first line of a body may not be the call that the body was called by."""
    first = (around.before + draft.text.split("\n", 1)[0]).strip()
    call = _CALL.fullmatch(first)
    if call is None or not opens_block(around.line_above, around.language):
        return draft
    if call["on"] and around.language is not None and around.language.name == "rust":
        return draft  # a trait's method may well call the type's own of the same name
    given = _list(call["given"])
    for head in _HEAD.finditer(around.line_above):
        wanted = [each for each in _list(head[2]) if not _RECEIVER.match(each)]
        if head[1] == call["name"] and len(given) == len(wanted) and all(map(_is_it, given, wanted)):
            return Nothing(ENDLESS)
    return draft


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _is_it(given: str, parameter: str) -> bool:
    """Whether what is given is the parameter itself, whose declaration may say its type and default too."""
    return given in _WORD.findall(parameter)
