"""In a pause, the strong model refines the suggestion of the fast model.

In these tests, the model of the fast tier is a random model of a few kilobytes, which answers at once. The model of the
strong tier is the real fast model, which takes longer and gives better answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.features.completion.cache import Cache
from slm_lsp.features.completion.complete import Completion, refused
from slm_lsp.server.outcomes import Outcomes
from slm_lsp.server.projects import Projects
from slm_lsp.server.refining import RestingCursor, refine
from slm_lsp.server.services import Services
from slm_lsp.server.sessions import Sessions
from slm_lsp.server.status import StatusReport
from slm_lsp.server.stream import Stream
from slm_lsp.server.warming import Warming
from tests.conftest import store_of_tiers
from tests.engine.client.test_process import until, until_idle
from tests.server.conftest import Editor, Start
from tests.server.test_suggestions import environ, first

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

HERE = types.Position(3, 11)
ANSWER = "fib(n-1)+fib(n-2)"


@pytest.fixture
def tiers(tmp_path: Path, tiny_model: Path, fast_model: Path) -> Path:
    """Return a store with a random model as the fast tier and the real fast model as the strong tier."""
    return store_of_tiers(tmp_path / "models", fast=tiny_model, strong=fast_model)


class Pause:
    """A pause in typing: an open file, a cursor, and the answer that was shown at the cursor."""

    def __init__(self, engine: EngineClient, folder: Path, program: str, models: Path) -> None:
        self.sessions = Sessions()
        self.uri = (folder / "fib.py").as_uri()
        self.sessions.open(types.TextDocumentItem(self.uri, "python", 1, program))
        self.engine = engine
        self.cache = Cache()
        self.sent: list[Any] = []
        stream = Stream(lambda method, message: self.sent.append((method, message)))
        stream.wants_refined = True
        self.status = StatusReport(lambda _: None)
        projects = Projects(self.sessions, lambda *_: None)
        self.services = Services(
            self.sessions, projects, engine, self._settings, self.status, stream, Outcomes(), self.cache
        )
        self.settings = Settings(models_dir=models, completion=CompletionSettings(block_tokens=0))

    async def _settings(self, _: str | None) -> Settings:
        return self.settings

    @property
    def cursor(self) -> RestingCursor:
        document = self.sessions.get(self.uri).document
        cursor = self.sessions.cursor(document, HERE)
        return RestingCursor(document, HERE, self.settings, PromptParts(cursor, at_line(cursor)))

    async def refine(self, shown: Completion) -> Completion:
        return await refine(self.services, self.cursor, shown)

    def shown(self, text: str) -> Completion:
        """Return an answer of the fast tier."""
        nothing = refused(self.cursor.parts.cursor, "")
        return replace(nothing, text=text, reason=None, confidence=0.8, id="first", model="tiny", tier="fast")

    @property
    def cached(self) -> Completion | None:
        """The answer that a request at the cursor would get from the cache."""
        return self.cache.get(self.cursor.parts.cursor)


@pytest_asyncio.fixture
async def pause(module_home: dict[str, str], tmp_path: Path, program: str, tiers: Path) -> AsyncIterator[Pause]:
    async with EngineClient(module_home) as engine:
        yield Pause(engine, tmp_path, program, tiers)


def squeezed(completion: Completion | None) -> str:
    return "" if completion is None else completion.text.replace(" ", "")


@pytest.mark.parametrize("text", ["n + 1", ""])
async def test_strong_answer_replaces_a_different_or_empty_answer(pause: Pause, text: str) -> None:
    found = await pause.refine(pause.shown(text))
    assert squeezed(found) == squeezed(pause.cached) == ANSWER
    assert (found.tier, found.replaces) == ("strong", "first" if text else "")
    document = {"uri": pause.uri, "version": 1}
    message = {"textDocument": document, "position": {"line": 3, "character": 11}, "id": found.id}
    assert pause.sent == [("slm/refined", message)]


async def test_same_answer_is_confirmed_and_not_requested_again(pause: Pause) -> None:
    shown = pause.shown("fib(n - 1) + fib(n - 2)")
    assert await pause.refine(shown) is shown
    assert pause.sent == []
    assert pause.cached is not None
    assert (pause.cached.id, pause.cached.tier, pause.cached.confirmed) == ("first", "fast", True)
    await until_idle(pause.engine)
    served = (await pause.engine.stats()).served
    await pause.refine(pause.cached)
    assert (await pause.engine.stats()).served == served


async def test_answer_below_the_minimum_confidence_does_not_replace_the_suggestion(pause: Pause) -> None:
    completion = replace(pause.settings.completion, least_confidence=1.0)
    pause.settings = replace(pause.settings, completion=completion)
    shown = pause.shown("n + 1")
    assert await pause.refine(shown) is shown
    assert pause.sent == []


async def test_edit_while_the_strong_model_answers_drops_its_answer(pause: Pause) -> None:
    cursor, shown = pause.cursor, pause.shown("n + 1")
    refining = asyncio.ensure_future(pause.refine(shown))
    await asyncio.sleep(0)
    change = types.TextDocumentContentChangePartial(types.Range(HERE, HERE), "f")
    document = types.VersionedTextDocumentIdentifier(2, pause.uri)
    pause.sessions.change(types.DidChangeTextDocumentParams(document, [change]))
    assert await refining is shown
    assert pause.sent == []
    assert pause.cache.get(cursor.parts.cursor) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda settings: replace(settings, completion=replace(settings.completion, refine=False)),
        lambda settings: replace(settings, model="fast"),
    ],
    ids=["refine = false", "model = fast"],
)
async def test_settings_switch_refinement_off(pause: Pause, change: Callable[[Settings], Settings]) -> None:
    pause.settings = change(pause.settings)
    await until_idle(pause.engine)
    served = (await pause.engine.stats()).served
    shown = pause.shown("n + 1")
    assert await pause.refine(shown) is shown
    assert (await pause.engine.stats()).served == served


async def test_prefetched_suggestion_has_an_id_and_a_tier(pause: Pause) -> None:
    pause.settings = replace(pause.settings, model="strong")
    shown = pause.shown("fib(n - 1)")
    Warming(pause.services).schedule(pause.sessions.get(pause.uri), HERE, 0.0, shown)
    cursor = pause.cursor.parts.cursor
    text = cursor.text[: cursor.offset] + shown.text + cursor.text[cursor.offset :]
    accepted = replace(cursor, text=text, offset=cursor.offset + len(shown.text))
    await until(lambda: pause.cache.get(accepted) is not None)
    found = pause.cache.get(accepted)
    assert found is not None
    assert found.id != ""
    assert found.tier == "strong"


@pytest.fixture
def both(module_home: dict[str, str], tiers: Path) -> dict[str, str]:
    """Return an environment with both tiers, in which the strong tier always exceeds the latency budget."""
    settings = {"MODEL": "auto", "MODELS_DIR": str(tiers), "COMPLETION_LATENCY_MS": "1"}
    return module_home | {f"SLM_LSP_{name}": value for name, value in settings.items()}


async def test_client_is_notified_after_a_pause_and_gets_the_strong_answer_at_once(
    start: Start, both: dict[str, str], tmp_path: Path, program: str
) -> None:
    editor = await start(environ=both, refined=True)
    uri = editor.open(tmp_path / "fib.py", program)
    item = await first(editor, uri, HERE.line, HERE.character)
    assert item is None or item.insert_text.replace(" ", "") != ANSWER
    await until(lambda: bool(editor.refined), 120)
    (message,) = editor.refined
    assert (message.textDocument.uri, message.textDocument.version) == (uri, 1)
    assert (message.position.line, message.position.character) == (HERE.line, HERE.character)
    async with EngineClient(environ(editor)) as engine:
        await until_idle(engine)
        served = (await engine.stats()).served
        item = await first(editor, uri, HERE.line, HERE.character)
        assert (await engine.stats()).served == served
    assert item.insert_text.replace(" ", "") == ANSWER
    assert item.command.arguments[0]["id"] == message.id


async def test_edit_in_the_pause_drops_the_refinement(
    start: Start, both: dict[str, str], tmp_path: Path, program: str
) -> None:
    editor = await start(environ=both, refined=True)
    uri = editor.open(tmp_path / "fib.py", program)
    await first(editor, uri, HERE.line, HERE.character)
    editor.type(uri, 2, HERE.line, HERE.character, "f")
    await first(editor, uri, HERE.line, HERE.character + 1)
    await until(lambda: bool(editor.refined), 120)
    assert [each.textDocument.version for each in editor.refined] == [2]


async def test_client_without_notifications_gets_the_strong_answer_at_the_next_request(
    start: Start, both: dict[str, str], tmp_path: Path, program: str
) -> None:
    editor = await start(environ=both, inline=False)
    uri = editor.open(tmp_path / "fib.py", program)
    for pause_s in (1, 2, 4, 8, 16, 32):
        items = (await listed(editor, uri)).items
        if items and items[0].text_edit.new_text.replace(" ", "") == ANSWER:
            break
        await asyncio.sleep(pause_s)
    else:
        pytest.fail("the strong model did not answer")
    assert editor.refined == []


async def listed(editor: Editor, uri: str) -> Any:
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), HERE)
    return await editor.client.text_document_completion_async(params)
