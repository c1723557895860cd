"""What process trees use, and how they are killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from slm_lsp.platform import processes

TREE = """
import os, sys, time
if os.fork() == 0:
    if os.fork() == 0:
        kept = b"x" * 50 * 2**20
    time.sleep(1000)
time.sleep(1000)
"""


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


@pytest.fixture
def tree() -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process with a child and a grandchild."""
    process = subprocess.Popen([sys.executable, "-S", "-c", TREE], start_new_session=True)
    until(lambda: len(processes.descendants(process.pid)) == 3)
    yield process
    processes.kill_tree(process.pid)
    process.wait()


@pytest.mark.parametrize("from_proc", [True, False])
def test_usage_counts_the_whole_tree(
    tree: "subprocess.Popen[bytes]", from_proc: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if from_proc and not processes.CHILDREN_LISTED:
        pytest.skip("needs Linux with CONFIG_PROC_CHILDREN")
    monkeypatch.setattr(processes, "CHILDREN_LISTED", from_proc)
    until(lambda: processes.usage(tree.pid).resident_bytes > 50 * 2**20)
    used = processes.usage(tree.pid)
    assert len(used.pids) == 3
    assert used.threads == 3
    assert used.pids[0] == tree.pid


def test_shared_memory_counts_once(tree: "subprocess.Popen[bytes]") -> None:
    until(lambda: processes.usage(tree.pid).resident_bytes > 50 * 2**20)
    used = processes.usage(tree.pid)
    assert 0 < processes.proportional_bytes(used.pids, used.resident_bytes) <= used.resident_bytes


def test_processor_time_of_children_that_have_ended_counts() -> None:
    text = """
import subprocess, sys, time
subprocess.run([sys.executable, "-S", "-c", "sum(range(10**7))"])
time.sleep(999)
"""
    process = subprocess.Popen([sys.executable, "-S", "-c", text])
    try:
        until(lambda: processes.usage(process.pid).cpu_s > 0.1 and len(processes.descendants(process.pid)) == 1)
    finally:
        processes.kill_tree(process.pid)
        process.wait()


def test_killing_a_tree_kills_all_its_processes(tree: "subprocess.Popen[bytes]") -> None:
    members = [psutil.Process(pid) for pid in processes.descendants(tree.pid)]
    processes.kill_tree(tree.pid)
    tree.wait()
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in members))


def test_the_usage_of_an_ended_tree_is_empty() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    assert processes.usage(process.pid) == processes.Usage()
    assert processes.descendants(process.pid) in ([], [process.pid])
    processes.kill_tree(2**22 + 1)


def test_detached_processes_are_found_by_their_environment() -> None:
    environ = {**os.environ, "SLM_TEST_MARK": str(os.getpid())}
    command = [
        sys.executable,
        "-S",
        "-c",
        "import os\nif os.fork() == 0: os.setsid(); os.execlp('sleep', 'sleep', '999')",
    ]
    subprocess.run(command, env=environ, check=True)
    mark = ("SLM_TEST_MARK", str(os.getpid()))
    assert len(processes.marked(*mark)) == 1
    processes.kill_marked(*mark)
    assert processes.marked(*mark) == []
