"""The niceness of processes, and of sessions if Linux groups processes by session."""

import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group processes by session")
def test_a_session_leader_also_raises_the_niceness_of_its_session() -> None:
    program = "from slm_lsp.platform.priority import give_way; give_way(5); print(open('/proc/self/autogroup').read())"
    found = subprocess.run(
        [sys.executable, "-c", program], start_new_session=True, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip().endswith("nice 5")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group processes by session")
def test_a_process_that_is_not_a_session_leader_does_not_change_the_session() -> None:
    before = AUTOGROUP.read_text()
    program = "from slm_lsp.platform.priority import give_way; give_way(5)"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert AUTOGROUP.read_text() == before


def test_the_niceness_of_a_process_is_never_lowered() -> None:
    program = (
        "import os; from slm_lsp.platform.priority import give_way; "
        "os.nice(7); give_way(5); print(os.getpriority(os.PRIO_PROCESS, 0) >= 7)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True"
