"""What is told of the server's state, and how often."""

import asyncio

from slm_lsp.server import status
from slm_lsp.server.status import Status, StatusReport


def states(sent: list[Status]) -> list[str]:
    return [each["state"] for each in sent]


async def test_what_begins_and_ends_with_every_key_is_told_seldom_but_in_the_end() -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working", model="m", tier="fast")
    for speed in range(1, 10):
        report.set("ready", tokens_per_second=speed)
        report.set("working")
    report.set("ready", "nothing to add", tokens_per_second=50)
    assert states(sent) == ["working"]
    await asyncio.sleep(2 * status.QUIET_S)
    assert states(sent) == ["working", "ready"]
    assert (sent[-1]["reason"], sent[-1]["tokensPerSecond"]) == ("nothing to add", 50)
    report.set("working")
    assert states(sent) == ["working", "ready", "working"]


async def test_what_lasts_is_told_at_once() -> None:
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


async def test_nothing_is_told_twice() -> None:
    sent: list[Status] = []
    report = StatusReport(sent.append)
    report.set("working")
    report.set("working")
    report.set("ready")
    report.set("working")
    await asyncio.sleep(2 * status.QUIET_S)
    assert states(sent) == ["working"]
