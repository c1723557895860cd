"""Starting and ending processes."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil


def spawn_detached(command: Sequence[str], log: Path, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a process that outlives this one and ignores its terminal. Its output is appended to `log`."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/", env=environ
        )
    # If the process ends before this one, it stays in the process table until somebody waits for it.
    threading.Thread(target=process.wait, name="reap", daemon=True).start()
    return process


def is_own(process: psutil.Process) -> bool:
    """Whether this user runs the process.

    Raises:
        psutil.Error: the process has ended.
    """
    return bool(process.uids().real == os.getuid())


def on_termination(stop: Callable[[], None]) -> None:
    """Call `stop` in the running event loop when the process receives SIGINT or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
