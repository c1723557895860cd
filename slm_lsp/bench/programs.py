"""Runs other programs to their end: what they print goes to a log and to a listener, and a failure says why."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slm_lsp.errors import PeerError

Listener = Callable[[str], None]
"""Hears one line of text."""


def run(command: Sequence[str], log: Path, environ: Mapping[str, str], on_line: Listener = lambda _: None) -> list[str]:
    """Run a program to its end; returns the lines it printed, which also go to the log.

    Raises:
        PeerError: it could not be started, or failed.
    """
    lines: list[str] = []
    try:
        with (
            log.open("a", encoding="utf-8") as file,
            subprocess.Popen(
                command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process,
        ):
            try:
                for line in process.stdout or ():
                    file.write(line)
                    lines.append(line.rstrip())
                    on_line(lines[-1])
            except BaseException:
                process.terminate()
                raise
    except FileNotFoundError as error:
        raise PeerError(f"{command[0]} cannot be run: {error.strerror}.") from error
    if process.returncode != 0:
        what = "pip, which fetches the source from a package index," if "pip" in command else Path(command[0]).name
        raise PeerError(f"{what} failed: {reason(lines)}.", f"All that it said: {log}.")
    return lines


def reason(lines: Sequence[str]) -> str:
    """The most telling line of what a failed program printed: the last that speaks of an error, else the last."""
    told = [line.strip() for line in lines if line.strip()]
    errors = [line for line in told if "error" in line.lower()]
    return (errors or told or ["it printed nothing"])[-1].rstrip(".")
