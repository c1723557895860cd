"""The indexer process. Its client starts and stops it as in the server."""

import asyncio
import contextlib
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from slm_lsp.index import watch
from slm_lsp.index.client import BACK_OFF_S, EXITS_BEFORE_REPORT, STABLE_AFTER_S, IndexerClient
from slm_lsp.index.database import index_dir
from slm_lsp.index.process import IndexerState
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work" / "pkg").mkdir(parents=True)
    (tmp_path / "work" / "pkg" / "a.py").write_text("def first(): pass\n")
    return tmp_path / "work"


@pytest.fixture
async def states(root: Path) -> AsyncIterator[list[IndexerState]]:
    states: list[IndexerState] = []
    client = IndexerClient(root, states.append)
    client.start()
    yield states
    await client.stop()


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition was not met within {seconds} s"
        await asyncio.sleep(0.02)


def defined(root: Path) -> set[str]:
    reader = Reader(index_dir(root))
    try:
        return {each.name for each in reader.definitions_of(reader.paths())}
    finally:
        reader.close()


async def test_indexer_detects_changes_on_disk(root: Path, states: list[IndexerState]) -> None:
    await until(lambda: bool(states) and states[-1].state == "ready")
    assert defined(root) == {"first"}
    (root / "pkg" / "b.py").write_text("def second(): pass\n")
    await until(lambda: "second" in defined(root))
    (root / "pkg" / "a.py").unlink()
    await until(lambda: defined(root) == {"second"})
    (root / "new" / "inner").mkdir(parents=True)
    (root / "new" / "inner" / "c.py").write_text("def third(): pass\n")
    await until(lambda: defined(root) == {"second", "third"})
    (root / ".gitignore").write_text("new/\n")
    await until(lambda: defined(root) == {"second"})


async def test_second_indexer_waits_for_the_write_lock(root: Path, states: list[IndexerState]) -> None:
    await until(lambda: bool(states) and states[-1].state == "ready")
    others: list[IndexerState] = []
    other = IndexerClient(root, others.append)
    other.start()
    await until(lambda: bool(others) and others[-1].state == "waiting")
    assert defined(root) == {"first"}
    await other.stop()


async def test_waiting_indexer_continues_when_the_lock_is_released(root: Path) -> None:
    states: list[IndexerState] = []
    with Writer(index_dir(root)):
        client = IndexerClient(root, states.append)
        client.start()
        await until(lambda: bool(states) and states[-1].state == "waiting")
    await until(lambda: states[-1].state == "ready")
    await client.stop()


async def test_unwritable_index_is_reported_as_failed(tmp_path: Path, root: Path) -> None:
    folder = index_dir(root)
    (folder / "index.db").mkdir(parents=True)
    states: list[IndexerState] = []
    client = IndexerClient(root, states.append)
    client.start()
    await until(lambda: bool(states) and states[-1].state == "failed")
    assert "cannot be written" in (states[-1].reason or "")
    await client.stop()


def indexers() -> list[psutil.Process]:
    """The running indexer processes that this process has started."""
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "slm_lsp.index" in process.cmdline():
                found.append(process)
    return found


class Restarts:
    """An indexer client whose restart delays are recorded and skipped, with a clock that the test sets."""

    def __init__(self, root: Path) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.states: list[IndexerState] = []
        self.client = IndexerClient(root, self.states.append, clock=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def kill(self) -> None:
        """Wait for the indexer process, kill it, and wait until the next process runs."""
        await until(lambda: len(indexers()) == 1)
        (process,), exits = indexers(), len(self.waits)
        process.kill()
        await until(lambda: len(self.waits) > exits and indexers() not in ([], [process]))

    @property
    def failures(self) -> list[IndexerState]:
        return [each for each in self.states if each.state == "failed"]


async def test_indexer_that_exits_is_restarted_with_back_off(root: Path) -> None:
    restarts = Restarts(root)
    restarts.client.start()
    for _ in range(len(BACK_OFF_S) + 1):
        await restarts.kill()
    assert restarts.waits == [*BACK_OFF_S, BACK_OFF_S[-1]]
    assert len(restarts.failures) == 1
    assert f"exited {EXITS_BEFORE_REPORT} times" in str(restarts.failures[0].reason)
    await until(lambda: restarts.states[-1].state == "ready")
    await restarts.client.stop()


async def test_back_off_starts_over_after_a_stable_run(root: Path) -> None:
    restarts = Restarts(root)
    restarts.client.start()
    await restarts.kill()
    await restarts.kill()
    for _ in range(2):
        await until(lambda: len(indexers()) == 1)
        restarts.now += STABLE_AFTER_S
        await restarts.kill()
    assert restarts.waits == [BACK_OFF_S[0], BACK_OFF_S[1], BACK_OFF_S[0], BACK_OFF_S[0]]
    assert restarts.failures == []
    await restarts.client.stop()


async def test_client_can_start_again_after_stop(root: Path) -> None:
    states: list[IndexerState] = []
    client = IndexerClient(root, states.append)
    for _ in range(2):
        states.clear()
        client.start()
        await until(lambda: bool(states) and states[-1].state == "ready")
        await client.stop()
        assert indexers() == []


async def test_stop_during_start_leaves_no_process_and_no_task(root: Path) -> None:
    for steps in range(8):
        client = IndexerClient(root, lambda _: None)
        client.start()
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.wait_for(client.stop(), 30)
        assert indexers() == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_new_folder_is_watched(root: Path, states: list[IndexerState]) -> None:
    await until(lambda: bool(states) and states[-1].state == "ready")
    (root / "later").mkdir()
    await asyncio.sleep(0.5)
    await until(lambda: states[-1].state == "ready")
    (root / "later" / "b.py").write_text("def later(): pass\n")
    await until(lambda: "later" in defined(root))


async def test_file_name_that_is_not_utf8_does_not_stop_the_indexer(root: Path, states: list[IndexerState]) -> None:
    await until(lambda: bool(states) and states[-1].state == "ready")
    with contextlib.suppress(OSError):  # some file systems reject such names
        (root / "pkg" / os.fsdecode(b"bad\xff.py")).write_text("x\n")
    (root / "pkg" / "b.py").write_text("def second(): pass\n")
    await until(lambda: "second" in defined(root))
    assert all(each.state != "failed" for each in states)


async def test_constantly_growing_files_do_not_delay_other_files(root: Path, states: list[IndexerState]) -> None:
    (root / ".gitignore").write_text("*.log\n")
    await until(lambda: bool(states) and states[-1].state == "ready")
    stop = threading.Event()

    def write() -> None:
        with (root / "app.log").open("a") as ignored, (root / "data.txt").open("a") as indexed:
            while not stop.wait(0.002):
                for each in (ignored, indexed):
                    each.write("a line\n")
                    each.flush()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        (root / "pkg" / "b.py").write_text("def second(): pass\n")
        await until(lambda: "second" in defined(root))
    finally:
        stop.set()
        writing.join()


async def test_watch_reports_a_problem_if_the_system_refuses_watches(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(watch.Observer, "schedule", full)
    watching = watch.Watch(root, lambda *_: None)
    assert "cannot be watched" in (watching.problem or "")
    watching.close()


async def test_index_inside_the_workspace_does_not_trigger_updates(root: Path) -> None:
    states: list[IndexerState] = []
    client = IndexerClient(root, states.append)
    client.start(root / "cache" / "index")
    await until(lambda: bool(states) and states[-1].state == "ready")
    await asyncio.sleep(0.5)
    count = len(states)
    await asyncio.sleep(1)
    await client.stop()
    assert len(states) <= count + 1
