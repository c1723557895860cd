"""What is told of the server's state, and how often."""

import asyncio
from collections.abc import Callable

import pytest

from slm_lsp.server import status
from slm_lsp.server.status import Status, StatusReport


class Clock:
    """The event loop's timers, which come due when a test says so."""

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


async def test_what_begins_and_ends_with_every_key_is_told_seldom_but_in_the_end(clock: Clock) -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working", model="m", tier="fast")
    for speed in range(1, 10):
        report.set("ready", tokens_per_second=speed)
        report.set("working")
    report.set("ready", "nothing to add", tokens_per_second=50)
    assert states(sent) == ["working"]
    clock.sleep(status.QUIET_S)
    assert states(sent) == ["working", "ready"]
    assert (sent[-1]["reason"], sent[-1]["tokensPerSecond"]) == ("nothing to add", 50)
    report.set("working")
    assert states(sent) == ["working", "ready"]
    clock.sleep(status.QUIET_S)
    assert states(sent) == ["working", "ready", "working"]


async def test_what_lasts_is_told_at_once(clock: Clock) -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working", model="m", tier="fast")
    report.set("failed", "the disk is full")
    report.set("ready")
    report.set("working", model="n", tier="strong")
    report.set_indexed(40)
    told = [(each["state"], each["model"], each["indexed"]) for each in sent]
    assert told == [
        ("working", "m", None),
        ("failed", "m", None),
        ("ready", "m", None),
        ("working", "n", None),
        ("working", "n", 40),
    ]


async def test_nothing_is_told_twice(clock: Clock) -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working")
    report.set("working")
    report.set("ready")
    report.set("working")
    clock.sleep(2 * status.QUIET_S)
    assert states(sent) == ["working"]
