"""Runs other programs and writes their output to a log and to a listener."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slm_lsp.errors import PeerError

Listener = Callable[[str], None]
"""A function that is called with each line of text."""


def run(command: Sequence[str], log: Path, environ: Mapping[str, str], on_line: Listener = lambda _: None) -> list[str]:
    """Run a program and return the lines that it printed.

    Args:
        command: the program and its arguments.
        log: file to which the output is appended.
        environ: environment variables of the program.
        on_line: called with each line.

    Raises:
        PeerError: the program could not be started, or failed.
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
        raise PeerError(f"{what} failed: {reason(lines)}.", f"See its output in {log}.")
    return lines


def reason(lines: Sequence[str]) -> str:
    """Return the most useful line of a failed program's output: the last line that contains "error", or the last."""
    printed = [line.strip() for line in lines if line.strip()]
    errors = [line for line in printed if "error" in line.lower()]
    return (errors or printed or ["it printed nothing"])[-1].rstrip(".")
