"""Real source trees for the benchmarks of the index: what Python itself and the installed packages are made of."""

import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.errors import UsageError
from slm_lsp.index.source import read_source

LEAST_LINES = 300_000


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder with sources."""

    root: Path
    files: tuple[str, ...]
    lines: int


def copy_sources(root: Path, lines: int) -> Tree:
    """A tree of so many lines of Python, copied into an empty folder; of fewer where no more are installed.

    Raises:
        UsageError: less than `LEAST_LINES` are there.
    """
    held: list[str] = []
    count = 0
    for source, target in _sources():
        if count >= lines:
            break
        # The same files that the index would take: no binaries, nothing with endless lines.
        text = read_source(source.parent, source.name)
        if isinstance(text, bytes):
            place = root / target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            held.append(target)
            count += text.count(b"\n")
    if count < LEAST_LINES:
        raise UsageError(f"Only {count} lines of Python are installed here; {LEAST_LINES} are wanted.")
    return Tree(root, tuple(held), count)


def _sources() -> Iterator[tuple[Path, str]]:
    """Files of the standard library, then of the installed packages, in a fixed order, each with its place."""
    for name in ("stdlib", "purelib"):
        base = Path(sysconfig.get_paths()[name])
        for path in sorted(base.rglob("*.py")):
            below = path.relative_to(base)
            if "site-packages" not in below.parts and "__pycache__" not in below.parts:
                yield path, f"{name}/{below.as_posix()}"
