"""Where commands write: results on standard output, everything else on standard error."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import Console


def emit(text: str) -> None:
    """One line of the result."""
    sys.stdout.write(text + "\n")


def emit_json(value: object) -> None:
    """The whole result as one JSON object (anything msgspec encodes)."""
    raw = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(raw.decode() + "\n")


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of the result after an empty line: names at the left, figures at the right of their columns."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(file=sys.stdout, highlight=False, markup=False)
    console.print()
    console.print(table)


def note(args: argparse.Namespace, text: str) -> None:
    """A line for the person watching; nothing with `--quiet`."""
    if not args.quiet:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def progress_console() -> "Console | None":
    """A console for progress bars, or None where standard error is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal else None
