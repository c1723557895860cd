"""Helpers of the sandbox's tests: they run programs, and find processes and files that programs leave behind."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from slm_lsp.errors import SandboxUnavailableError
from slm_lsp.sandbox import isolation
from slm_lsp.sandbox.run import Limits, Outcome, run

PYTHON = "/usr/bin/python3"
MIB = 2**20
SHORT = Limits(wall_s=1)
LONG = Limits(wall_s=300, cpu_s=200)
"""Limits of time that no program in these tests reaches, even on a busy machine."""


def problem() -> str:
    try:
        isolation.choose()
    except SandboxUnavailableError as error:
        return str(error)
    return ""


NO_SANDBOX = problem()
needs_sandbox = pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX)
in_sandbox = [needs_sandbox, pytest.mark.usefixtures("temporary")]
"""Marks for modules whose tests run programs. They skip the tests if no sandbox works, and check what a test leaves."""


def needs(program: str, package: str) -> pytest.MarkDecorator:
    reason = f"needs {program}; `apt-get install {package}` would run it"
    return pytest.mark.skipif(shutil.which(program, path=isolation.PATH) is None, reason=reason)


needs_c = needs("cc", "gcc libc6-dev")
needs_java = needs("javac", "default-jdk-headless")
needs_perl = needs("perl", "perl")
needs_python = needs("python3", "python3")


def processes(folder: Path) -> set[int]:
    """Return the descendants of this process, and processes of sandboxes in `folder` that have lost their parents."""
    found = {each.pid for each in psutil.Process().children(recursive=True)}
    return found | {each.pid for each in psutil.process_iter() if str(folder) in " ".join(command_line(each))}


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def python(text: str, *arguments: str, limits: Limits = LONG, **options: object) -> Outcome:
    return await run([PYTHON, "p.py", *arguments], files={"p.py": text}, limits=limits, **options)  # type: ignore[arg-type]


async def c(text: str, limits: Limits = LONG) -> Outcome:
    compiled = await run(["cc", "-O1", "-o", "program", "program.c"], files={"program.c": text}, limits=LONG)
    assert compiled.ok, compiled.stderr
    return await run(["./program"], files=compiled.files, limits=limits)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never happened")


def sleeping() -> bool:
    return any("8642" in command_line(each) for each in psutil.process_iter())
