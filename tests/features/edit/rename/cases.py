"""Reads the cases of renaming from text files.

A case begins with `# ` and its name. `--- PATH` begins a file of its project. In the files, `«name»` marks each place
that the renaming must change; `«name|text»` says that the place becomes `text`. A renaming is tried from every marked
place. Lines before the first file set:

- `new:` the new name (`bar` by default).
- `refused:` pattern of the error; the mark then only sets the position of the cursor.
- `usage:` the same for wrong usage.
- `notes:` pattern that a note must match.
- `from: first` to try only the first marked place.
- `only-resolved: yes` renames although some uses are uncertain.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

CASES = Path(__file__).parent / "cases"

_MARK = re.compile(r"«([^»|]*)(?:\|([^»]*))?»")


@dataclass(frozen=True)
class Case:
    """A project, the places of one symbol in it, and what a renaming must do."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    marked: dict[str, str] = field(default_factory=dict)

    @property
    def new(self) -> str:
        """The new name."""
        return self.settings.get("new", "bar")

    @property
    def old(self) -> dict[str, str]:
        """The files before the renaming."""
        return {path: _MARK.sub(r"\1", text) for path, text in self.marked.items()}

    def expected(self, new: str) -> dict[str, str]:
        """Return the files after the renaming."""
        return {path: _MARK.sub(lambda found: found[2] or new, text) for path, text in self.marked.items()}

    @property
    def places(self) -> list[tuple[str, int]]:
        """Path and offset of each marked place."""
        places = []
        for path, text in self.marked.items():
            removed = 0
            for found in _MARK.finditer(text):
                places.append((path, found.start() - removed))
                removed += len(found[0]) - len(found[1])
        return places

    @property
    def is_plain(self) -> bool:
        """Whether all places simply get the new name."""
        return "|" not in "".join(found[0] for text in self.marked.values() for found in _MARK.finditer(text))


def load(language: str) -> list[Case]:
    """Return the cases of a language."""
    cases: list[Case] = []
    path: str | None = None
    for line in (CASES / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and (path is None or not cases or _ended(cases[-1], path)):
            cases.append(Case(line[2:]))
            path = None
        elif line.startswith("--- "):
            path = line[4:]
            cases[-1].marked[path] = ""
        elif path is None:
            name, _, value = line.partition(": ")
            if value:
                cases[-1].settings[name] = value
        else:
            cases[-1].marked[path] += line.replace("\\r", "\r") + "\n"
    for case in cases:
        for each, text in case.marked.items():
            case.marked[each] = text.rstrip("\n") + "\n" if text.strip() else ""
    return cases


def _ended(case: Case, path: str) -> bool:
    """Return whether an empty line ends the case. Then `# ` begins the next case and is not a comment in a file."""
    return case.marked[path].endswith("\n\n") or not case.marked[path]
