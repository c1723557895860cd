"""Matches ignore files with git's semantics, without running git.

The library pathspec translates a pattern into a regular expression that also matches everything below a matched folder.
Git works differently: it descends from the top folder and, for each entry, applies the last pattern that matches
exactly that entry. This makes a difference for negated patterns. Therefore this module rewrites each expression so that
it matches only the entry itself. It then joins all expressions of an ignore file into two: one for names and one for
paths. Checking an entry takes two matches instead of one per pattern.
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

MAX_BYTES = 1 << 20
"""Maximum number of bytes of an ignore file that are read."""

_ANYWHERE = "^(?:.+/)?"
_FILE_OR_FOLDER = "(?:(?P<ps_d>/)|$)"
_FOLDER = "(?P<ps_d>/)"
_ONLY_ALL = {".": ".+", _FOLDER: ".+/", "/": ".+/.+"}
"""The expressions of pathspec for `*`, `*/` and `**/*/**`, and the exact expressions that replace them."""

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
    """The compiled patterns of one ignore file."""

    names: re.Pattern[str] | None
    """All patterns without a slash. They are compared only with the last part of a path, which is much faster."""
    paths: re.Pattern[str] | None
    """All patterns with a slash."""
    name_numbers: tuple[int, ...]
    """For each alternative of `names`, the index of its pattern in the file."""
    path_numbers: tuple[int, ...]
    """For each alternative of `paths`, the index of its pattern in the file."""
    ignores: tuple[bool, ...]
    """For each pattern of the file: True if it ignores, False if it is negated with `!`."""

    def is_ignored(self, path: str, name: str) -> bool | None:
        """Whether the last matching pattern ignores the entry; None if no pattern matches.

        Args:
            path: path relative to the folder of the ignore file; ends with a slash for folders.
            name: last part of the path; ends with a slash for folders.
        """
        found = -1
        if self.names is not None and (match := self.names.fullmatch(name)):
            found = self.name_numbers[(match.lastindex or 1) - 1]
        if self.paths is not None and (match := self.paths.fullmatch(path)):
            found = max(found, self.path_numbers[(match.lastindex or 1) - 1])
        return None if found < 0 else self.ignores[found]


def patterns_of(lines: Iterable[str]) -> Patterns | None:
    """Compile the lines of an ignore file; None if it has no patterns. Invalid patterns match nothing, as in git."""
    names: list[tuple[str, int]] = []
    paths: list[tuple[str, int]] = []
    ignores: list[bool] = []
    for line in lines:
        with suppress(GitIgnorePatternError, re.error):
            regex, ignored = GitIgnoreSpecPattern.pattern_to_regex(_normalized(line))
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


def _normalized(line: str) -> str:
    """Rewrite the syntax that git supports and pathspec does not: POSIX classes, and more than two stars in a row."""
    return _MANY_STARS.sub("**", _POSIX_SET.sub(lambda match: _POSIX.get(match[1], match[0]), line))


def _joined(patterns: list[tuple[str, int]]) -> tuple[re.Pattern[str] | None, tuple[int, ...]]:
    """Join patterns into one expression in which the last matching pattern wins.

    Returns:
        The expression, and for each of its alternatives the index of the pattern.
    """
    if not patterns:
        return None, ()
    backwards = patterns[::-1]
    # The empty group identifies the alternative that matched.
    return re.compile("|".join(f"(?:{regex})()" for regex, _ in backwards)), tuple(number for _, number in backwards)


def _exact(regex: str, line: str) -> str:
    """Change a regular expression of pathspec so that it fully matches only the entries that git's pattern matches."""
    if regex in _ONLY_ALL:
        return _ONLY_ALL[regex]
    regex = _NEGATED_SET.sub("(?!/)[^", regex)  # in git, no character class matches a slash
    if regex.endswith(_FILE_OR_FOLDER):
        return regex.removesuffix(_FILE_OR_FOLDER) + "/?"
    if regex.endswith(_FOLDER):
        return regex.removesuffix(_FOLDER) + ("/.+/" if line.rstrip().endswith("/**/") else "/")
    if regex.endswith("/"):  # `folder/**` matches everything in the folder, but not the folder itself
        return regex + ".+"
    # Another version of pathspec may write expressions of another form. Keep them unchanged, so that they still match.
    return regex.replace("(?P<ps_d>", "(?:") + "(?s:.*)"


@dataclass(frozen=True, slots=True)
class Level:
    """The patterns of one folder, applied to paths relative to the workspace.

    Args:
        above: for a folder above the workspace, the path from that folder to the workspace, with a final slash.
        cut: for a folder below the workspace, the length of its path, with the final slash.
    """

    patterns: Patterns
    above: str = ""
    cut: int = 0


def is_ignored(levels: Iterable[Level], path: str, name: str) -> bool | None:
    """Return the result of the first level with a matching pattern: True if ignored, False if negated, else None."""
    for level in levels:
        found = level.patterns.is_ignored(level.above + path[level.cut :], name)
        if found is not None:
            return found
    return None


def read_patterns(path: Path) -> tuple[Patterns, ...]:
    """Read and compile an ignore file. The tuple is empty if the file is missing or has no patterns."""
    found = patterns_of(read_lines(path))
    return () if found is None else (found,)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a small text file; empty if it is unreadable or not a regular file. Never blocks on pipes."""
    with suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                # The operating system's functions also return names that are not UTF-8 with surrogate escapes.
                text = file.read(MAX_BYTES).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
                return [line.removesuffix("\r") for line in text.split("\n")]
    return []


def repository_of(folder: Path) -> Path | None:
    """Return the nearest folder that contains `.git`: `folder` itself or one above it."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)


def excludes(repository: Path | None, environ: Mapping[str, str]) -> tuple[Patterns, ...]:
    """Return the exclude patterns of the repository (`info/exclude`), then the user's patterns (lower priority)."""
    own = () if repository is None else read_patterns(_git_folder(repository) / "info" / "exclude")
    return own + read_patterns(_user_excludes(repository, environ))


def _git_folder(repository: Path) -> Path:
    """Return the git folder that all worktrees of a repository share. In worktrees and submodules, `.git` is a file."""
    folder = repository / ".git"
    if folder.is_dir():
        return folder
    first = (read_lines(folder) or [""])[0]
    folder = repository / first.removeprefix("gitdir:").strip()
    shared = (read_lines(folder / "commondir") or [""])[0].strip()
    return folder / shared


def _user_excludes(repository: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the file named by `core.excludesFile`, or git's default. `include` in git's configuration is ignored."""
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
