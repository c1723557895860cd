"""Whether a program passes its tests: run in a process of its own, with little time, memory and rights."""

import asyncio
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from slm_lsp.evals import guard

Outcome: TypeAlias = Literal["passed", "failed", "timeout"]

GUARD = Path(guard.__file__).resolve()
WALL_S = 8.0
KILLED = (-signal.SIGXCPU, -signal.SIGKILL)


async def run_program(program: str, wall_s: float = WALL_S) -> Outcome:
    """Run a Python program in an empty folder; cancelling this ends it.

    Args:
        program: source text; an exception that leaves it is a failure, and so is leaving early.
        wall_s: seconds until it is ended, whatever it waits for.
    """
    with tempfile.TemporaryDirectory(prefix="slm-eval-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-B",
            str(GUARD),
            program,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={},
        )
        try:
            code = await asyncio.wait_for(process.wait(), wall_s)
        except TimeoutError:
            return "timeout"
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code in KILLED:
        return "timeout"
    return "passed" if code == guard.RAN_TO_THE_END else "failed"
