"""Installed models are looked up in a thread, and only if a file or setting has changed."""

import asyncio
import itertools
import os
import shutil
import threading
from collections.abc import Callable
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
from slm_lsp.routing.choose import choose, models_to_warm
from slm_lsp.routing.installed import CHECK_S, ModelLookup
from slm_lsp.routing.policy import Choice


class Hashing:
    """Blocks each hash computation until `go` is set, and records the threads that compute hashes."""

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
    """Settings with one installed model. The file's modification time has changed since the installation."""
    model = Store(tmp_path / "models").add(tiny_model, "mine").path
    touch(model)
    return Settings(model="mine", models_dir=tmp_path / "models")


@pytest.fixture
def hashing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hashing:
    return Hashing(monkeypatch)


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The values of the setting `model` that were looked up."""
    settings: list[str] = []
    eligible_models = lookup.eligible_models

    def counting(setting: str, store: Store) -> tuple[Choice, ...]:
        settings.append(setting)
        return eligible_models(setting, store)

    monkeypatch.setattr(lookup, "eligible_models", counting)
    return settings


def touch(model: Path) -> None:
    """Set a later modification time. Other tests may share the file through hard links, so it is copied first."""
    data = model.read_bytes()
    state = model.stat()
    model.unlink()
    model.write_bytes(data)
    os.utime(model, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))


def clock() -> Callable[[], float]:
    """Return a clock that advances by the check interval at each call."""
    return itertools.count(0.0, CHECK_S).__next__


@pytest.mark.parametrize("ask", [choose, models_to_warm])
async def test_touched_model_is_hashed_in_a_thread(
    settings: Settings, hashing: Hashing, home: dict[str, str], ask: object
) -> None:
    hashing.go.set()
    cursor = Cursor("shop", "app.py", "x = ", 4, "python")
    async with EngineClient(home) as engine:
        await ask(PromptParts(cursor, at_line(cursor)), engine, settings)  # type: ignore[operator]
    assert len(hashing.threads) == 1
    assert threading.main_thread() not in hashing.threads


async def test_requests_during_a_hash_share_it_and_can_be_cancelled(settings: Settings, hashing: Hashing) -> None:
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


async def test_an_unchanged_store_is_not_looked_up_again(settings: Settings, look_ups: list[str]) -> None:
    find = ModelLookup(clock())
    (first,) = await find(settings)
    await find(settings)  # the first look-up has written a record, which changes the folder
    before = len(look_ups)
    for _ in range(5):
        assert await find(settings) == (first,)
    assert len(look_ups) == before
    touch(first.model.file)
    assert await find(settings) == (first,)
    assert len(look_ups) == before + 1


async def test_a_model_installed_later_is_found(tmp_path: Path, tiny_model: Path) -> None:
    find, settings = ModelLookup(), Settings(models_dir=tmp_path / "models")
    with pytest.raises(ModelMissingError):
        await find(settings)
    Store(settings.models_dir).add(tiny_model, "mine")
    assert [each.name for each in await find(settings)] == ["mine"]


async def test_a_model_set_by_its_path_is_looked_up_again_when_the_file_changes(
    tmp_path: Path, tiny_model: Path, look_ups: list[str]
) -> None:
    file = Path(shutil.copy(tiny_model, tmp_path / "own.gguf"))
    find, settings = ModelLookup(clock()), Settings(model=str(file), models_dir=tmp_path / "models")
    for _ in range(3):
        assert [each.model.file for each in await find(settings)] == [file]
    assert len(look_ups) == 1
    touch(file)
    await find(settings)
    assert len(look_ups) == 2


async def test_folder_is_read_at_most_once_per_interval(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, settings = [0.0], Settings(models_dir=tmp_path / "models")
    Store(settings.models_dir).add(tiny_model, "mine")
    find = ModelLookup(lambda: now[0])
    first = await find(settings)
    threads: list[threading.Thread] = []
    fingerprint = lookup._fingerprint

    def recording(setting: str, folder: Path) -> object:
        threads.append(threading.current_thread())
        return fingerprint(setting, folder)

    monkeypatch.setattr(lookup, "_fingerprint", recording)
    now[0] += CHECK_S / 2
    assert await find(settings) == first
    assert not threads
    now[0] += CHECK_S
    assert await find(settings) == first
    assert threads
    assert threading.main_thread() not in threads
