"""Settings are resolved once, and again only when a source changes."""

import os
from pathlib import Path

import pytest

from slm_lsp.server import settings as module
from slm_lsp.server.settings import SettingsCache


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """The workspace of each time that files are read."""
    read: list[Path | None] = []
    load = module.load_settings

    def counting(workspace: Path | None, **more: object) -> object:
        read.append(workspace)
        return load(workspace, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "load_settings", counting)
    return read


def test_files_are_read_again_only_after_a_change(tmp_path: Path, reads: list[Path | None]) -> None:
    user, shop = tmp_path / "config.toml", tmp_path / "shop"
    shop.mkdir()
    cache = SettingsCache({}, print, user)
    for _ in range(5):
        assert cache.get(shop).model == "auto"
    assert reads == [shop]
    (shop / ".slm-lsp.toml").write_text('model = "fast"\n')
    assert [cache.get(shop).model for _ in range(3)] == ["fast"] * 3
    user.write_text("statistics = false\n")
    assert [cache.get(shop).statistics for _ in range(3)] == [False] * 3
    (shop / ".slm-lsp.toml").unlink()
    assert cache.get(shop).model == "auto"
    assert len(reads) == 4


def test_a_change_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    file = tmp_path / ".slm-lsp.toml"
    file.write_text('model = "fast" \n')
    os.utime(file, ns=(0, 0))
    cache = SettingsCache({}, print, tmp_path / "config.toml")
    assert cache.get(tmp_path).model == "fast"
    file.write_text('model = "other"\n')
    os.utime(file, ns=(0, 0))
    assert cache.get(tmp_path).model == "other"


def test_settings_of_the_command_line_win_over_the_editors(tmp_path: Path) -> None:
    cache = SettingsCache({"model": "fast"}, print, tmp_path / "config.toml")
    cache.configure({"model": "strong", "statistics": False})
    assert (cache.get(None).model, cache.get(None).statistics) == ("fast", False)
    cache.configure({})
    assert cache.get(None).statistics


def test_each_problem_is_told_once_and_again_after_it_was_mended(tmp_path: Path) -> None:
    told: list[str] = []
    user = tmp_path / "config.toml"
    user.write_text("mine = 1\n")
    cache = SettingsCache({}, told.append, user)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".slm-lsp.toml").write_text("theirs = 1\n")
        cache.get(tmp_path / name)
        cache.get(tmp_path / name)
    assert [Path(each.split(":")[0]).parent.name for each in told] == [tmp_path.name, "one", "two"]
    cache.configure({"nothing": 1})
    cache.get(tmp_path / "one")
    assert told[3:] == ["the editor's settings: there is no setting `nothing`."]
    cache.forget(tmp_path / "two")
    cache.get(tmp_path / "two")
    assert len(told) == 5
