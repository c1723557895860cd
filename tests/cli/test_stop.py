"""`slm-lsp stop`: stops real engine processes and no other processes."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from slm_lsp.engine.client import ending
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.engine.paths import busy_path, lock_path, pid_path, place_id, socket_path
from slm_lsp.errors import EngineUnavailableError
from slm_lsp.platform.runtime_dir import runtime_dir
from tests.cli.test_commands import run
from tests.conftest import engines
from tests.engine.test_paths import answering_engine, copy_of_the_package, without_path


async def start_engine(home: dict[str, str]) -> psutil.Process:
    async with EngineClient(home) as client:
        return psutil.Process((await client.stats()).pid)


def test_stop_without_an_engine_prints_a_message(home: dict[str, str]) -> None:
    found = run(home, "stop")
    assert found.returncode == 0
    assert found.stdout == "No model process of this installation is running.\n"
    assert json.loads(run(home, "stop", "--json").stdout) == {"stopped": [], "others": []}


async def test_stop_stops_the_engine_and_waits_until_it_has_exited(home: dict[str, str]) -> None:
    process = await start_engine(home)
    found = await asyncio.to_thread(run, home, "stop")
    assert found.returncode == 0, found.stderr
    assert found.stdout == f"process {process.pid}: stopped\n"
    assert engines(home) == []
    folder = runtime_dir(home)
    assert not socket_path(folder).exists()
    assert not pid_path(folder).exists()
    async with EngineClient(home) as client:
        assert (await client.stats()).pid != process.pid


async def test_stop_kills_an_unresponsive_engine(home: dict[str, str]) -> None:
    process = await start_engine(home)
    folder = runtime_dir(home)
    busy_path(folder).write_text("model.gguf")
    process.suspend()
    (engine,) = ending.running(folder)
    assert engine.pid == process.pid
    assert await asyncio.to_thread(ending.end, folder, engine, 0.2)
    assert not process.is_running()
    assert not busy_path(folder).exists(), "the next engine would count a crash of the model"


async def test_the_error_for_an_unresponsive_engine_names_the_process_and_slm_lsp_stop(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm_lsp.engine.client.connection.STATS_TIMEOUT_S", 0.5)
    async with EngineClient(home) as client:
        process = psutil.Process((await client.stats()).pid)
        process.suspend()
        with pytest.raises(EngineUnavailableError, match="does not answer") as caught:
            await client.stats()
        process.resume()
    assert f"process {process.pid}" in caught.value.what
    assert "slm-lsp stop" in caught.value.cure
    assert "pkill" not in str(caught.value)


def test_an_editor_with_the_engines_source_open_is_not_stopped(home: dict[str, str]) -> None:
    """Earlier versions recommended `pkill -9 -f slm_lsp.engine`, which would kill such an editor."""
    command = [sys.executable, "-c", "input()", "slm_lsp/engine/client/connection.py", "-m slm_lsp.engine.daemon"]
    editor = subprocess.Popen(command, stdin=subprocess.PIPE, env=home)
    try:
        folder = runtime_dir(home)
        assert not ending.is_engine(psutil.Process(editor.pid))
        # The editor is not stopped even if the file with the engine's process id contains the editor's id.
        pid_path(folder).write_text(f"{editor.pid} {place_id()}")
        lock_path(folder).touch()
        assert run(home, "stop").stdout == "No model process of this installation is running.\n"
        assert ending.end(folder, ending.Running(editor.pid, "", "engine-x", ours=True)) is False
        assert editor.poll() is None
    finally:
        editor.kill()
        editor.wait()
        editor.stdin.close()  # type: ignore[union-attr]


async def test_stop_does_not_stop_the_engine_of_another_installation(home: dict[str, str], tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    pid = answering_engine(home, package.parent)[0]
    found = json.loads((await asyncio.to_thread(run, home, "stop", "--json")).stdout)
    assert found == {"stopped": [], "others": [{"pid": pid, "executable": sys.executable}]}
    assert [process.pid for process in engines(home)] == [pid]


def test_stop_stops_an_engine_that_runs_older_code(home: dict[str, str], tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    pid = answering_engine(home, tmp_path)[0]
    (package / "engine" / "daemon" / "plan.py").open("a").write("# edited\n")
    command = [sys.executable, "-m", "slm_lsp.cli.main", "stop", "--json"]
    found = subprocess.run(
        command, env=without_path(home), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(found.stdout)["stopped"] == [{"pid": pid, "killed": False}]
    assert engines(home) == []
