"""When an editor shows that a project is being indexed. The clock is the test's; the editor is a list."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from slm_lsp.index.process import IndexerState
from slm_lsp.server.progress import SHOWN_AFTER_S, IndexProgress


class Shown:
    """What an editor was told, in place of pygls's `Progress`."""

    def __init__(self) -> None:
        self.tokens: dict[str, Future[Any]] = {}
        self.said: list[Any] = []

    async def create_async(self, token: str) -> None:
        self.tokens[token] = Future()

    def begin(self, token: str, value: Any) -> None:
        self.said.append(value.title)

    def report(self, token: str, value: Any) -> None:
        self.said.append(value.percentage)

    def end(self, token: str, value: Any) -> None:
        self.said.append("end")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: now[0])
    return now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_done_in_a_moment_is_not_shown(clock: list[float]) -> None:
    shown = Shown()
    progress = IndexProgress(shown, "work", lambda: None)  # type: ignore[arg-type]
    progress.show(IndexerState("indexing", 1, 2))
    clock[0] += SHOWN_AFTER_S / 2
    progress.show(IndexerState("ready"))
    await settle()
    assert shown.said == []


async def test_what_takes_longer_is_shown_until_it_is_done(clock: list[float]) -> None:
    shown = Shown()
    progress = IndexProgress(shown, "work", lambda: None)  # type: ignore[arg-type]
    for done in (0, 1, 2, 3):
        progress.show(IndexerState("indexing", done, 4))
        await settle()
        clock[0] += SHOWN_AFTER_S
    progress.show(IndexerState("ready"))
    assert shown.said == ["Indexing work", 50, 75, "end"]


async def test_a_user_may_stop_it(clock: list[float]) -> None:
    shown = Shown()
    stopped: list[bool] = []
    progress = IndexProgress(shown, "work", lambda: stopped.append(True))  # type: ignore[arg-type]
    for done in (0, 1, 2):
        progress.show(IndexerState("indexing", done, 4))
        await settle()
        clock[0] += SHOWN_AFTER_S
        for token in shown.tokens.values():
            token.cancel()
    assert stopped == [True]
    assert shown.said[-1] == "end"


async def test_what_the_indexer_still_says_after_a_cancel_is_not_shown(clock: list[float]) -> None:
    shown = Shown()
    progress = IndexProgress(shown, "work", lambda: None)  # type: ignore[arg-type]
    for done in (0, 1, 2):
        progress.show(IndexerState("indexing", done, 4))
        await settle()
        clock[0] += SHOWN_AFTER_S
        for token in shown.tokens.values():
            token.cancel()
    progress.show(IndexerState("indexing", 3, 4))
    await settle()
    assert shown.said == ["Indexing work", "end"]


async def test_a_client_that_shows_no_progress_is_told_nothing() -> None:
    IndexProgress(None, "work", lambda: None).show(IndexerState("indexing", 1, 2))
