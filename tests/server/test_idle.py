"""Work of pauses: its order, and what an interruption or a failure leaves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from slm_lsp.errors import ModelMissingError
from slm_lsp.server.idle import LIMIT, IdleQueue


class Bench:
    """A queue whose pieces run until a test lets them end."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.queue = IdleQueue(self.failures.append)
        self._gates: dict[str, asyncio.Event] = {}

    def piece(self, name: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.begun.append(name)
            await self._gates.setdefault(name, asyncio.Event()).wait()
            self.ended.append(name)

        return work

    def open_file(self, name: str) -> None:
        self.queue.put(name, self.piece(name))
        self.queue.resume(0.0)

    async def end(self, name: str) -> None:
        self._gates.setdefault(name, asyncio.Event()).set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_every_file_that_is_opened_has_its_turn_the_most_recent_first() -> None:
    bench = Bench()
    bench.open_file("a")
    await settle()
    bench.open_file("b")
    bench.open_file("c")
    for name in "abc":
        await bench.end(name)
    assert bench.ended == ["a", "c", "b"]


async def test_a_file_opened_after_the_queue_has_ended_has_its_turn_too() -> None:
    bench = Bench()
    for name in "ab":
        bench.open_file(name)
        await bench.end(name)
    assert bench.ended == ["a", "b"]


async def test_work_that_was_interrupted_is_taken_up_again() -> None:
    bench = Bench()
    bench.open_file("a")
    bench.open_file("b")
    await settle()
    bench.queue.interrupt()
    await bench.end("a")
    await bench.end("b")
    assert bench.ended == []
    bench.queue.resume(0.0)
    await settle()
    assert bench.ended == ["b", "a"]
    assert bench.begun == ["b", "b", "a"]


async def test_newer_work_for_a_document_replaces_what_runs_for_it() -> None:
    bench = Bench()
    bench.open_file("a")
    await settle()
    bench.queue.put("a", bench.piece("a at the cursor"))
    bench.queue.restart(0.0)
    await bench.end("a")
    await bench.end("a at the cursor")
    assert bench.ended == ["a at the cursor"]


async def test_a_closed_document_is_dropped_and_the_others_go_on() -> None:
    bench = Bench()
    for name in "abc":
        bench.open_file(name)
    await settle()
    bench.queue.drop("c")
    bench.queue.drop("a")
    for name in "abc":
        await bench.end(name)
    assert bench.ended == ["b"]


async def test_failures_are_told_and_the_queue_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def missing() -> None:
        raise ModelMissingError("No model is installed.", "Pull one.")

    async def broken() -> None:
        raise ZeroDivisionError("by nothing")

    bench = Bench()
    bench.queue.put("a", bench.piece("a"))
    bench.queue.put("missing", missing)
    bench.queue.put("broken", broken)
    with caplog.at_level(logging.ERROR):
        bench.queue.resume(0.0)
        await bench.end("a")
    assert bench.ended == ["a"]
    unexpected, expected = bench.failures
    assert "ZeroDivisionError" in unexpected
    assert "by nothing" in unexpected
    assert expected == "No model is installed. Pull one."
    (record,) = caplog.records
    assert record.exc_info


async def test_only_the_most_recent_documents_wait() -> None:
    bench = Bench()
    names = [str(number) for number in range(LIMIT + 2)]
    for name in names:
        bench.queue.put(name, bench.piece(name))
    bench.queue.resume(0.0)
    for name in names:
        await bench.end(name)
    assert sorted(bench.ended, key=int) == names[2:]
