"""Renames a symbol in all files of a project, or refuses with the reason.

The rules then resolve the changed files again: each occurrence of the old and the new name must refer to the same
symbol as before. So a renaming is refused if another definition captures the new name, or if the new name hides one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slm_lsp.errors import RenameRefusedError, UsageError
from slm_lsp.features.edit.changes import FileChange, ProjectChange
from slm_lsp.features.edit.rename.families import KINDS, OWN_FILE, Family, family_of
from slm_lsp.features.edit.rename.mentions import mentions
from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence, Resolver
from slm_lsp.features.edit.rename.sources import Sources, place_of
from slm_lsp.features.edit.rename.verify import verify
from slm_lsp.text import Lines

SHOWN = 10
"""Maximum number of places that an error message lists."""


@dataclass(frozen=True, slots=True)
class Target:
    """A name at a place, and the symbol to which it refers."""

    occurrence: Occurrence
    key: Key
    start: int
    """Start of the name, in characters."""
    end: int


@dataclass(frozen=True, slots=True)
class Renaming:
    """The result of a renaming that is safe as far as the rules can tell."""

    kind: str
    """Kind of the symbol, for messages."""
    old: str
    new: str
    change: ProjectChange


def target_at(sources: Sources, path: str, offset: int) -> Target:
    """Return the symbol at an offset.

    Args:
        sources: the project.
        path: path of the file in the project.
        offset: offset in the file's text, in characters.

    Raises:
        UsageError: there is no name at the offset, or the language is not supported.
        RenameRefusedError: the symbol is not known or cannot be renamed.
    """
    return _target(sources, family_of(sources, path).resolver(sources), path, offset)


def rename(sources: Sources, path: str, offset: int, new: str, *, only_resolved: bool = False) -> Renaming:
    """Rename the symbol at an offset in the whole project.

    Args:
        sources: the project.
        path: path of the file in the project.
        offset: offset in the file's text, in characters.
        new: the new name.
        only_resolved: rename although some uses are uncertain. These uses keep the old name and are listed in the
            notes.

    Raises:
        UsageError: there is no name at the offset, its language is not supported, or the new name is invalid.
        RenameRefusedError: the symbol cannot be renamed, or the renaming would change the meaning of the program.
    """
    family = family_of(sources, path)
    resolver = family.resolver(sources)
    target = _target(sources, resolver, path, offset)
    old = target.occurrence.name
    if problem := resolver.name_problem(target.key, new):
        raise UsageError(problem)
    if new == old:
        raise UsageError(f"The symbol is already named `{new}`.")
    names = frozenset({old, new})
    files = [target.key[1]] if target.key[0] in OWN_FILE else sources.containing(names, family.languages)
    found = {each: resolver.occurrences(each, names) for each in files}
    renamed_key = (*target.key[:3], new)
    taken = [f"{place_of(sources, file, each.start)}" for file, each in _all(found) if each.key == renamed_key]
    if taken:
        raise RenameRefusedError(f"`{new}` is already defined or used in the same scope, at {taken[0]}.")
    notes, hazards = _judge(sources, resolver, target.key, found)
    if target.key[0] not in OWN_FILE:
        hazards += [Hazard(file, 0, why) for file, why in sources.unsearched(old, family.languages).items()]
        hazards += _in_other_files(sources, family, old)
    if hazards and not only_resolved:
        raise RenameRefusedError(*_uncertain(sources, old, hazards))
    done = {(file, each.start) for file, each in _all(found) if each.key == target.key}
    for each in hazards:
        word = "renamed, although" if (each.path, each.start) in done else "not renamed,"
        notes.append(f"{place_of(sources, each.path, each.start)}: {word} {each.why}")
    edits = {file: [each for each in found[file] if each.key == target.key] for file in files}
    changes = [_change(sources, file, each, new) for file, each in edits.items() if each]
    after = sources.changed({each.path: each.new for each in changes})
    verify(after, family.resolver(after), found, target.key, new)
    return Renaming(KINDS[target.key[0]], old, new, ProjectChange(tuple(changes), tuple(notes)))


def _target(sources: Sources, resolver: Resolver, path: str, offset: int) -> Target:
    text = sources.text(path) or ""
    start, end = _word(text, offset)
    found: list[Occurrence] = []
    # The name of a private member of JavaScript begins with `#`.
    for first in (start - 1, start) if text[start - 1 : start] == "#" else (start,):
        at = len(text[:first].encode("utf-8", "surrogatepass"))
        names = frozenset({text[first:end]})
        found = [each for each in resolver.occurrences(path, names) if each.start == at]
        if found:
            start = first
            break
    name = text[start:end]
    if not found:
        raise UsageError(f"There is no name that can be renamed at {_position(text, offset)} of {path}.")
    # If an identifier names two symbols, choose the variable. In `from module import name`, it is the last one; in
    # `{name}`, the other one is a property without a known symbol.
    occurrence = next((each for each in reversed(found) if each.key is not None), found[-1])
    if occurrence.key is None:
        what = f"It is not known to which definition `{name}` at {_position(text, offset)} of {path} refers."
        raise RenameRefusedError(what, "Rename it at its definition.")
    if reason := resolver.refusal(occurrence.key):
        raise RenameRefusedError(reason)
    return Target(occurrence, occurrence.key, start, end)


def _judge(sources: Sources, resolver: Resolver, key: Key, found: Found) -> tuple[list[str], list[Hazard]]:
    """Return notes about places that keep the old name, and the places that make the renaming uncertain."""
    old, notes, hazards = key[3], [], resolver.hazards(key, found)
    matter = resolver.strings_matter(key)
    for path, occurrences in found.items():
        parsed = sources.tree(path)
        if parsed is None:
            hazards.append(Hazard(path, 0, "the file cannot be parsed"))
            continue
        if parsed[1].root_node.has_error and any(each.name == old for each in occurrences):
            hazards.append(Hazard(path, 0, "the file has syntax errors"))
        for mention in mentions(parsed[1], parsed[2], old, occurrences):
            if mention.where == "code":
                hazards.append(Hazard(path, mention.start, "the rules do not know this use"))
            elif matter and mention.where in ("string", "example", "call"):
                hazards.append(Hazard(path, mention.start, "the name is in a string or an example"))
            elif key[0] != "local":
                where = "comment" if mention.where == "comment" else "string"
                notes.append(f"{place_of(sources, path, mention.start)}: the {where} still contains `{old}`")
        listed = {each.start for each in hazards if each.path == path}
        notes += [
            f"{place_of(sources, path, each.start)}: not renamed, the object of `.{old}` is not known"
            for each in occurrences
            if key[0] == "module" and each.role == "attribute" and each.key is None
            if each.name == old and each.start not in listed
        ]
    return notes, list(dict.fromkeys(hazards))


def _in_other_files(sources: Sources, family: Family, name: str) -> list[Hazard]:
    found = []
    for suffix, pattern in family.others:
        wanted = re.compile(pattern.format(re.escape(name)))
        for path in sources.files:
            match = wanted.search(sources.text(path) or "") if path.endswith(suffix) else None
            if match is not None:
                start = len((sources.text(path) or "")[: match.end() - len(name)].encode("utf-8", "surrogatepass"))
                found.append(Hazard(path, start, "uses in files of this kind cannot be resolved"))
    return found


def _uncertain(sources: Sources, name: str, hazards: Sequence[Hazard]) -> tuple[str, str]:
    places = [f"  {place_of(sources, each.path, each.start)}: {each.why}" for each in hazards[:SHOWN]]
    more = [f"  and {len(hazards) - SHOWN} more"] if len(hazards) > SHOWN else []
    what = "\n".join([f"Renaming `{name}` could break the code, because these places may refer to it:", *places, *more])
    return f"{what}\n", "`slm-lsp rename --only-resolved` renames the certain uses and leaves these places as they are."


def _change(sources: Sources, path: str, occurrences: Sequence[Occurrence], new: str) -> FileChange:
    text = sources.text(path) or ""
    source = text.encode("utf-8", "surrogatepass")
    pieces, at = [], 0
    for each in sorted(occurrences, key=lambda each: each.start):
        pieces += [source[at : each.start], each.template.replace("{}", new).encode()]
        at = each.end
    changed = b"".join([*pieces, source[at:]]).decode("utf-8", "surrogatepass")
    return FileChange(path, text, changed)


def _all(found: Mapping[str, Sequence[Occurrence]]) -> list[tuple[str, Occurrence]]:
    return [(path, each) for path, occurrences in found.items() for each in occurrences]


def _word(text: str, offset: int) -> tuple[int, int]:
    """Return the start and end of the word at an offset; if `#` is at the offset, of the word after it."""
    start = end = offset + 1 if text[offset : offset + 1] == "#" else offset
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_$"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_$"):
        end += 1
    return start, end


def _position(text: str, offset: int) -> str:
    at = Lines(text).position(offset)
    return f"{at.line + 1}:{at.column + 1}"
