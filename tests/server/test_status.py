"""The changes of the status that are sent to the client, and how often they are sent."""

import asyncio
from collections.abc import Callable

import pytest

from slm_lsp.server import status
from slm_lsp.server.status import Status, StatusReport


class Clock:
    """Replaces the timers of the event loop; time passes when a test calls `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[asyncio.TimerHandle] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, call, (), asyncio.get_running_loop())
        self._due.append(handle)
        return handle

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [each for each in self._due if each.when() <= end and not each.cancelled()]:
            first = min(due, key=asyncio.TimerHandle.when)
            self._due.remove(first)
            self.now = first.when()
            first._run()
        self.now = end


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", clock.call_later)
    return clock


def states(sent: list[Status]) -> list[str]:
    return [each["state"] for each in sent]


async def test_routine_changes_are_sent_once_per_interval_and_the_last_change_is_always_sent(clock: Clock) -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working", model="m", tier="fast")
    for speed in range(1, 10):
        report.set("ready", tokens_per_second=speed)
        report.set("working")
    report.set("ready", "nothing to add", tokens_per_second=50)
    assert states(sent) == ["working"]
    clock.sleep(status.MIN_INTERVAL_S)
    assert states(sent) == ["working", "ready"]
    assert (sent[-1]["reason"], sent[-1]["tokensPerSecond"]) == ("nothing to add", 50)
    report.set("working")
    assert states(sent) == ["working", "ready"]
    clock.sleep(status.MIN_INTERVAL_S)
    assert states(sent) == ["working", "ready", "working"]


async def test_other_changes_are_sent_at_once(clock: Clock) -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working", model="m", tier="fast")
    report.set("failed", "the disk is full")
    report.set("ready")
    report.set("working", model="n", tier="strong")
    report.set_indexed(40)
    values = [(each["state"], each["model"], each["indexed"]) for each in sent]
    assert values == [
        ("working", "m", None),
        ("failed", "m", None),
        ("ready", "m", None),
        ("working", "n", None),
        ("working", "n", 40),
    ]


async def test_same_status_is_not_sent_twice(clock: Clock) -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working")
    report.set("working")
    report.set("ready")
    report.set("working")
    clock.sleep(2 * status.MIN_INTERVAL_S)
    assert states(sent) == ["working"]
