import asyncio
import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from slm_lsp.sandbox.process import GUARD, run_program


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.mark.parametrize(
    "program",
    [
        "",
        "assert 1 + 1 == 2",
        "import hashlib, math, random, re\nopen('here.txt', 'w').write('fine')",
        "print('much' * 9)",
    ],
)
async def test_correct_program_passes(program: str) -> None:
    assert await run_program(program) == "passed"


@pytest.mark.parametrize(
    "program",
    ["assert 1 + 1 == 3", "this is no Python", "raise SystemExit(0)", "import os; os._exit(0)", "def f(:"],
)
async def test_wrong_program_fails(program: str) -> None:
    assert await run_program(program) == "failed"


async def test_endless_loop_is_ended_by_the_limit_of_processor_time() -> None:
    """The limit of wall time is an hour, so only the limit of processor time can end the program."""
    assert await run_program("while True: pass", wall_s=3600) == "timeout"


async def test_program_that_sleeps_is_ended_by_the_wall_time() -> None:
    assert await run_program("import time; time.sleep(60)", wall_s=0.5) == "timeout"


async def test_program_with_endless_output_is_ended() -> None:
    """Python waits until a pipe is closed. A pipe that is not read to its end is never closed."""
    flooding = "x = 'x' * 60000\nwhile True: print(x)"
    assert await asyncio.wait_for(run_program(flooding, wall_s=0.5), 60) == "timeout"


async def test_standard_input_is_empty() -> None:
    assert await run_program("import sys; assert sys.stdin.read() == ''") == "passed"


async def test_folder_is_empty_and_environment_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "hidden")
    assert await run_program("import os; assert os.listdir() == [] and 'A_SECRET' not in os.environ") == "passed"


@pytest.mark.parametrize(
    "harm",
    [
        "open({path!r}, 'w').write('x')",
        "open({path!r}, 'a').write('x')",
        "import os; os.open({path!r}, os.O_WRONLY | os.O_CREAT)",
        "import os; os.remove({path!r})",
        "import os; os.rename({path!r}, {path!r} + '2')",
        "import os; os.truncate({path!r}, 0)",
        "import os; os.chmod({path!r}, 0)",
        "import os; os.symlink({path!r}, 'link'); open('link', 'w').write('x')",
        "import pathlib; pathlib.Path({path!r}).write_text('x')",
        "import shutil; shutil.rmtree({folder!r})",
        "import subprocess; subprocess.run(['/bin/sh', '-c', 'echo x > {path}'])",
        "import os; os.system('echo x > {path}')",
        "import os; os.fork()",
        "import os; os.execv('/bin/sh', ['sh', '-c', 'echo x > {path}'])",
    ],
)
async def test_program_cannot_change_anything_outside_its_folder(tmp_path: Path, harm: str) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("as it was")
    assert await run_program(harm.format(path=str(kept), folder=str(tmp_path))) == "failed"
    assert kept.read_text() == "as it was"
    assert names(tmp_path) == {"kept.txt"}


async def test_program_cannot_signal_other_processes() -> None:
    assert await run_program(f"import os, signal; os.kill({os.getpid()}, signal.SIGTERM)") == "failed"


async def test_program_cannot_reach_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
        assert await run_program(reach) == "failed"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not hold processes to a limit of address space")
async def test_memory_is_limited() -> None:
    assert await run_program("bytearray(100 * 1024**2)") == "passed"
    assert await run_program("bytearray(2 * 1024**3)") == "failed"


async def test_size_of_files_is_limited() -> None:
    assert await run_program("open('big', 'wb').write(bytes(8 * 1024**2))") == "failed"


async def guards() -> list[psutil.Process]:
    """Wait until a program runs, and return the running programs."""
    for _ in range(500):
        if found := [each for each in psutil.Process().children() if str(GUARD) in each.cmdline()]:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("no program was started")


async def test_cancelling_ends_the_program_and_removes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    running = asyncio.create_task(run_program("import time; time.sleep(60)"))
    (child,) = await guards()
    assert len(names(tmp_path)) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert names(tmp_path) == set()
    assert not child.is_running()
