"""Find the function to fix if no stack trace leads into the file: the functions that the failing test uses."""

import re
from collections.abc import Iterable, Sequence

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.fix.locate import Place, is_test
from slm_lsp.features.fix.request import Read
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.symbols import CALLABLE, TYPES, Definition, definitions, references

_TEST = re.compile(r"(?:^|\.)(?:test|Test|tests?\.)")


def in_test(place: Place, text: str) -> bool:
    """Return whether a place is in a test: in a file with tests, or in a test function of any other file."""
    if is_test(place.path):
        return True
    around = _around(definitions_of(text, language_of(place.path, text.partition("\n")[0])), place.line)
    return any(_TEST.search(each.qualified) for each in around)


def suspects(path: str, text: str, places: Sequence[Place], read: Read) -> list[Definition]:
    """Return the definitions of a file that failing tests or other files in a stack trace use, the most likely first.

    Names in the line that failed come first, then those in the lines above it, up to the start of the test. Functions
    come before the classes that contain them.

    Args:
        path: the file to fix.
        text: its text.
        places: the places of an output, the innermost first.
        read: returns the text of a file.
    """
    language = language_of(path, text.partition("\n")[0])
    listed = [each for each in definitions_of(text, language) if each.kind in CALLABLE | TYPES]
    listed = [each for each in listed if not _TEST.search(each.qualified)]
    found: dict[str, Definition] = {}
    for each in places:
        test = text if each.path == path else read(each.path)
        if test is None or not each.line or (each.path == path and not in_test(each, test)):
            continue
        for name in names_up_from(each, test):
            for one in sorted(_named(listed, name), key=lambda one: one.kind in TYPES):
                found.setdefault(one.qualified, one)
    functions = [each for each in found.values() if each.kind in CALLABLE]
    # A class is a suspect only if no function is: its methods are smaller.
    return functions or list(found.values())


def definitions_of(text: str, language: Language | None) -> list[Definition]:
    """Return the definitions of a text; none if it cannot be parsed."""
    source = text.encode("utf-8", "surrogatepass")
    try:
        tree = None if language is None else parse(language, source)
    except ParseTimeoutError:
        return []
    return [] if tree is None or language is None else definitions(language, tree, source)


def _named(listed: Iterable[Definition], name: str) -> list[Definition]:
    return [each for each in listed if each.name == name]


def _around(listed: Iterable[Definition], line: int) -> list[Definition]:
    return [each for each in listed if each.first_line <= line - 1 <= each.last_line]


def names_up_from(place: Place, text: str) -> list[str]:
    """Return the names that a test uses: those of a line first, then those of the lines above in its function."""
    language = language_of(place.path, text.partition("\n")[0])
    source = text.encode("utf-8", "surrogatepass")
    try:
        tree = None if language is None else parse(language, source)
    except ParseTimeoutError:
        return []
    if tree is None or language is None or language.level != "full":
        return []
    around = [each for each in _around(definitions(language, tree, source), place.line) if each.kind in CALLABLE]
    first = max((each.first_line for each in around), default=0)
    used = references(language, tree, source, range(first, place.line))
    ordered = sorted(used, key=lambda each: (-each.line, each.start))
    return list(dict.fromkeys(each.name for each in ordered))
