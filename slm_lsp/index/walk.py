"""Finds the files of a workspace that may be indexed, and the reason for each file that may not be indexed.

There are two separate checks. `Rules` and `walk` judge a file by its path only, and a file that they refuse is never
opened. `read_source` then judges the file by its content. Files that match an ignore pattern are refused even if git
tracks them, because git's index is not read.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.index.ignore import Level, Patterns, excludes, is_ignored, read_patterns, repository_of
from slm_lsp.index.names import Skipped, bad_name, refused_file, refused_folder
from slm_lsp.index.source import inside, read_source, reason_of, refused_kind

__all__ = ["Rules", "Skipped", "SourceFile", "read_source", "stat_source", "walk"]

_GITIGNORE, _SLMIGNORE = ".gitignore", ".slmignore"
_OVERRIDABLE = frozenset({Skipped.VENDORED, Skipped.CACHE})
"""Reasons for skipping a folder that a pattern `!folder/` in .slmignore overrides."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may be read. `path` is relative to the workspace and uses `/`."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Folder:
    """The rules for the entries of a folder."""

    refused: Skipped | None
    """The reason for which the folder and everything in it is refused; None if it is accepted."""
    git: tuple[Level, ...] = ()
    """Patterns of .gitignore files and git's excludes, nearest folder first."""
    slm: tuple[Level, ...] = ()
    """Patterns of .slmignore files, nearest folder first."""


class Rules:
    """Decides from names and ignore files which paths of a workspace may be read.

    Ignore files are read when first needed and then cached; create new `Rules` after an ignore file changed. A path is
    refused if the patterns of git or of .slmignore refuse it: .slmignore cannot include a file that git ignores.

    Args:
        root: the workspace folder. Ignore files above it, up to the root of the repository, apply too.
        environ: environment variables, used to find the user's git configuration.
    """

    def __init__(self, root: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.root = Path(os.path.realpath(root))
        self._environ = environ
        self._folders: dict[str, _Folder] = {"": self._top()}

    def refuses(self, path: str, *, is_dir: bool = False) -> Skipped | None:
        """Return why a path, relative to the workspace, is refused; None if the file may be read."""
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
        """Return why a link to a file is refused; None if its target is a file that may be read itself."""
        target = inside(self.root, path)
        if target is None:
            return Skipped.OUTSIDE
        if (self.root / target).is_dir():
            return Skipped.LINK
        return self.refuses_file(self.folder(target.rpartition("/")[0]), target)

    def refuses_file(self, folder: _Folder, path: str) -> Skipped | None:
        """Return why a file in `folder` is refused; None if it is accepted. `path` is relative to the workspace."""
        if folder.refused is not None:
            return folder.refused
        name = path.rpartition("/")[2]
        refused = refused_file(name)
        if refused is None and (is_ignored(folder.git, path, name) or is_ignored(folder.slm, path, name)):
            return Skipped.IGNORED
        return refused

    def folder(self, path: str) -> _Folder:
        """Return the rules of a folder, by its path in the workspace."""
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
        """Compute the rules of the folder `path` from its parent folder's rules. `name` is the last part of `path`."""
        if parent.refused is not None:
            return parent
        if bad_name(name):
            return _Folder(Skipped.BAD_NAME)
        place = self.root / path
        if os.path.islink(place):  # noqa: PTH114 - `Path.is_symlink` raises an error for paths that are too long
            return _Folder(Skipped.OUTSIDE if inside(self.root, path) is None else Skipped.LINK)
        slm = is_ignored(parent.slm, path + "/", name + "/")
        refused = refused_folder(name, lambda entry: os.path.lexists(place / entry))
        if refused is not None and not (slm is False and refused in _OVERRIDABLE):
            return _Folder(refused)
        if slm or is_ignored(parent.git, path + "/", name + "/"):
            return _Folder(Skipped.IGNORED)
        git, cut = parent.git, len(path) + 1
        if os.path.lexists(place / ".git"):  # patterns of the outer repository do not apply in a nested repository
            git = tuple(Level(each, cut=cut) for each in excludes(place, self._environ))
        near_git, near_slm = (
            tuple(Level(each, cut=cut) for each in read_patterns(place / name)) for name in (_GITIGNORE, _SLMIGNORE)
        )
        return _Folder(None, near_git + git, near_slm + parent.slm)

    def _top(self) -> _Folder:
        """Compute the rules of the workspace folder from the ignore files between it and the repository's root."""
        repository = repository_of(self.root)
        place = repository or self.root
        way = self.root.relative_to(place).parts
        git = [(0, each) for each in excludes(repository, self._environ)]
        slm: list[tuple[int, Patterns]] = []
        depth = 0
        while True:
            git[:0] = [(depth, each) for each in read_patterns(place / _GITIGNORE)]
            slm[:0] = [(depth, each) for each in read_patterns(place / _SLMIGNORE)]
            git_levels, slm_levels = (
                tuple(Level(each, above="".join(f"{part}/" for part in way[start:depth])) for start, each in known)
                for known in (git, slm)
            )
            if depth == len(way):
                return _Folder(None, git_levels, slm_levels)
            name = way[depth] + "/"
            if is_ignored(git_levels, name, name) or is_ignored(slm_levels, name, name):
                return _Folder(Skipped.IGNORED)
            place /= way[depth]
            depth += 1


def walk(root: Path, rules: Rules | None = None) -> Iterator[SourceFile | tuple[str, Skipped]]:
    """Yield every file below `root` in a stable order: either the file, or its path and the reason for skipping it.

    This opens only ignore files. A refused folder is yielded as one entry, and the files in it are not yielded. If the
    workspace itself is refused, its path is `.`.
    """
    rules = rules or Rules(root)
    pending: list[tuple[str, os.DirEntry[str] | None]] = [("", None)]
    while pending:
        path, entry = pending.pop()
        if entry is not None and not entry.is_dir(follow_symlinks=False):
            yield _classify(rules, path, entry)
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
            yield _printable(path or "."), refused
        pending.extend((f"{path}/{each.name}" if path else each.name, each) for each in below)


def _classify(rules: Rules, path: str, entry: "os.DirEntry[str]") -> SourceFile | tuple[str, Skipped]:
    """Return what `walk` yields for an entry that is not a folder."""
    refused = rules.refuses_file(rules.folder(path.rpartition("/")[0]), path)
    if refused is None and entry.is_symlink():
        refused = rules.refuses_link(path)
    if refused is not None:
        return _printable(path), refused
    try:
        info = entry.stat()
    except OSError as error:
        return path, reason_of(error)
    refused = refused_kind(info)
    return SourceFile(path, info.st_size, info.st_mtime_ns) if refused is None else (path, refused)


def stat_source(root: Path, path: str) -> SourceFile | None:
    """Return a single file as `walk` would yield it; None if it cannot be read. The caller must apply `Rules` first."""
    if inside(Path(os.path.realpath(root)), path) is None:
        return None
    try:
        info = (root / path).stat()
    except (OSError, ValueError):
        return None
    return SourceFile(path, info.st_size, info.st_mtime_ns) if refused_kind(info) is None else None


def _printable(path: str) -> str:
    """Return the path with all unprintable characters escaped, so that it can be printed and stored."""
    return path if path.isprintable() else path.encode("utf-8", "backslashreplace").decode()
