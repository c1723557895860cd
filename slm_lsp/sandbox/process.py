"""Whether a program passes its tests, and what calls of functions come to: run in a process of its own."""

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

Outcome: TypeAlias = Literal["passed", "failed", "timeout"]

GUARD = Path(guard.__file__).resolve()
WALL_S = 8.0
CALLS_WALL_S = 2.0
ROOT = GUARD.parents[2]
START = "import sys; sys.path.append(sys.argv[1]); from slm_lsp.sandbox.calls import main; main()"
"""Without the packages of the installation, which take longer to look for than all else does."""
CHUNK_BYTES = 65_536
MOST_BYTES = 1024
"""More than that is not kept of what a process writes."""

KILLED = (-signal.SIGXCPU, -signal.SIGKILL)


class Verdict(Enum):
    """What calls of a function came to."""

    PASSED = calls.PASSED
    """All returned what they should."""
    FAILED = calls.FAILED
    """One returned something else, raised an error, or took too long."""
    UNFINISHED = calls.UNFINISHED
    """Some returned nothing and all others what they should, as where the end of a function is not written yet."""
    UNKNOWN = calls.UNKNOWN
    """They could not be run, or did what code may not do here."""


async def run_program(program: str, wall_s: float = WALL_S) -> Outcome:
    """Run a Python program in an empty folder; cancelling this ends it.

    Args:
        program: source text; an exception that leaves it is a failure, and so is leaving early.
        wall_s: seconds until it is ended, whatever it waits for.
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
    """What the same calls come to with each of several definitions, in that order; cancelling this ends them.

    Args:
        definitions: Python that defines what is called. It may only compute; that is looked at before (`purity`).
        wanted: calls, and literal values that they should have.
        modules: what the definitions import.
        wall_s: seconds until it is ended. A busy machine may need them all, so nothing is known then.
    """
    unknown = [Verdict.UNKNOWN] * len(definitions)
    if not COMPUTE_ONLY_SUPPORTED:
        return unknown
    try:
        told = marshal.dumps((list(modules), list(definitions), list(wanted)))
        code, said = await _run(("-S", "-W", "ignore", "-c", START, str(ROOT)), told, "/", wall_s)
        known = [Verdict(each) for each in said[1 : len(definitions) + 1]]
    except (OSError, ValueError):
        return unknown
    if said and len(known) < len(definitions) and code in KILLED:
        known.append(Verdict.FAILED)  # It did not stop; those behind it were not tried.
    return known + unknown[len(known) :]


async def _run(arguments: tuple[str, ...], told: bytes, folder: str, wall_s: float) -> tuple[int | None, bytes]:
    """The exit status, None where time was up; and what was written by then.

    Raises:
        OSError: no process could be started.
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
    said = bytearray()
    try:
        await asyncio.wait_for(_follow(process, told, said), wall_s)
    except TimeoutError:
        return None, bytes(said)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        # A pipe that nobody empties is not closed, and asyncio waits for that.
        while process.stdout is not None and await process.stdout.read(CHUNK_BYTES):
            pass
        await process.wait()
    return process.returncode, bytes(said)


async def _follow(process: asyncio.subprocess.Process, told: bytes, said: bytearray) -> None:
    if process.stdin is None or process.stdout is None:
        raise OSError("a process without pipes")
    process.stdin.write(told)
    process.stdin.close()
    while chunk := await process.stdout.read(CHUNK_BYTES):
        said.extend(chunk[: MOST_BYTES - len(said)])
    await process.wait()
