"""Shows on standard error what a command is waiting for: a bar on a terminal, otherwise a line per slow stage."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from slm_lsp.cli.output import note, progress_console

SLOW_S = 1.0
"""Seconds after which a stage counts as slow. Without a terminal, a line is printed for each slow stage."""


class StageDisplay:
    """Shows the stages of one request, one at a time. This base class shows nothing."""

    def begin(self, text: str) -> None:
        """Start a stage of unknown length, and end the stage before it."""

    def advance(self, fraction: float) -> None:
        """Show how much of the current stage is done, from 0 to 1."""

    def end(self) -> None:
        """End the current stage."""


class Bar(StageDisplay):
    """A bar on a terminal. It pulses while the length of a stage is unknown.

    Each stage is a new task, because rich cannot make the total of a task unknown again (`total=None` means
    "unchanged").
    """

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn())
        self.progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None
        self._text = ""

    def begin(self, text: str) -> None:
        """See `StageDisplay`."""
        if text != self._text or self._task is None:
            self.end()
            self._text, self._task = text, self.progress.add_task(text, total=None)

    def advance(self, fraction: float) -> None:
        """See `StageDisplay`."""
        if self._task is not None:
            self.progress.update(self._task, total=1.0, completed=fraction)

    def end(self) -> None:
        """See `StageDisplay`."""
        if self._task is not None:
            self.progress.remove_task(self._task)
            self._task = None


class Lines(StageDisplay):
    """Prints a line for each stage that takes longer than `slow_s` seconds. Needs a running event loop."""

    def __init__(self, args: argparse.Namespace, slow_s: float = SLOW_S) -> None:
        self._args = args
        self._slow_s = slow_s
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, text: str) -> None:
        """See `StageDisplay`."""
        if text != self._text:
            self.end()
            self._text = text
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._slow_s, note, self._args, f"{text} …")

    def end(self) -> None:
        """See `StageDisplay`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def loading_stages(display: StageDisplay) -> Callable[[float], None]:
    """Return a callback for the loaded fraction of a model, from 0 to 1. When it is 1, the next stage begins."""

    def on_loading(fraction: float) -> None:
        if fraction < 1:
            display.advance(fraction)
        else:
            display.begin("reading the prompt")

    return on_loading


@contextmanager
def stage_display(args: argparse.Namespace) -> Iterator[StageDisplay]:
    """Yield the display that suits standard error: a bar, lines, or nothing with `--quiet`."""
    console = None if args.quiet else progress_console()
    if args.quiet:
        yield StageDisplay()
    elif console is None:
        yield Lines(args)
    else:
        bar = Bar(console)
        with bar.progress:
            yield bar
