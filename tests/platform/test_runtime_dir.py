"""The folder in which the processes of one user find each other."""

import os
import stat
from pathlib import Path

import pytest

from slm_lsp.errors import EngineUnavailableError
from slm_lsp.platform.runtime_dir import runtime_dir


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path: the path of a socket is short, and `tmp_path` contains the name of the test."""
    return tmp_path_factory.mktemp("run")


def test_only_the_user_can_enter_the_runtime_folder(runtime: Path) -> None:
    folder = runtime_dir({"XDG_RUNTIME_DIR": str(runtime)})
    assert folder == runtime / "slm-lsp"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert runtime_dir({"XDG_RUNTIME_DIR": str(runtime)}) == folder


def test_a_runtime_folder_that_others_can_enter_is_refused(runtime: Path) -> None:
    (runtime / "slm-lsp").mkdir()
    (runtime / "slm-lsp").chmod(0o755)
    with pytest.raises(EngineUnavailableError, match="other users own it or can enter it"):
        runtime_dir({"XDG_RUNTIME_DIR": str(runtime)})


def test_a_link_in_place_of_the_runtime_folder_is_refused(runtime: Path) -> None:
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "slm-lsp").symlink_to(runtime / "elsewhere")
    with pytest.raises(EngineUnavailableError):
        runtime_dir({"XDG_RUNTIME_DIR": str(runtime)})


def test_a_relative_runtime_folder_is_ignored() -> None:
    assert runtime_dir({"XDG_RUNTIME_DIR": "run"}).is_absolute()


def test_a_runtime_folder_that_cannot_be_created_is_reported() -> None:
    with pytest.raises(EngineUnavailableError, match="cannot be created"):
        runtime_dir({"XDG_RUNTIME_DIR": "/proc/nowhere"})


def test_a_runtime_folder_with_a_path_too_long_for_a_socket_is_not_used(tmp_path: Path) -> None:
    folder = runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path / ("long" * 30))})
    assert len(os.fsencode(folder)) < 60
