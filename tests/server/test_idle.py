"""The queue of work for pauses in typing: its order, interruptions and failures."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from slm_lsp.errors import ModelMissingError
from slm_lsp.server.idle import LIMIT, IdleQueue


class ControlledQueue:
    """A queue with tasks that run until the test ends them."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.started: list[str] = []
        self.ended: list[str] = []
        self.idle = IdleQueue(self.failures.append)
        self._gates: dict[str, asyncio.Event] = {}

    def task(self, name: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.started.append(name)
            await self._gates.setdefault(name, asyncio.Event()).wait()
            self.ended.append(name)

        return work

    def open_file(self, name: str) -> None:
        self.idle.put(name, self.task(name))
        self.idle.resume(0.0)

    async def end(self, name: str) -> None:
        self._gates.setdefault(name, asyncio.Event()).set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_tasks_of_all_opened_files_run_most_recent_first() -> None:
    queue = ControlledQueue()
    queue.open_file("a")
    await settle()
    queue.open_file("b")
    queue.open_file("c")
    for name in "abc":
        await queue.end(name)
    assert queue.ended == ["a", "c", "b"]


async def test_task_of_a_file_opened_while_the_queue_is_empty_runs() -> None:
    queue = ControlledQueue()
    for name in "ab":
        queue.open_file(name)
        await queue.end(name)
    assert queue.ended == ["a", "b"]


async def test_interrupted_task_runs_again() -> None:
    queue = ControlledQueue()
    queue.open_file("a")
    queue.open_file("b")
    await settle()
    queue.idle.pause()
    await queue.end("a")
    await queue.end("b")
    assert queue.ended == []
    queue.idle.resume(0.0)
    await settle()
    assert queue.ended == ["b", "a"]
    assert queue.started == ["b", "b", "a"]


async def test_newer_task_of_a_document_replaces_the_running_task() -> None:
    queue = ControlledQueue()
    queue.open_file("a")
    await settle()
    queue.idle.put("a", queue.task("a at the cursor"))
    queue.idle.restart(0.0)
    await queue.end("a")
    await queue.end("a at the cursor")
    assert queue.ended == ["a at the cursor"]


async def test_closed_document_is_dropped_and_the_others_continue() -> None:
    queue = ControlledQueue()
    for name in "abc":
        queue.open_file(name)
    await settle()
    queue.idle.drop("c")
    queue.idle.drop("a")
    for name in "abc":
        await queue.end(name)
    assert queue.ended == ["b"]


async def test_failures_are_reported_and_the_queue_continues(caplog: pytest.LogCaptureFixture) -> None:
    async def missing() -> None:
        raise ModelMissingError("No model is installed.", "Pull one.")

    async def broken() -> None:
        raise ZeroDivisionError("by nothing")

    queue = ControlledQueue()
    queue.idle.put("a", queue.task("a"))
    queue.idle.put("missing", missing)
    queue.idle.put("broken", broken)
    with caplog.at_level(logging.ERROR):
        queue.idle.resume(0.0)
        await queue.end("a")
    assert queue.ended == ["a"]
    unexpected, expected = queue.failures
    assert "ZeroDivisionError" in unexpected
    assert "by nothing" in unexpected
    assert expected == "No model is installed. Pull one."
    (record,) = caplog.records
    assert record.exc_info


async def test_only_the_most_recent_documents_stay_in_the_queue() -> None:
    queue = ControlledQueue()
    names = [str(number) for number in range(LIMIT + 2)]
    for name in names:
        queue.idle.put(name, queue.task(name))
    queue.idle.resume(0.0)
    for name in names:
        await queue.end(name)
    assert sorted(queue.ended, key=int) == names[2:]
