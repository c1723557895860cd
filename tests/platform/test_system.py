"""The platform's side: a folder for this user alone, peers, cores."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from slm_lsp.errors import EngineUnavailableError
from slm_lsp.platform import system


def test_the_runtime_folder_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = system.runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert folder == tmp_path / "slm-lsp"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert system.runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path)}) == folder


def test_a_runtime_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "slm-lsp").mkdir()
    (tmp_path / "slm-lsp").chmod(0o755)
    with pytest.raises(EngineUnavailableError, match="not a folder of yours alone"):
        system.runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_link_in_place_of_the_runtime_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "slm-lsp").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineUnavailableError):
        system.runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_relative_runtime_folder_is_not_used() -> None:
    assert system.runtime_dir({"XDG_RUNTIME_DIR": "run"}).is_absolute()


def test_a_runtime_folder_that_cannot_be_made_is_an_error_of_ours() -> None:
    with pytest.raises(EngineUnavailableError, match="cannot be made"):
        system.runtime_dir({"XDG_RUNTIME_DIR": "/proc/nowhere"})


def test_a_path_too_long_for_a_socket_is_not_used(tmp_path: Path) -> None:
    folder = system.runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path / ("long" * 30))})
    assert len(os.fsencode(folder)) < 60


def test_the_peer_of_our_own_socket_is_us() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert system.peer_uid(one) == os.getuid()


def test_a_socket_is_for_this_user_alone_and_replaces_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("left behind")
    with system.listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_more_threads_than_cores() -> None:
    assert 1 <= system.usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", None), ("150000 100000", 1), ("400000 100000", 4), ("?", None)]
)
def test_the_quota_of_a_control_group(tmp_path: Path, text: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert system._cgroup_quota(tmp_path / "cpu.max") == cores


def test_free_memory_is_no_more_than_the_machine_has() -> None:
    assert 0 < system.free_memory() <= psutil.virtual_memory().total


@pytest.mark.parametrize(("limit", "left"), [("max\n", None), ("1000\n", 500), ("100\n", 0), ("?", None)])
def test_the_memory_that_a_control_group_leaves(tmp_path: Path, limit: str, left: int | None) -> None:
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\nfile 200\n")
    assert system._cgroup_memory(tmp_path) == left


AUTOGROUP = Path("/proc/self/autogroup")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group processes by session")
def test_a_process_with_a_session_of_its_own_is_nice_to_other_sessions_too() -> None:
    program = "from slm_lsp.platform.system import give_way; give_way(5); print(open('/proc/self/autogroup').read())"
    found = subprocess.run(
        [sys.executable, "-c", program], start_new_session=True, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip().endswith("nice 5")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group processes by session")
def test_the_session_of_somebody_else_stays_as_it_is() -> None:
    before = AUTOGROUP.read_text()
    program = "from slm_lsp.platform.system import give_way; give_way(5)"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert AUTOGROUP.read_text() == before
