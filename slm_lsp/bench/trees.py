"""Source trees for the benchmarks of the index, copied from Python's standard library and the installed packages."""

import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.errors import UsageError
from slm_lsp.index.source import read_source

LEAST_LINES = 300_000
"""Minimum number of lines for a meaningful benchmark."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder with sources."""

    root: Path
    files: tuple[str, ...]
    lines: int


def copy_sources(root: Path, lines: int) -> Tree:
    """Copy about `lines` lines of Python code into an empty folder, or fewer if this machine has fewer.

    Raises:
        UsageError: this machine has fewer than `LEAST_LINES` lines of Python code.
    """
    held: list[str] = []
    count = 0
    for source, target in _sources():
        if count >= lines:
            break
        # Copy only files that the index accepts: no binaries, no very long lines.
        text = read_source(source.parent, source.name)
        if isinstance(text, bytes):
            place = root / target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            held.append(target)
            count += text.count(b"\n")
    if count < LEAST_LINES:
        raise UsageError(f"Only {count} lines of Python are installed here; the benchmark needs {LEAST_LINES}.")
    return Tree(root, tuple(held), count)


def _sources() -> Iterator[tuple[Path, str]]:
    """Yield the files of the standard library, then those of the installed packages, each with its path in the tree."""
    for name in ("stdlib", "purelib"):
        base = Path(sysconfig.get_paths()[name])
        for path in sorted(base.rglob("*.py")):
            below = path.relative_to(base)
            if "site-packages" not in below.parts and "__pycache__" not in below.parts:
                yield path, f"{name}/{below.as_posix()}"
