"""The indexer's process, as an editor's server drives it."""

import asyncio
import contextlib
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from slm_lsp.index import watch
from slm_lsp.index.client import IndexerClient
from slm_lsp.index.database import index_dir
from slm_lsp.index.process import State
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work" / "pkg").mkdir(parents=True)
    (tmp_path / "work" / "pkg" / "a.py").write_text("def first(): pass\n")
    return tmp_path / "work"


@pytest.fixture
async def told(root: Path) -> AsyncIterator[list[State]]:
    states: list[State] = []
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


async def test_changes_on_disk_are_seen_without_being_told(root: Path, told: list[State]) -> None:
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


async def test_a_second_server_waits_until_it_may_write(root: Path, told: list[State]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
    others: list[State] = []
    other = IndexerClient(root, others.append)
    other.start()
    await until(lambda: bool(others) and others[-1].state == "waiting")
    assert defined(root) == {"first"}
    await other.stop()


async def test_the_next_one_takes_over(root: Path) -> None:
    told: list[State] = []
    with Writer(index_dir(root)):
        client = IndexerClient(root, told.append)
        client.start()
        await until(lambda: bool(told) and told[-1].state == "waiting")
    await until(lambda: told[-1].state == "ready")
    await client.stop()


async def test_an_index_that_cannot_be_written_is_said_to(tmp_path: Path, root: Path) -> None:
    folder = index_dir(root)
    (folder / "index.db").mkdir(parents=True)
    told: list[State] = []
    client = IndexerClient(root, told.append)
    client.start()
    await until(lambda: bool(told) and told[-1].state == "failed")
    assert "cannot be written" in (told[-1].reason or "")
    await client.stop()


async def test_a_new_folder_is_watched_from_then_on(root: Path, told: list[State]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
    (root / "later").mkdir()
    await asyncio.sleep(0.5)
    await until(lambda: told[-1].state == "ready")
    (root / "later" / "b.py").write_text("def later(): pass\n")
    await until(lambda: "later" in defined(root))


async def test_a_name_that_is_no_text_does_not_end_the_indexer(root: Path, told: list[State]) -> None:
    await until(lambda: bool(told) and told[-1].state == "ready")
    with contextlib.suppress(OSError):  # some systems take no such name
        (root / "pkg" / os.fsdecode(b"bad\xff.py")).write_text("x\n")
    (root / "pkg" / "b.py").write_text("def second(): pass\n")
    await until(lambda: "second" in defined(root))
    assert all(each.state != "failed" for each in told)


async def test_a_log_that_grows_all_the_time_keeps_nobody_waiting(root: Path, told: list[State]) -> None:
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
    states: list[State] = []
    client = IndexerClient(root, states.append)
    client.start(root / "cache" / "index")
    await until(lambda: bool(states) and states[-1].state == "ready")
    await asyncio.sleep(0.5)
    count = len(states)
    await asyncio.sleep(1)
    await client.stop()
    assert len(states) <= count + 1
