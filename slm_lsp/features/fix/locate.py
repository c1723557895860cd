"""Find the files of the project that an output names, and choose the place to fix."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from slm_lsp.features.fix.trace import Frame
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.languages.registry import language_of
from slm_lsp.privacy.paths import is_secret_path

_ELSEWHERE = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|\.venv|venv|\.cargo/registry|pkg/mod|\.rustup|\.nvm)/"
    r"|^/(?:usr/lib|usr/include|usr/local/(?:lib|go)|rustc|nix/store)/|^<|/lib/python3[\d.]*/"
    r"|^(?:javax?|jdk|kotlin|scala|sun|org/junit|org/opentest4j)/"
)
"""Paths of installed libraries. A file of the project may have the same name, but is another file."""

_TEST_FOLDERS = frozenset({"__tests__", "spec", "specs", "test", "tests"})


@dataclass(frozen=True, slots=True)
class Place:
    """A frame in a file of the project."""

    path: str
    """Path in the project, with `/`."""
    line: int
    """Counted from 1; 0 if it is not known."""
    function: str
    message: str


def located(frames: Sequence[Frame], root: str, files: ProjectFiles, near: str) -> tuple[Place, ...]:
    """Return the frames whose files belong to the project, in the same order.

    Args:
        frames: the frames of an output.
        root: absolute path of the project's folder, with `/`.
        files: the files of the project.
        near: path of a file in the project. If a frame fits several files equally well, and this file is one of them,
            this file is chosen.
    """
    found = []
    for each in frames:
        path = project_path(each.path, root, files, near)
        if path is not None:
            found.append(Place(path, each.line, each.function, each.message))
    return tuple(found)


def project_path(printed: str, root: str, files: ProjectFiles, near: str) -> str | None:
    """Return the file of the project that a printed path names; None if no file fits, or several fit equally well.

    The path may be absolute, also from another machine, or relative to any folder of the project. The file with the
    longest common end wins. A common file name alone is enough only for `near` or if one of the paths has no folders.
    Files that may hold secrets are never returned.
    """
    path = _plain(printed)
    top = _plain(root).rstrip("/")
    if path.startswith(f"{top}/"):
        path = path[len(top) + 1 :]
        return path if path in files and not is_secret_path(path) else None
    if _ELSEWHERE.search(path) or is_secret_path(path.lstrip("/")):
        return None
    if path in files:
        return path
    parts = [each for each in path.split("/") if each not in ("", ".", "..")]
    if not parts:
        return None
    lengths = {each: _common_end(parts, each.split("/")) for each in files.ending(parts[-1], near)}
    most = max(lengths.values(), default=0)
    best = [each for each, length in lengths.items() if length == most and not is_secret_path(each)]
    if most == 1:
        best = [each for each in best if each == near or "/" not in each or len(parts) == 1]
    if len(best) > 1 and near in best:
        return near
    return best[0] if len(best) == 1 else None


def _plain(path: str) -> str:
    path = re.sub(r"^\w+://", "", path).replace("\\", "/")
    path = re.sub(r"^/?[A-Za-z]:/", "/", path)
    while path.startswith("./"):
        path = path[2:]
    return path


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def is_test(path: str) -> bool:
    """Return whether a file contains tests, by its name and its folders."""
    *folders, name = path.split("/")
    if _TEST_FOLDERS.intersection(each.lower() for each in folders) or name in ("conftest.py", "tests.py"):
        return True
    language = language_of(path)
    patterns = () if language is None else language.tests
    names = (PurePosixPath(each.replace("{}", "*")).name for each in patterns)
    return any(fnmatch.fnmatchcase(name, each) for each in names if each.strip("*") != PurePosixPath(path).suffix)


def place_to_fix(places: Sequence[Place], path: str, *, elsewhere: bool) -> Place | None:
    """Return the place that is most likely wrong, or None if the output names no line of the file.

    Args:
        places: the places of an output, the innermost first.
        path: the file that the user named.
        elsewhere: whether another file may be fixed. Another file is chosen if the user named a file with tests, and
            the error comes from code that the tests call.
    """
    known = [each for each in places if each.line]
    if elsewhere and is_test(path) and (code := next((each for each in known if not is_test(each.path)), None)):
        return code
    return next((each for each in known if each.path == path), None)
