"""The progress of indexing in an editor. The test controls the clock, and a list records what the editor receives."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from slm_lsp.index.process import IndexerState
from slm_lsp.server.progress import SHOWN_AFTER_S, IndexProgress


class RecordedProgress:
    """Replaces `Progress` of pygls and records what an editor would show."""

    def __init__(self) -> None:
        self.tokens: dict[str, Future[Any]] = {}
        self.messages: list[Any] = []

    async def create_async(self, token: str) -> None:
        self.tokens[token] = Future()

    def begin(self, token: str, value: Any) -> None:
        self.messages.append(value.title)

    def report(self, token: str, value: Any) -> None:
        self.messages.append(value.percentage)

    def end(self, token: str, value: Any) -> None:
        self.messages.append("end")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: now[0])
    return now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_short_indexing_is_not_shown(clock: list[float]) -> None:
    shown = RecordedProgress()
    progress = IndexProgress(shown, "work", lambda: None)  # type: ignore[arg-type]
    progress.show(IndexerState("indexing", 1, 2))
    clock[0] += SHOWN_AFTER_S / 2
    progress.show(IndexerState("ready"))
    await settle()
    assert shown.messages == []


async def test_longer_indexing_is_shown_until_it_ends(clock: list[float]) -> None:
    shown = RecordedProgress()
    progress = IndexProgress(shown, "work", lambda: None)  # type: ignore[arg-type]
    for done in (0, 1, 2, 3):
        progress.show(IndexerState("indexing", done, 4))
        await settle()
        clock[0] += SHOWN_AFTER_S
    progress.show(IndexerState("ready"))
    assert shown.messages == ["Indexing work", 50, 75, "end"]


async def test_user_can_cancel_indexing(clock: list[float]) -> None:
    shown = RecordedProgress()
    stopped: list[bool] = []
    progress = IndexProgress(shown, "work", lambda: stopped.append(True))  # type: ignore[arg-type]
    for done in (0, 1, 2):
        progress.show(IndexerState("indexing", done, 4))
        await settle()
        clock[0] += SHOWN_AFTER_S
        for token in shown.tokens.values():
            token.cancel()
    assert stopped == [True]
    assert shown.messages[-1] == "end"


async def test_messages_after_a_cancellation_are_not_shown(clock: list[float]) -> None:
    shown = RecordedProgress()
    progress = IndexProgress(shown, "work", lambda: None)  # type: ignore[arg-type]
    for done in (0, 1, 2):
        progress.show(IndexerState("indexing", done, 4))
        await settle()
        clock[0] += SHOWN_AFTER_S
        for token in shown.tokens.values():
            token.cancel()
    progress.show(IndexerState("indexing", 3, 4))
    await settle()
    assert shown.messages == ["Indexing work", "end"]


async def test_client_without_progress_gets_no_message() -> None:
    IndexProgress(None, "work", lambda: None).show(IndexerState("indexing", 1, 2))
