"""Starts two kinds of Python processes outside the sandbox of `run`, because processes start faster there.

The compute-only process runs `calls`, which calls functions to check the examples in their docstrings while the user
types. The other kind runs `guard`, which runs a program written by a model; evaluations run thousands of them.
"""

import asyncio
import marshal
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Literal, TypeAlias

from slm_lsp.sandbox import calls, guard
from slm_lsp.sandbox.seccomp import COMPUTE_ONLY_SUPPORTED

ProgramResult: TypeAlias = Literal["passed", "failed", "timeout"]

GUARD = Path(guard.__file__).resolve()
WALL_S = 8.0
CALLS_WALL_S = 2.0
ROOT = GUARD.parents[2]
START = "import sys; sys.path.append(sys.argv[1]); from slm_lsp.sandbox.calls import main; main()"
"""Code that starts the compute-only process. Python runs it without `site`, because finding the installed packages
takes most of the start time."""
CHUNK_BYTES = 65_536
MOST_BYTES = 1024
"""Maximum number of bytes of a process's output that are kept."""

KILLED = (-getattr(signal, "SIGXCPU", 24), -getattr(signal, "SIGKILL", 9))
"""Exit statuses of a process that exceeded its processor time."""


class Verdict(Enum):
    """The result of calling a function with its examples."""

    PASSED = calls.PASSED
    """All calls returned the expected values."""
    FAILED = calls.FAILED
    """A call returned another value, raised an error or took too long."""
    UNFINISHED = calls.UNFINISHED
    """Some calls returned None, all others the expected values. Probably the end of the function is not written yet."""
    UNKNOWN = calls.UNKNOWN
    """The calls could not be run, or did something that is not allowed."""


async def run_program(program: str, wall_s: float = WALL_S) -> ProgramResult:
    """Run a Python program of an evaluation in an empty folder. Cancelling the coroutine kills the process.

    Args:
        program: source text. The result is `failed` if the program raises an exception or exits early.
        wall_s: seconds until the process is killed.
    """
    with tempfile.TemporaryDirectory(prefix="slm-program-") as folder:
        code, _ = await _run((str(GUARD), program), b"", folder, wall_s)
    if code is None or code in KILLED:
        return "timeout"
    return "passed" if code == guard.RAN_TO_THE_END else "failed"


async def run_calls(
    definitions: Sequence[str],
    wanted: Sequence[tuple[str, object]],
    modules: Iterable[str] = (),
    wall_s: float = CALLS_WALL_S,
) -> list[Verdict]:
    """Run the same calls with each of several definitions; return a verdict for each, in the same order.

    Cancelling the coroutine kills the process.

    Args:
        definitions: sources of the function that is called. The caller has checked that they only compute (`purity`).
        wanted: sources of the calls, with the literal values that they should return.
        modules: modules that the definitions import.
        wall_s: seconds until the process is killed. The remaining verdicts are `UNKNOWN` then, because a busy machine
            may be the cause.
    """
    unknown = [Verdict.UNKNOWN] * len(definitions)
    if not COMPUTE_ONLY_SUPPORTED:
        return unknown
    try:
        request = marshal.dumps((list(modules), list(definitions), list(wanted)))
        code, output = await _run(("-S", "-W", "ignore", "-c", START, str(ROOT)), request, "/", wall_s)
        known = [Verdict(each) for each in output[1 : len(definitions) + 1]]
    except (OSError, ValueError):
        return unknown
    if output and len(known) < len(definitions) and code in KILLED:
        known.append(Verdict.FAILED)  # The calls of this definition did not end; later definitions were not tried.
    return known + unknown[len(known) :]


async def _run(arguments: tuple[str, ...], request: bytes, folder: str, wall_s: float) -> tuple[int | None, bytes]:
    """Run Python with `request` as standard input; return the exit status (None on timeout) and the output so far.

    Raises:
        OSError: the process cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-B",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={},
    )
    output = bytearray()
    try:
        await asyncio.wait_for(_follow(process, request, output), wall_s)
    except TimeoutError:
        return None, bytes(output)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        # asyncio waits until the pipe is closed, and a pipe that is not read to its end is never closed.
        while process.stdout is not None and await process.stdout.read(CHUNK_BYTES):
            pass
        await process.wait()
    return process.returncode, bytes(output)


async def _follow(process: asyncio.subprocess.Process, request: bytes, output: bytearray) -> None:
    if process.stdin is None or process.stdout is None:
        raise OSError("The process has no pipes.")
    process.stdin.write(request)
    process.stdin.close()
    while chunk := await process.stdout.read(CHUNK_BYTES):
        output.extend(chunk[: MOST_BYTES - len(output)])
    await process.wait()
