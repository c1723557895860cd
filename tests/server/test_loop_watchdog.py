"""While a user types, no callback of the real server's event loop takes long.

The limits apply to the processor time of the loop's thread, so waiting for a busy machine does not count. Other
processes on the same core still make a computation slower, so no other test runs at the same time.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.bench.typing import Delete, Insert, State, TypingSession, load_sessions, replay, spread
from slm_lsp.server.watchdog import LIMIT_S, SLOW, watch_loop
from slm_lsp.text import Lines
from tests.conftest import FIXTURES
from tests.server.test_wire import Wire

TYPING_MS, LARGE_FILE_MS = 30.0, 50.0
"""Maximum processor time of a callback, in milliseconds: while recorded sessions are typed, and while a file of 10,000
lines is opened and edited. The aim for typing is 20 ms (`LIMIT_S`); slow processors need a little more."""

LARGE_LINES = 10_000

pytestmark = pytest.mark.alone

_REPORT = re.compile(r"WARNING .*: ([\d.]+) ms of processor time.*")

Start = Callable[..., "Typist"]


class Typist:
    """Types in a real server and requests a completion after every key. Waits for the answer to every third request."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._folder = folder
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self.wire = Wire(environ, log, "--debug")
        capabilities = {"textDocument": {"inlineCompletion": {}}, "experimental": {"slmStream": True}}
        params = {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities}
        self.wire.request(1, "initialize", params)
        self._before = len(self._log.read_text())
        self.wire.notify("initialized", {})
        self._number = 1
        self._version = 1

    def open(self, name: str, language: str, text: str) -> str:
        self._version = 1
        uri = (self._folder / name).as_uri()
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.wire.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def change(self, uri: str, old: State, start: int, end: int, new: str) -> None:
        """Replace a range of the old text, given as offsets."""
        self._version += 1
        change = {"range": {"start": position(old.text, start), "end": position(old.text, end)}, "text": new}
        document = {"uri": uri, "version": self._version}
        self.wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def complete(self, uri: str, state: State, *, explicit: bool = False, wait: bool = True) -> Any:
        self._number += 1
        params = {
            "textDocument": {"uri": uri},
            "position": position(state.text, state.offset),
            "context": {"triggerKind": 1 if explicit else 2},
        }
        message = {"jsonrpc": "2.0", "id": self._number, "method": "textDocument/inlineCompletion", "params": params}
        self.wire.send(message)
        while wait:
            answer = self.wire.read()
            if "method" not in answer and answer["id"] == self._number:
                return answer
        return None

    def type(self, session: TypingSession) -> None:
        """Type a recorded session."""
        before, *states = replay(session)
        uri = self.open(Path(session.file).name, session.language, before.text)
        for number, (event, state) in enumerate(zip(session.events, states, strict=True)):
            if isinstance(event, Insert):
                self.change(uri, before, before.offset, before.offset, event.text)
            elif isinstance(event, Delete):
                self.change(uri, before, before.offset - event.count, before.offset, "")
            self.complete(uri, state, wait=number % 3 == 2)
            before = state
        self.complete(uri, before, explicit=True)

    def slower_than(self, limit_ms: float) -> list[str]:
        """End the server. Return its log lines about callbacks after `initialize` that took longer than `limit_ms`."""
        self._number += 1
        self.wire.send({"jsonrpc": "2.0", "id": self._number, "method": "shutdown"})
        while self.wire.read().get("id") != self._number:
            pass
        self.wire.notify("exit")
        assert self.wire.process.wait(30) == 0
        log = self._log.read_text()
        assert "watching the event loop" in log
        return [match[0] for match in _REPORT.finditer(log, self._before) if float(match[1]) >= limit_ms]


def position(text: str, offset: int) -> dict[str, int]:
    found = Lines(text).position(offset)
    return {"line": found.line, "character": found.column}


@pytest.fixture
def start(home: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    typists: list[Typist] = []

    def start_one(model: Path, **settings: str) -> Typist:
        typists.append(Typist(home | {"SLM_LSP_MODEL": str(model)} | settings, tmp_path))
        return typists[-1]

    yield start_one
    for each in typists:
        each.wire.process.kill()
        each.wire.process.wait()


def test_typing_does_not_block_the_event_loop(start: Start, tiny_model: Path) -> None:
    # The random model has low confidence. Without a minimum confidence, its lines pass through all filters.
    typist = start(tiny_model, SLM_LSP_COMPLETION_LEAST_CONFIDENCE="0")
    for session in spread(load_sessions(FIXTURES / "typing"), 6):
        typist.type(session)
    assert typist.slower_than(TYPING_MS) == []


@pytest.mark.real_model
def test_typing_with_the_real_model_does_not_block_the_event_loop(start: Start, fast_model: Path) -> None:
    typist = start(fast_model)
    for session in spread(load_sessions(FIXTURES / "typing"), 1):
        typist.type(session)
    assert typist.slower_than(TYPING_MS) == []


def test_large_file_does_not_block_the_event_loop(start: Start, tiny_model: Path) -> None:
    typist = start(tiny_model, SLM_LSP_COMPLETION_LEAST_CONFIDENCE="0")
    source = (FIXTURES / "typing" / "python" / "scheduler.py").read_text()
    text = source * (LARGE_LINES // source.count("\n") + 1)
    offset = text.index("\n", len(text) // 2)
    uri = typist.open("large.py", "python", text)
    state = State(text, offset)
    for number, key in enumerate("\nvalue = max([job.runs for job in jobs"):
        typist.change(uri, state, state.offset, state.offset, key)
        state = State(state.text[: state.offset] + key + state.text[state.offset :], state.offset + 1)
        typist.complete(uri, state, wait=number % 3 == 2)
    typist.complete(uri, state, explicit=True)
    assert typist.slower_than(LARGE_FILE_MS) == []


async def wait_in_a_task() -> None:
    await asyncio.sleep(0)


async def test_slow_callbacks_are_logged_with_their_names(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]

    def slow() -> None:
        now[0] += LIMIT_S

    async def slow_task() -> None:
        slow()
        await wait_in_a_task()

    with caplog.at_level(logging.WARNING), watch_loop(clock=lambda: now[0]):
        asyncio.get_running_loop().call_soon(slow)
        await asyncio.create_task(slow_task())
        await asyncio.create_task(wait_in_a_task())
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith((SLOW % (LIMIT_S * 1e3, "")).rstrip())
    assert "slow" in first
    assert "slow_task" in second
    assert "wait_in_a_task" in second


async def test_failing_callback_is_measured_and_the_watchdog_stops_after_its_with_block(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, now = asyncio.Handle._run, [0.0]

    async def failing() -> None:
        now[0] += LIMIT_S
        raise ZeroDivisionError

    with caplog.at_level(logging.WARNING), watch_loop(clock=lambda: now[0]), pytest.raises(ZeroDivisionError):
        await asyncio.create_task(failing())
    assert len(caplog.records) == 1
    assert asyncio.Handle._run is run
