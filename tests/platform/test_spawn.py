"""Starting processes that outlive the current process, and stopping on a signal."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil

from slm_lsp.platform import spawn


def test_a_detached_process_leads_a_session_and_writes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    program = "import os; print(os.getsid(0) == os.getpid())"
    process = spawn.spawn_detached([sys.executable, "-c", program], log, os.environ)
    assert process.wait(60) == 0
    assert log.read_text() == "before\nTrue\n"


def test_this_process_belongs_to_the_user() -> None:
    assert spawn.is_own(psutil.Process())


async def test_a_termination_signal_calls_the_function_in_the_loop() -> None:
    stopped = asyncio.Event()
    spawn.on_termination(stopped.set)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stopped.wait(), 60)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)
