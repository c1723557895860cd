"""Common parts of `bench` and `eval`: checks of arguments, the model to measure, progress and output."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note, progress_console
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.config import Settings
    from slm_lsp.harness.report import Report
    from slm_lsp.harness.tasks import OnProgress
    from slm_lsp.routing.policy import Choice

EVERY = 10
"""Number of tasks after which a progress line is printed if standard error is not a terminal."""


def require(args: argparse.Namespace, option: str, least: int) -> None:
    """Check that an option, if given, is at least `least`.

    Raises:
        UsageError: the value is smaller.
    """
    value = getattr(args, option)
    if value is not None and value < least:
        raise UsageError(f"--{option} must be at least {least}.")


def chosen_model(args: argparse.Namespace, settings: "Settings") -> "Choice":
    """Return the model that `--model` names; without the option, the model that the settings name.

    Raises:
        ModelMissingError: the model is not installed.
    """
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import choose_model

    return choose_model(args.model or settings.model, Store(settings.models_dir))


def print_report(args: argparse.Namespace, report: "Report", heading: str) -> int:
    """Print a report as a table with a heading, or as JSON with `--json`; return the exit code."""
    if args.json:
        emit_json(report)
        return 0
    emit(heading)
    for line in report.lines():
        emit(line)
    return 0


@contextmanager
def task_progress(args: argparse.Namespace) -> Iterator["OnProgress"]:
    """Show a progress bar on a terminal, otherwise a line every `EVERY` tasks; nothing with `--quiet`."""
    console = None if args.quiet else progress_console()
    if console is None:
        yield lambda done, of: note(args, f"{done} of {of} tasks") if done % EVERY == 0 else None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("tasks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("tasks", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
