"""Which files of a workspace may be indexed, and why the others may not.

Two questions, asked apart: may a file of this name at this place be looked at (`Rules`, `walk`), and is what it holds
text of ours (`read_source`)? Nothing refused by the first is ever opened. Files that git tracks although a pattern
ignores them are refused too: we do not read git's index.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.index.ignore import Level, Patterns, excludes, read_patterns, repository_of, verdict
from slm_lsp.index.names import Skipped, bad_name, refused_file, refused_folder
from slm_lsp.index.source import inside, read_source, reason_of, refused_kind

__all__ = ["Rules", "Skipped", "SourceFile", "read_source", "stat_source", "walk"]

_GIT, _OURS = ".gitignore", ".slmignore"
_TAKES_BACK = frozenset({Skipped.VENDORED, Skipped.CACHE})
"""Reasons that `!folder/` in .slmignore overrules."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may be read, by its path from the workspace with `/`."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Folder:
    """What is known of a folder: why it is refused, or which patterns hold for what is in it, the nearest first."""

    refused: Skipped | None
    git: tuple[Level, ...] = ()
    ours: tuple[Level, ...] = ()


class Rules:
    """What names and ignore files say of every path of a workspace.

    Ignore files are read folder by folder when first needed, and kept: when one changes, make another `Rules`.
    Patterns of .slmignore refuse in addition to git's; they take back nothing that git's refuse.

    Args:
        root: the workspace. Ignore files above it, up to the repository's root, count too.
        environ: tells where the user's git configuration is.
    """

    def __init__(self, root: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.root = Path(os.path.realpath(root))
        self._environ = environ
        self._folders: dict[str, _Folder] = {"": self._top()}

    def refuses(self, path: str, *, is_dir: bool = False) -> Skipped | None:
        """Why a path from the workspace is refused, by its name and place only; None if it may be looked at."""
        if path.startswith("/") or ".." in path.split("/"):
            return Skipped.OUTSIDE
        path = "/".join(part for part in path.split("/") if part not in {"", "."})
        if is_dir or not path:
            return self.folder(path).refused
        refused = self.refuses_file(self.folder(path.rpartition("/")[0]), path)
        if refused is None and os.path.islink(self.root / path):  # noqa: PTH114
            return self.refuses_link(path)
        return refused

    def refuses_link(self, path: str) -> Skipped | None:
        """Why a link to a file is refused; it gives nothing away that its target does not."""
        target = inside(self.root, path)
        if target is None:
            return Skipped.OUTSIDE
        if (self.root / target).is_dir():
            return Skipped.LINK
        return self.refuses_file(self.folder(target.rpartition("/")[0]), target)

    def refuses_file(self, folder: _Folder, path: str) -> Skipped | None:
        """Why a file is refused that lies in `folder`."""
        if folder.refused is not None:
            return folder.refused
        name = path.rpartition("/")[2]
        refused = refused_file(name)
        if refused is None and (verdict(folder.git, path, name) or verdict(folder.ours, path, name)):
            return Skipped.IGNORED
        return refused

    def folder(self, path: str) -> _Folder:
        """What is known of a folder, by its path from the workspace."""
        found = self._folders.get(path)
        if found is not None:
            return found
        found, way = self._folders[""], ""
        for part in path.split("/"):
            way = f"{way}/{part}" if way else part
            known = self._folders.get(way)
            found = self._folders[way] = self._below(found, way, part) if known is None else known
        return found

    def _below(self, parent: _Folder, path: str, name: str) -> _Folder:
        """A folder below the workspace."""
        if parent.refused is not None:
            return parent
        if bad_name(name):
            return _Folder(Skipped.BAD_NAME)
        place = self.root / path
        if os.path.islink(place):  # noqa: PTH114 - a path may be too long to ask for
            return _Folder(Skipped.OUTSIDE if inside(self.root, path) is None else Skipped.LINK)
        ours = verdict(parent.ours, path + "/", name + "/")
        refused = refused_folder(name, lambda entry: os.path.lexists(place / entry))
        if refused is not None and not (ours is False and refused in _TAKES_BACK):
            return _Folder(refused)
        if ours or verdict(parent.git, path + "/", name + "/"):
            return _Folder(Skipped.IGNORED)
        git, cut = parent.git, len(path) + 1
        if os.path.lexists(place / ".git"):  # a repository of its own, in which the outer one's patterns do not hold
            git = tuple(Level(each, cut=cut) for each in excludes(place, self._environ))
        near, our_near = (tuple(Level(each, cut=cut) for each in read_patterns(place / name)) for name in (_GIT, _OURS))
        return _Folder(None, near + git, our_near + parent.ours)

    def _top(self) -> _Folder:
        """The workspace itself, seen from the repository that it is a part of."""
        repository = repository_of(self.root)
        place = repository or self.root
        way = self.root.relative_to(place).parts
        git = [(0, each) for each in excludes(repository, self._environ)]
        ours: list[tuple[int, Patterns]] = []
        depth = 0
        while True:
            git[:0] = [(depth, each) for each in read_patterns(place / _GIT)]
            ours[:0] = [(depth, each) for each in read_patterns(place / _OURS)]
            git_levels, our_levels = (
                tuple(Level(each, above="".join(f"{part}/" for part in way[start:depth])) for start, each in known)
                for known in (git, ours)
            )
            if depth == len(way):
                return _Folder(None, git_levels, our_levels)
            name = way[depth] + "/"
            if verdict(git_levels, name, name) or verdict(our_levels, name, name):
                return _Folder(Skipped.IGNORED)
            place /= way[depth]
            depth += 1


def walk(root: Path, rules: Rules | None = None) -> Iterator[SourceFile | tuple[str, Skipped]]:
    """Every file below `root` in a stable order: found, or its path and why it is skipped.

    Nothing is opened but ignore files. A refused folder is not entered, and skipped as one; the workspace itself,
    should it be refused, is called `.`.
    """
    rules = rules or Rules(root)
    pending: list[tuple[str, os.DirEntry[str] | None]] = [("", None)]
    while pending:
        path, entry = pending.pop()
        if entry is not None and not entry.is_dir(follow_symlinks=False):
            yield _judged(rules, path, entry)
            continue
        refused = rules.folder(path).refused
        below: list[os.DirEntry[str]] = []
        if refused is None:
            try:
                with os.scandir(rules.root / path) as entries:
                    below = sorted(entries, key=lambda each: each.name, reverse=True)
            except OSError as error:
                refused = reason_of(error)
        if refused is not None:
            yield _shown(path or "."), refused
        pending.extend((f"{path}/{each.name}" if path else each.name, each) for each in below)


def _judged(rules: Rules, path: str, entry: "os.DirEntry[str]") -> SourceFile | tuple[str, Skipped]:
    """What `walk` says of an entry that is no folder."""
    refused = rules.refuses_file(rules.folder(path.rpartition("/")[0]), path)
    if refused is None and entry.is_symlink():
        refused = rules.refuses_link(path)
    if refused is not None:
        return _shown(path), refused
    try:
        info = entry.stat()
    except OSError as error:
        return path, reason_of(error)
    refused = refused_kind(info)
    return SourceFile(path, info.st_size, info.st_mtime_ns) if refused is None else (path, refused)


def stat_source(root: Path, path: str) -> SourceFile | None:
    """A single file that `Rules` do not refuse, as `walk` would find it; None if it would not."""
    if inside(Path(os.path.realpath(root)), path) is None:
        return None
    try:
        info = (root / path).stat()
    except (OSError, ValueError):
        return None
    return SourceFile(path, info.st_size, info.st_mtime_ns) if refused_kind(info) is None else None


def _shown(path: str) -> str:
    """A path that can be printed and stored, whatever its bytes."""
    return path if path.isprintable() else path.encode("utf-8", "backslashreplace").decode()
