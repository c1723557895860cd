"""`slm-lsp index [PATH]`: updates the index of a project; `--stats` prints what the index contains."""

import argparse
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note, progress_console
from slm_lsp.cli.target import find_workspace

if TYPE_CHECKING:
    from slm_lsp.index.indexer import Progress, Summary
    from slm_lsp.index.reader import Totals

DESCRIPTION = """Reads the files of a project that have changed since the last run and updates its index. `complete` and
`context` then know the other files of the project. You do not need this command in an editor: the language server
updates the index itself."""

KILO = 1000


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "index", parents=[common], help="update the index of a project", description=DESCRIPTION
    )
    parser.epilog = "example: slm-lsp index ~/src/shop --stats"
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="folder of the project (default: the project around the current folder)"
    )
    parser.add_argument(
        "--stats",
        action="store_true",
        help="also print the lines per language, and how many files were left out and why",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Update the index and print what was done."""
    from slm_lsp.errors import IndexBusyError, InterruptedCommandError, UsageError
    from slm_lsp.index.database import index_dir, is_damage, unwritable_error
    from slm_lsp.index.reader import Reader

    root = Path(args.path or args.workspace or find_workspace(Path.cwd() / "file")).resolve()
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder.")
    folder = index_dir(root)
    summary = None
    with _interruptible() as stopped:
        try:
            try:
                summary = _check(args, root, folder, stopped)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise unwritable_error(folder, error) from error
                note(args, f"The index is rebuilt: {error}")
                summary = _check(args, root, folder, stopped)
        except IndexBusyError:
            note(args, "An editor is already keeping this index up to date.")
        reader = Reader(folder)
        try:
            totals = reader.totals()
        finally:
            reader.close()
        if stopped():
            command = f"slm-lsp index {args.path}" if args.path else "slm-lsp index"
            what = f"Interrupted: {totals.files} files are in the index of {root}."
            raise InterruptedCommandError(what, f"Run `{command}` again to continue with the other files.")
    if args.json:
        emit_json(_as_json(root, summary, totals))
    else:
        for line in _lines(args, root, summary, totals):
            emit(line)
    return 0


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether the user has pressed Ctrl-C.

    The first Ctrl-C only stops the reading of files, so that the files read so far are still written to the index. The
    second Ctrl-C ends the command at once.
    """
    pressed = False

    def on_interrupt(_: int, __: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, previous)


def _check(args: argparse.Namespace, root: Path, folder: Path, stopped: Callable[[], bool]) -> "Summary":
    """Update the index. If it turns out to be damaged, delete it and raise `sqlite3.DatabaseError`."""
    from slm_lsp.index.database import discard, is_damage
    from slm_lsp.index.indexer import Indexer
    from slm_lsp.index.store import Writer

    with Writer(folder) as writer:
        if writer.rebuilt_because:
            note(args, f"The index is rebuilt: {writer.rebuilt_because}")
        indexer = Indexer(root, folder, writer)
        try:
            with _progress(args) as report:
                return indexer.check(report, stopped)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                discard(folder)
            raise
        finally:
            indexer.close()


@contextmanager
def _progress(args: argparse.Namespace) -> "Iterator[Callable[[Progress], None]]":
    console = None if args.quiet else progress_console()
    if console is None:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking for changes", total=None)
        yield lambda each: bar.update(task, description="reading files", completed=each.done, total=each.total)


def _as_json(root: Path, summary: "Summary | None", totals: "Totals") -> dict[str, object]:
    return {
        "workspace": str(root).encode(errors="replace").decode(),
        "checked": asdict(summary) if summary else None,
        **asdict(totals),
    }


def _lines(args: argparse.Namespace, root: Path, summary: "Summary | None", totals: "Totals") -> Iterator[str]:
    from slm_lsp.index.names import Skipped

    if summary:
        yield f"{root}: {summary.read} files read, {summary.removed} removed, in {summary.seconds:.1f} s"
    yield (
        f"{totals.files} files, {totals.lines} lines, {totals.definitions} definitions, {totals.chunks} chunks, "
        f"{totals.database_bytes / KILO / KILO:.1f} MB"
    )
    if args.stats:
        for name, lines in totals.languages.items():
            yield f"  {lines:9d} lines   {name or 'other text'}"
        for reason, count in totals.skipped.items():
            yield f"  {count:9d} left out: {Skipped(reason).why}"
