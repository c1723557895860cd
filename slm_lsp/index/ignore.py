"""Ignore files with git's semantics, without git.

pathspec translates a pattern into a regular expression that also matches whatever lies below a matched folder. Git
asks differently: from the top folder by folder, each time which pattern matches exactly this entry, the last one
winning. Only that gives its answers where patterns are taken back, so the expressions are made exact here, and those
of a file are joined into two: one look at a name and one at a path instead of one a pattern.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

MOST_BYTES = 1 << 20
"""Of an ignore file; what is behind is not read."""

_ANYWHERE = "^(?:.+/)?"
_FILE_OR_FOLDER = "(?:(?P<ps_d>/)|$)"
_FOLDER = "(?P<ps_d>/)"
_ONLY_ALL = {".": ".+", _FOLDER: ".+/", "/": ".+/.+"}
"""What pathspec writes for `*`, `*/` and `**/*/**`, and what it means for exactly one path."""

_NEGATED_SET = re.compile(r"\[\^(?!/\])")
_MANY_STARS = re.compile(r"\*{3,}")
_POSIX_SET = re.compile(r"\[:(\w+):\]")
_POSIX = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": " \t",
    "xdigit": "0-9a-fA-F",
}  # fmt: skip
_CORE = re.compile(r"\[\s*core\s*\]\s*(.*)", re.IGNORECASE)
_EXCLUDES_FILE = re.compile(r'excludesfile\s*=\s*"?([^"#;]*?)"?\s*(?:[#;].*)?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns of one ignore file: the number of a matching one, and whether each ignores or takes back."""

    names: re.Pattern[str] | None
    """Those without a slash: matched with the last part of a path alone, which is far cheaper."""
    paths: re.Pattern[str] | None
    name_numbers: tuple[int, ...]
    path_numbers: tuple[int, ...]
    ignores: tuple[bool, ...]

    def verdict(self, path: str, name: str) -> bool | None:
        """Whether the last pattern that matches ignores the entry; None if none matches.

        Args:
            path: from the folder of the ignore file; a folder's ends with a slash.
            name: the last part of it, likewise.
        """
        found = -1
        if self.names is not None and (match := self.names.fullmatch(name)):
            found = self.name_numbers[(match.lastindex or 1) - 1]
        if self.paths is not None and (match := self.paths.fullmatch(path)):
            found = max(found, self.path_numbers[(match.lastindex or 1) - 1])
        return None if found < 0 else self.ignores[found]


def patterns_of(lines: Iterable[str]) -> Patterns | None:
    """The patterns of an ignore file; None if it has none. One that git would not understand matches nothing."""
    names: list[tuple[str, int]] = []
    paths: list[tuple[str, int]] = []
    ignores: list[bool] = []
    for line in lines:
        with suppress(GitIgnorePatternError, re.error):
            regex, ignored = GitIgnoreSpecPattern.pattern_to_regex(_plain(line))
            if regex is None or ignored is None:
                continue
            exact = _exact(regex, line)
            re.compile(exact)
            rest = exact.removeprefix(_ANYWHERE)
            only_name = rest != exact and "/" not in rest.removesuffix("/?").removesuffix("/").replace("[^/]", "")
            (names if only_name else paths).append((rest if only_name else exact, len(ignores)))
            ignores.append(ignored)
    if not ignores:
        return None
    name_regex, name_numbers = _joined(names)
    path_regex, path_numbers = _joined(paths)
    return Patterns(name_regex, path_regex, name_numbers, path_numbers, tuple(ignores))


def _plain(line: str) -> str:
    """A pattern without what git knows and pathspec does not: named sets, and more than two stars."""
    return _MANY_STARS.sub("**", _POSIX_SET.sub(lambda match: _POSIX.get(match[1], match[0]), line))


def _joined(patterns: list[tuple[str, int]]) -> tuple[re.Pattern[str] | None, tuple[int, ...]]:
    """One expression whose first alternative that matches is the last pattern, and the number of each alternative."""
    if not patterns:
        return None, ()
    backwards = patterns[::-1]
    # The empty group tells which alternative it was.
    return re.compile("|".join(f"(?:{regex})()" for regex, _ in backwards)), tuple(number for _, number in backwards)


def _exact(regex: str, line: str) -> str:
    """The expression that matches in full exactly the entries a pattern means; folders end with a slash."""
    if regex in _ONLY_ALL:
        return _ONLY_ALL[regex]
    regex = _NEGATED_SET.sub("(?!/)[^", regex)  # no set matches a slash
    if regex.endswith(_FILE_OR_FOLDER):
        return regex.removesuffix(_FILE_OR_FOLDER) + "/?"
    if regex.endswith(_FOLDER):
        return regex.removesuffix(_FOLDER) + ("/.+/" if line.rstrip().endswith("/**/") else "/")
    if regex.endswith("/"):  # `folder/**`: all in it, but not itself
        return regex + ".+"
    # A form we do not know, of another pathspec: as it meant it, so that nothing ignored slips through.
    return regex.replace("(?P<ps_d>", "(?:") + "(?s:.*)"


@dataclass(frozen=True, slots=True)
class Level:
    """The patterns of one folder, for paths from the workspace.

    Args:
        above: the way from the folder of the patterns down to the workspace, where it lies above it.
        cut: the length of the way from the workspace down to it, where it lies below.
    """

    patterns: Patterns
    above: str = ""
    cut: int = 0


def verdict(levels: Iterable[Level], path: str, name: str) -> bool | None:
    """What the first of the levels that knows the entry says of it: ignored, taken back, or None."""
    for level in levels:
        found = level.patterns.verdict(level.above + path[level.cut :], name)
        if found is not None:
            return found
    return None


def read_patterns(path: Path) -> tuple[Patterns, ...]:
    """The patterns of an ignore file; empty if there is none, or none in it."""
    found = patterns_of(read_lines(path))
    return () if found is None else (found,)


def read_lines(path: Path) -> list[str]:
    """The lines of a small text file; none if it cannot be read or is no ordinary file. A pipe is not waited for."""
    with suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                # Names that are no UTF-8 come from the system in the same way.
                text = file.read(MOST_BYTES).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
                return [line.removesuffix("\r") for line in text.split("\n")]
    return []


def repository_of(folder: Path) -> Path | None:
    """The nearest folder with a `.git`, from `folder` upward."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)


def excludes(repository: Path | None, environ: Mapping[str, str]) -> tuple[Patterns, ...]:
    """Patterns from outside the tree, the stronger first: the repository's own, then the user's."""
    own = () if repository is None else read_patterns(_git_folder(repository) / "info" / "exclude")
    return own + read_patterns(_user_excludes(repository, environ))


def _git_folder(repository: Path) -> Path:
    """Where a repository keeps what its worktrees share; `.git` is a file in worktrees and submodules."""
    folder = repository / ".git"
    if folder.is_dir():
        return folder
    first = (read_lines(folder) or [""])[0]
    folder = repository / first.removeprefix("gitdir:").strip()
    shared = (read_lines(folder / "commondir") or [""])[0].strip()
    return folder / shared


def _user_excludes(repository: Path | None, environ: Mapping[str, str]) -> Path:
    """The file that `core.excludesFile` names, read without git: files that the configuration includes are not."""
    home = Path(environ.get("HOME") or "/nonexistent")
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
    named = ""
    sources = [settings / "config", home / ".gitconfig"]
    if repository is not None:
        sources.append(_git_folder(repository) / "config")
    for source in sources:
        in_core = False
        for line in map(str.strip, read_lines(source)):
            if line.startswith("["):
                in_core = (core := _CORE.fullmatch(line)) is not None
                line = core[1] if core else ""
            if in_core and (value := _EXCLUDES_FILE.fullmatch(line)):
                named = value[1]
    if named.startswith("~/"):
        return home / named[2:]
    return Path(named) if named else settings / "ignore"
