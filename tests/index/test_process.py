"""The indexer's process, as an editor's server drives it."""

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
from slm_lsp.index.client import BACK_OFF_S, STEADY_S, TOLD_AT, IndexerClient
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
async def told(root: Path) -> AsyncIterator[list[IndexerState]]:
    states: list[IndexerState] = []
    client = IndexerClient(root, states.append)
    client.start()
    yield states
    await client.stop()


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def defined(root: Path) -> set[str]:
    reader = Reader(index_dir(root))
    try:
        return {each.name for each in reader.definitions_of(reader.paths())}
    finally:
        reader.close()


async def test_changes_on_disk_are_seen_without_being_told(root: Path, told: list[IndexerState]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
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


async def test_a_second_server_waits_until_it_may_write(root: Path, told: list[IndexerState]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
    others: list[IndexerState] = []
    other = IndexerClient(root, others.append)
    other.start()
    await until(lambda: bool(others) and others[-1].state == "waiting")
    assert defined(root) == {"first"}
    await other.stop()


async def test_the_next_one_takes_over(root: Path) -> None:
    told: list[IndexerState] = []
    with Writer(index_dir(root)):
        client = IndexerClient(root, told.append)
        client.start()
        await until(lambda: bool(told) and told[-1].state == "waiting")
    await until(lambda: told[-1].state == "ready")
    await client.stop()


async def test_an_index_that_cannot_be_written_is_said_to(tmp_path: Path, root: Path) -> None:
    folder = index_dir(root)
    (folder / "index.db").mkdir(parents=True)
    told: list[IndexerState] = []
    client = IndexerClient(root, told.append)
    client.start()
    await until(lambda: bool(told) and told[-1].state == "failed")
    assert "cannot be written" in (told[-1].reason or "")
    await client.stop()


def indexers() -> list[psutil.Process]:
    """The indexers that this process has started."""
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "slm_lsp.index" in process.cmdline():
                found.append(process)
    return found


class Restarts:
    """An indexer whose waits between two starts are recorded and over at once, by a clock that a test sets."""

    def __init__(self, root: Path) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.told: list[IndexerState] = []
        self.client = IndexerClient(root, self.told.append, clock=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def kill(self) -> None:
        """Kill the process as soon as it is there, and wait until the next one is."""
        await until(lambda: len(indexers()) == 1)
        (process,), ends = indexers(), len(self.waits)
        process.kill()
        await until(lambda: len(self.waits) > ends and indexers() not in ([], [process]))

    @property
    def failures(self) -> list[IndexerState]:
        return [each for each in self.told if each.state == "failed"]


async def test_an_indexer_that_ends_is_started_again_with_back_off(root: Path) -> None:
    restarts = Restarts(root)
    restarts.client.start()
    for _ in range(len(BACK_OFF_S) + 1):
        await restarts.kill()
    assert restarts.waits == [*BACK_OFF_S, BACK_OFF_S[-1]]
    assert len(restarts.failures) == 1
    assert f"ended {TOLD_AT} times" in str(restarts.failures[0].reason)
    await until(lambda: restarts.told[-1].state == "ready")
    await restarts.client.stop()


async def test_an_indexer_that_ran_for_a_while_begins_with_the_first_wait(root: Path) -> None:
    restarts = Restarts(root)
    restarts.client.start()
    await restarts.kill()
    await restarts.kill()
    for _ in range(2):
        await until(lambda: len(indexers()) == 1)
        restarts.now += STEADY_S
        await restarts.kill()
    assert restarts.waits == [BACK_OFF_S[0], BACK_OFF_S[1], BACK_OFF_S[0], BACK_OFF_S[0]]
    assert restarts.failures == []
    await restarts.client.stop()


async def test_an_indexer_can_be_started_again_after_it_was_stopped(root: Path) -> None:
    told: list[IndexerState] = []
    client = IndexerClient(root, told.append)
    for _ in range(2):
        told.clear()
        client.start()
        await until(lambda: bool(told) and told[-1].state == "ready")
        await client.stop()
        assert indexers() == []


async def test_an_indexer_that_is_stopped_while_it_starts_leaves_nothing_behind(root: Path) -> None:
    for steps in range(8):
        client = IndexerClient(root, lambda _: None)
        client.start()
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.wait_for(client.stop(), 30)
        assert indexers() == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_new_folder_is_watched_from_then_on(root: Path, told: list[IndexerState]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
    (root / "later").mkdir()
    await asyncio.sleep(0.5)
    await until(lambda: told[-1].state == "ready")
    (root / "later" / "b.py").write_text("def later(): pass\n")
    await until(lambda: "later" in defined(root))


async def test_a_name_that_is_no_text_does_not_end_the_indexer(root: Path, told: list[IndexerState]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
    with contextlib.suppress(OSError):  # some systems take no such name
        (root / "pkg" / os.fsdecode(b"bad\xff.py")).write_text("x\n")
    (root / "pkg" / "b.py").write_text("def second(): pass\n")
    await until(lambda: "second" in defined(root))
    assert all(each.state != "failed" for each in told)


async def test_a_log_that_grows_all_the_time_keeps_nobody_waiting(root: Path, told: list[IndexerState]) -> None:
    (root / ".gitignore").write_text("*.log\n")
    await until(lambda: bool(told) and told[-1].state == "ready")
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


async def test_without_watches_the_index_is_made_all_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(watch.Observer, "schedule", full)
    watching = watch.Watch(root, lambda *_: None)
    assert "cannot be watched" in (watching.problem or "")
    watching.close()


async def test_an_index_inside_of_the_workspace_does_not_keep_itself_busy(root: Path) -> None:
    states: list[IndexerState] = []
    client = IndexerClient(root, states.append)
    client.start(root / "cache" / "index")
    await until(lambda: bool(states) and states[-1].state == "ready")
    await asyncio.sleep(0.5)
    count = len(states)
    await asyncio.sleep(1)
    await client.stop()
    assert len(states) <= count + 1
