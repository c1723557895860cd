"""Code of the project on which an edit depends: signatures of the definitions that the unit uses."""

from collections.abc import Callable, Iterator, Sequence

from slm_lsp.context.fim import CHARACTERS_PER_TOKEN
from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.edit.units import Unit
from slm_lsp.index.project import Project
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language
from slm_lsp.languages.symbols import references
from slm_lsp.privacy.secrets import mask

MAX_DEFINITIONS = 1
"""A name with more definitions than this is left out, because it is unclear which definition the unit uses."""

SEARCH_LIMIT = 40
"""Maximum number of chunks of other files that are searched for uses of a name."""


def signatures(project: Project, path: str, text: str, unit: Unit, language: Language | None, tokens: int) -> str:
    """Return the signatures of definitions in other files that the unit uses, up to an estimated `tokens` tokens."""
    if language is None or tokens <= 0:
        return ""
    source = text.encode("utf-8", errors="replace")
    try:
        tree = parse(language, source)
    except ParseTimeoutError:
        return ""
    if tree is None:
        return ""
    rows = range(text.count("\n", 0, unit.start), text.count("\n", 0, unit.end) + 1)
    names = list(dict.fromkeys(each.name for each in references(language, tree, source, rows)))
    found = [each for each in project.named(names, MAX_DEFINITIONS) if each.path != path]
    room, lines = tokens * CHARACTERS_PER_TOKEN, []
    for each in sorted(found, key=lambda each: names.index(each.name)):
        line = f"{each.signature}  # {each.path}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return mask("\n".join(lines))


def uses_in(project: Project, path: str) -> Callable[[str], Sequence[str]]:
    """Return a function that finds where files other than `path` use a name, as `path:line`."""

    def uses(name: str) -> Sequence[str]:
        found = []
        for other, first, code in _chunks(project, name):
            if other == path:
                continue
            for number, line in enumerate(code.splitlines()):
                if _has_word(line, name):
                    found.append(f"{other}:{first + number + 1}")
        return sorted(set(found))

    return uses


def _chunks(project: Project, name: str) -> Iterator[tuple[str, int, str]]:
    """Yield the chunks that may contain a name: path, first line and text. Open files have their current text."""
    for each in project.search([name.lower()], SEARCH_LIMIT):
        yield each.path, each.first, each.text
    for path, rows in project.opened.items():
        for first, _, _, text in rows.chunks:
            yield path, first, text


def _has_word(line: str, name: str) -> bool:
    at = line.find(name)
    while at >= 0:
        before, after = line[at - 1 : at], line[at + len(name) : at + len(name) + 1]
        if not (_in_word(before) or _in_word(after)):
            return True
        at = line.find(name, at + 1)
    return False


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
