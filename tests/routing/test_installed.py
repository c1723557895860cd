"""Models are looked up in a thread, and only when something has changed."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from slm_lsp.config import Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import ModelMissingError
from slm_lsp.models import store as store_module
from slm_lsp.models.files import hash_file
from slm_lsp.models.store import Store
from slm_lsp.routing import installed as lookup
from slm_lsp.routing.choose import choose, to_warm
from slm_lsp.routing.installed import ModelLookup
from slm_lsp.routing.policy import Choice


class Hashing:
    """Holds up each hash until `go` is set, and records the threads that take one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[threading.Thread] = []
        self.begun, self.go = threading.Event(), threading.Event()
        monkeypatch.setattr(store_module, "hash_file", self._hash)

    def _hash(self, path: Path) -> str:
        self.threads.append(threading.current_thread())
        self.begun.set()
        assert self.go.wait(60)
        return hash_file(path)


@pytest.fixture
def settings(tmp_path: Path, tiny_model: Path) -> Settings:
    """With one model installed, which was touched since."""
    model = Store(tmp_path / "models").add(tiny_model, "mine").path
    touch(model)
    return Settings(model="mine", models_dir=tmp_path / "models")


@pytest.fixture
def hashing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hashing:
    return Hashing(monkeypatch)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The settings that were looked up."""
    settings: list[str] = []
    possible = lookup.possible

    def counting(setting: str, store: Store) -> tuple[Choice, ...]:
        settings.append(setting)
        return possible(setting, store)

    monkeypatch.setattr(lookup, "possible", counting)
    return settings


def touch(model: Path) -> None:
    """Give a file a later time of change. The tiny model may be shared by links, so the file is copied first."""
    data = model.read_bytes()
    state = model.stat()
    model.unlink()
    model.write_bytes(data)
    os.utime(model, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("ask", [choose, to_warm])
async def test_a_touched_model_is_hashed_in_a_thread(
    settings: Settings, hashing: Hashing, home: dict[str, str], ask: object
) -> None:
    hashing.go.set()
    cursor = Cursor("shop", "app.py", "x = ", 4, "python")
    async with EngineClient(home) as engine:
        await ask(PromptParts(cursor, at_line(cursor)), engine, settings)  # type: ignore[operator]
    assert len(hashing.threads) == 1
    assert threading.main_thread() not in hashing.threads


async def test_requests_during_a_hash_wait_for_it_and_may_be_cancelled(settings: Settings, hashing: Hashing) -> None:
    find = ModelLookup()
    waiting = [asyncio.ensure_future(find(settings)) for _ in range(4)]
    assert await asyncio.to_thread(hashing.begun.wait, 60)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    late = asyncio.ensure_future(find(settings))
    hashing.go.set()
    found = [await each for each in (*waiting[1:], late)]
    assert {choices[0].name for choices in found} == {"mine"}
    assert len(hashing.threads) == 1


async def test_nothing_is_looked_up_while_nothing_changes(settings: Settings, looked: list[str]) -> None:
    find = ModelLookup()
    (first,) = await find(settings)
    await find(settings)  # the first one has written a record
    before = len(looked)
    for _ in range(5):
        assert await find(settings) == (first,)
    assert len(looked) == before
    touch(first.model.file)
    assert await find(settings) == (first,)
    assert len(looked) == before + 1


async def test_a_model_that_is_installed_later_is_found(tmp_path: Path, tiny_model: Path) -> None:
    find, settings = ModelLookup(), Settings(models_dir=tmp_path / "models")
    with pytest.raises(ModelMissingError):
        await find(settings)
    Store(settings.models_dir).add(tiny_model, "mine")
    assert [each.name for each in await find(settings)] == ["mine"]


async def test_a_file_named_by_its_path_is_looked_at_again_when_it_changes(
    tmp_path: Path, tiny_model: Path, looked: list[str]
) -> None:
    file = Path(shutil.copy(tiny_model, tmp_path / "own.gguf"))
    find, settings = ModelLookup(), Settings(model=str(file), models_dir=tmp_path / "models")
    for _ in range(3):
        assert [each.model.file for each in await find(settings)] == [file]
    assert len(looked) == 1
    touch(file)
    await find(settings)
    assert len(looked) == 2
