"""`slm-lsp eval NAME`: what completions are worth, as a table or as JSON."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slm_lsp.cli.output import emit, emit_json, note, progress_console

TASKS = 200
EVERY = 10
"""Without a terminal, a line of progress after so many tasks."""

REUSE = "pass rate of lines when cells are reused, beside a fresh evaluation of the ordinary prompt"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("eval", help="measure whether completions are right")
    names = parser.add_subparsers(required=True, metavar="NAME")
    reuse = names.add_parser("reuse", parents=[common], help=REUSE, description=REUSE)
    reuse.add_argument("--tasks", type=int, default=TASKS, metavar="N", help=f"missing lines (default: {TASKS})")
    reuse.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run `eval reuse`."""
    from slm_lsp.config import load_settings
    from slm_lsp.engine.router import choose_model
    from slm_lsp.errors import UsageError
    from slm_lsp.evals import reuse
    from slm_lsp.models.store import Store

    if args.tasks < 1:
        raise UsageError("--tasks must be at least 1.")
    settings = load_settings()
    model = choose_model(args.model or settings.model, Store(settings.models_dir))
    with _progress(args) as tell:
        report = asyncio.run(reuse.run(model.path, model.name, args.tasks, settings, tell))
    if args.json:
        emit_json(report)
        return 0
    emit(f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {report.seconds:.0f} s")
    for line in report.lines():
        emit(line)
    return 0


@contextmanager
def _progress(args: argparse.Namespace) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else a line now and then; nothing with `--quiet`."""
    console = None if args.quiet else progress_console()
    if console is None:
        yield lambda done, of: note(args, f"{done} of {of} tasks") if done % EVERY == 0 else None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("tasks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("tasks", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
