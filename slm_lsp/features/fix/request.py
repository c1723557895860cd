"""The request to fix a unit, and its evidence: the error message and the failing tests."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.edit.prepare import edit_request
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import Extent, find_unit
from slm_lsp.features.fix.locate import Place, is_test
from slm_lsp.features.fix.trace import frames
from slm_lsp.index.project import Project
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.symbols import definitions
from slm_lsp.privacy.secrets import mask
from slm_lsp.text import Lines

INSTRUCTION = "Fix the code so that this error does not occur any more. Keep everything else."
INSTRUCTION_WITH_TESTS = "Find the mistake in the code and fix it, so that the tests pass. Keep everything else."

MAX_ERROR = 1_200
"""Maximum length of the error in the prompt, in characters."""

MAX_TESTS = 2_400
"""Maximum length of the tests in the prompt, in characters."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

Read = Callable[[str], str | None]
"""Returns the text of a file of the project, by its path; None if the file cannot be read."""


def fix_request(
    project: Project, path: str, text: str, selection: tuple[int, int], error: str, tests: str = ""
) -> EditRequest:
    """Return the request to fix the code at a selection. The caller sets its model.

    Args:
        project: the project of the file.
        path: path of the file in the project, with `/`.
        text: the whole file.
        selection: start and end offset in `text`, in characters. They are equal for a cursor.
        error: the error message, or the output that contains it.
        tests: source of the failing tests.

    Raises:
        ParseTimeoutError: parsing the file takes too long.
    """
    instruction = INSTRUCTION_WITH_TESTS if tests else INSTRUCTION
    least = Extent.FILE if selection == (0, len(text)) else Extent.STATEMENTS
    request = edit_request(project, path, text, selection, instruction, least)
    return replace(request, error=shortened(error), tests=tests)


def shortened(output: str, limit: int = MAX_ERROR) -> str:
    """Return the part of an output that says most about the error, without secrets.

    This is the part around the message of the first place that `frames` finds, or else the end of the output.
    """
    text = _ESCAPES.sub("", output).strip()
    if len(text) > limit:
        message = next((each.message for each in frames(text) if each.message), "")
        found = text.find(message.partition(";")[0]) if message else -1
        end = len(text) if found < 0 else min(len(text), max(limit, found + limit // 3))
        piece = text[end - limit : end]
        # Keep whole lines.
        first = piece.find("\n") + 1 if end > limit else 0
        last = piece.rfind("\n") if end < len(text) else len(piece)
        text = piece[first:last] if first < last else piece
    return mask(text)


def failing_tests(places: Sequence[Place], path: str, read: Read) -> str:
    """Return the source of the test functions in which an output has places, without secrets.

    If no place is in a file with tests, the test command ran a script. Return the code of the outermost place then.

    Args:
        places: the places of the output, the innermost first.
        path: the file to fix.
        read: returns the text of a file.
    """
    tests = [each for each in places if is_test(each.path)]
    found: dict[str, None] = {}
    for each in tests or [each for each in places[-1:] if each.path != path]:
        text = read(each.path)
        source = None if text is None else enclosing(each, text)
        room = MAX_TESTS - sum(len(one) + 2 for one in found)
        if source and len(source) <= room:
            found[source] = None
    return mask("\n\n".join(found))


def enclosing(place: Place, text: str) -> str:
    """Return the source of the function that contains a place.

    If no function contains the place, return an empty string.
    """
    language = language_of(place.path, text.partition("\n")[0])
    lines = Lines(text)
    line = place.line or _line_of(place.function, text, language)
    if not 0 < line <= len(lines.starts):
        return ""
    try:
        unit = find_unit(text, (lines.starts[line - 1],) * 2, language)
    except ParseTimeoutError:
        return ""
    return "" if unit.extent is Extent.FILE else text[unit.start : unit.end]


def _line_of(function: str, text: str, language: Language | None) -> int:
    """Return the line of a test that a summary names, counted from 1; 0 if it is not found."""
    name = re.split(r"\.|::", function.partition("[")[0])[-1]
    tree = None if language is None or not name else parse(language, text.encode("utf-8", "replace"))
    if tree is None or language is None:
        return 0
    found = definitions(language, tree, text.encode("utf-8", "replace"))
    return next((each.first_line + 1 for each in found if each.name == name), 0)
