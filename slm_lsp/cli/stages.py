"""Shows on standard error what a command waits for: a bar on a terminal, elsewhere a line for each slow stage."""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from slm_lsp.cli.output import note, progress_console

SLOW_S = 1.0
"""Seconds after which a stage is named where no bar can be drawn."""


class Stages:
    """The stages of one request, one at a time. This base class shows nothing."""

    def begin(self, text: str) -> None:
        """A stage begins and ends the one before; how long it takes is not known."""

    def advance(self, fraction: float) -> None:
        """This part of the running stage is done, from 0 to 1."""

    def end(self) -> None:
        """No stage is running any more."""


class Bar(Stages):
    """A bar on a terminal, which pulses while the length of a stage is not known.

    Each stage is a task of its own: rich cannot take the total of a task back (`total=None` means "as before").
    """

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn())
        self.progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None
        self._text = ""

    def begin(self, text: str) -> None:
        """See `Stages`."""
        if text != self._text or self._task is None:
            self.end()
            self._text, self._task = text, self.progress.add_task(text, total=None)

    def advance(self, fraction: float) -> None:
        """See `Stages`."""
        if self._task is not None:
            self.progress.update(self._task, total=1.0, completed=fraction)

    def end(self) -> None:
        """See `Stages`."""
        if self._task is not None:
            self.progress.remove_task(self._task)
            self._task = None


class Lines(Stages):
    """A line for each stage that takes longer than `slow_s`. Used inside a running event loop."""

    def __init__(self, args: argparse.Namespace, slow_s: float = SLOW_S) -> None:
        self._args = args
        self._slow_s = slow_s
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, text: str) -> None:
        """See `Stages`."""
        if text != self._text:
            self.end()
            self._text = text
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._slow_s, note, self._args, f"{text} …")

    def end(self) -> None:
        """See `Stages`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@contextmanager
def stages(args: argparse.Namespace) -> Iterator[Stages]:
    """The way to show stages that suits standard error and `--quiet`."""
    console = None if args.quiet else progress_console()
    if args.quiet:
        yield Stages()
    elif console is None:
        yield Lines(args)
    else:
        bar = Bar(console)
        with bar.progress:
            yield bar
