"""Prints the output of commands: results on standard output, everything else on standard error."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import Console


def emit(text: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(text + "\n")


def emit_json(value: object) -> None:
    """Print the whole result as one JSON object. `value` is anything that msgspec can encode."""
    raw = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(raw.decode() + "\n")


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print an empty line and a table. The first column is aligned left, all others right."""
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
    """Print a line for the user on standard error, unless `--quiet` is set."""
    if not args.quiet:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def progress_console() -> "Console | None":
    """Return a console for progress bars; None if standard error is not a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal else None
