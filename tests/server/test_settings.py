"""Settings are resolved once, and again only when one of their sources changes."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from slm_lsp.server import settings as module
from slm_lsp.server.settings import CHECK_S, SettingsCache


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Reads:
    """Records each time that settings are read from files, and the threads that read them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspaces: list[Path | None] = []
        self.threads: list[threading.Thread] = []
        load = module.load_settings

        def recording(workspace: Path | None, **more: object) -> object:
            self.workspaces.append(workspace)
            self.threads.append(threading.current_thread())
            return load(workspace, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(module, "load_settings", recording)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


async def test_files_are_read_again_only_after_a_change(tmp_path: Path, clock: Clock, reads: Reads) -> None:
    user, shop = tmp_path / "config.toml", tmp_path / "shop"
    shop.mkdir()
    cache = SettingsCache({}, print, user, clock)
    for _ in range(5):
        assert (await cache.get(shop)).model == "auto"
        clock.now += CHECK_S
    assert reads.workspaces == [shop]
    (shop / ".slm-lsp.toml").write_text('model = "fast"\n')
    assert [(await cache.get(shop)).model for _ in range(3)] == ["fast"] * 3
    clock.now += CHECK_S
    user.write_text("statistics = false\n")
    assert [(await cache.get(shop)).statistics for _ in range(3)] == [False] * 3
    clock.now += CHECK_S
    (shop / ".slm-lsp.toml").unlink()
    assert (await cache.get(shop)).model == "auto"
    assert len(reads.workspaces) == 4


async def test_files_are_read_in_a_thread_and_once_for_simultaneous_requests(tmp_path: Path, reads: Reads) -> None:
    cache = SettingsCache({}, print, tmp_path / "config.toml")
    await asyncio.gather(*(cache.get(tmp_path) for _ in range(5)))
    (thread,) = reads.threads
    assert thread is not threading.current_thread()


async def test_files_are_not_checked_within_the_check_interval(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SettingsCache({}, print, tmp_path / "config.toml", clock)
    await cache.get(tmp_path)
    monkeypatch.setattr(module, "_stamp", lambda _: pytest.fail("looked at a file"))
    clock.now += CHECK_S / 2
    await cache.get(tmp_path)


async def test_change_takes_effect_after_the_check_interval_or_at_once_if_the_editor_reports_it(
    tmp_path: Path, clock: Clock
) -> None:
    user = tmp_path / "config.toml"
    cache = SettingsCache({}, print, user, clock)
    assert (await cache.get(None)).statistics
    user.write_text("statistics = false\n")
    assert (await cache.get(None)).statistics
    clock.now += CHECK_S
    assert not (await cache.get(None)).statistics
    user.unlink()
    cache.file_changed()
    assert (await cache.get(None)).statistics
    assert cache.is_settings_file(user)
    assert cache.is_settings_file(tmp_path / "shop" / ".slm-lsp.toml")
    assert not cache.is_settings_file(tmp_path / "other.toml")


async def test_change_that_keeps_size_and_modification_time_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / ".slm-lsp.toml"
    file.write_text('model = "fast" \n')
    os.utime(file, ns=(0, 0))
    cache = SettingsCache({}, print, tmp_path / "config.toml")
    assert (await cache.get(tmp_path)).model == "fast"
    file.write_text('model = "other"\n')
    os.utime(file, ns=(0, 0))
    cache.file_changed()
    assert (await cache.get(tmp_path)).model == "other"


async def test_command_line_settings_take_precedence_over_editor_settings(tmp_path: Path) -> None:
    cache = SettingsCache({"model": "fast"}, print, tmp_path / "config.toml")
    cache.configure({"model": "strong", "statistics": False})
    found = await cache.get(None)
    assert (found.model, found.statistics) == ("fast", False)
    cache.configure({})
    assert (await cache.get(None)).statistics


async def test_editors_settings_that_arrive_while_files_are_read_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, proceed = threading.Event(), threading.Event()
    load = module.load_settings

    def slow(workspace: Path | None, **more: object) -> object:
        found = load(workspace, **more)  # type: ignore[arg-type]
        reading.set()
        assert proceed.wait(60)
        return found

    monkeypatch.setattr(module, "load_settings", slow)
    cache = SettingsCache({}, print, tmp_path / "config.toml")
    waiting = asyncio.ensure_future(cache.get(None))
    assert await asyncio.to_thread(reading.wait, 60)
    cache.configure({"model": "strong"})
    proceed.set()
    assert (await waiting).model == "strong"


async def test_each_problem_is_shown_once_and_again_after_it_was_fixed(tmp_path: Path) -> None:
    shown: list[str] = []
    user = tmp_path / "config.toml"
    user.write_text("mine = 1\n")
    cache = SettingsCache({}, shown.append, user)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".slm-lsp.toml").write_text("theirs = 1\n")
        await cache.get(tmp_path / name)
        await cache.get(tmp_path / name)
    assert [Path(each.split(":")[0]).parent.name for each in shown] == [tmp_path.name, "one", "two"]
    cache.configure({"nothing": 1})
    await cache.get(tmp_path / "one")
    assert len(shown) == 4
    assert "`nothing`" in shown[3]
    cache.forget(tmp_path / "two")
    await cache.get(tmp_path / "two")
    assert len(shown) == 5
