"""Checks a renaming with the same rules: each occurrence must refer to the same symbol as before."""

from collections.abc import Sequence

from slm_lsp.errors import RenameRefusedError
from slm_lsp.features.edit.rename.model import Found, Key, Occurrence, Resolver
from slm_lsp.features.edit.rename.sources import Sources, place_of


def verify(after: Sources, resolver: Resolver, found: Found, key: Key, new: str) -> None:
    """Resolve all occurrences again and compare the symbols.

    Args:
        after: the project with the new texts.
        resolver: resolves the names of `after`.
        found: the occurrences before the renaming.
        key: the symbol that was renamed.
        new: its new name.

    Raises:
        RenameRefusedError: an occurrence would refer to another symbol than before.
    """
    for path, occurrences in found.items():
        expected = _expected(occurrences, key, new)
        actual = {(each.start, each.name, each.key) for each in resolver.occurrences(path, frozenset({key[3], new}))}
        for start, name, _ in sorted(expected ^ actual, key=lambda each: each[0]):
            raise RenameRefusedError(
                f"`{name}` at {place_of(after, path, start)} would refer to another definition after the renaming.",
                "Choose another name.",
            )


def _expected(occurrences: Sequence[Occurrence], key: Key, new: str) -> set[tuple[int, str, Key | None]]:
    """Return the start, name and symbol of each occurrence after the renaming."""
    replaced = {each.start: each for each in occurrences if each.key == key}
    expected: set[tuple[int, str, Key | None]] = set()
    shift = 0
    for start in sorted({each.start for each in occurrences}):
        edit = replaced.get(start)
        template = "{}" if edit is None else edit.template
        text = template.replace("{}", new)
        for each in occurrences:
            if each.start != start:
                continue
            if edit is not None and each.key == key:
                expected.add((start + shift + len(template.partition("{}")[0].encode()), new, (*key[:3], new)))
            else:
                inside = 0 if edit is None or template == "{}" else _oldplace_of(text, each.name, new)
                expected.add((start + shift + inside, each.name, each.key))
        if edit is not None:
            shift += len(text.encode()) - (edit.end - edit.start)
    return expected


def _oldplace_of(text: str, old: str, new: str) -> int:
    """Return the byte offset of the kept name in a replacement such as `old as new` or `new as old`."""
    before = text.rfind(old) if text.startswith(new) else text.find(old)
    return len(text[:before].encode())
