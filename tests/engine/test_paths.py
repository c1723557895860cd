"""A client connects only to an engine of its own installation that runs the present code."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from slm_lsp.engine import paths
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.platform.runtime_dir import SOCKET_NAME_BYTES, SOCKET_PATH_BYTES, runtime_dir
from tests.conftest import engines

STATS = """
import asyncio, json
from slm_lsp.engine.client.connection import EngineClient

async def main():
    async with EngineClient() as client:
        stats = await client.stats()
        print(json.dumps([stats.pid, stats.executable, stats.package]))

asyncio.run(main())
"""


def copy_of_the_package(folder: Path) -> Path:
    package = folder / "slm_lsp"
    shutil.copytree(paths.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def without_path(environ: dict[str, str]) -> dict[str, str]:
    """Return an environment without `PYTHONPATH`, so that Python imports the package of the working folder."""
    return {key: value for key, value in environ.items() if key != "PYTHONPATH"}


def answering_engine(environ: dict[str, str], folder: Path) -> list[object]:
    """Return process id, interpreter and package of the engine that answers a client of the package in `folder`."""
    code = without_path(environ)
    command = [sys.executable, "-c", STATS]
    found = subprocess.run(command, env=code, cwd=folder, capture_output=True, text=True, check=True)
    answer: list[object] = json.loads(found.stdout)
    return answer


def test_two_copies_of_the_package_use_separate_engines(home: dict[str, str], tmp_path: Path) -> None:
    one, other = copy_of_the_package(tmp_path / "one"), copy_of_the_package(tmp_path / "other")
    first, second = answering_engine(home, one.parent), answering_engine(home, other.parent)
    assert first[1:] == [sys.executable, str(one)]
    assert second[1:] == [sys.executable, str(other)]
    assert {process.pid for process in engines(home)} == {first[0], second[0]}
    assert answering_engine(home, one.parent) == first


def test_after_an_edit_clients_do_not_use_an_engine_of_the_old_code(home: dict[str, str], tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    before = answering_engine(home, tmp_path)
    with (package / "engine" / "daemon" / "plan.py").open("a") as module:
        module.write("# edited\n")
    after = answering_engine(home, tmp_path)
    assert after[0] != before[0]
    assert after[1:] == before[1:]


async def test_engine_of_older_code_exits_when_it_has_no_clients(
    home: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    package = copy_of_the_package(tmp_path)
    program = STATS.replace(
        "stats = await",
        f"await client.describe(ModelRef({str(tiny_model)!r}))\n        stats = await",
    ).replace("import asyncio", "from slm_lsp.engine.api import ModelRef\nimport asyncio")
    command = [sys.executable, "-c", program]
    subprocess.run(command, env=without_path(home), cwd=tmp_path, capture_output=True, check=True)  # noqa: ASYNC221
    (engine,) = engines(home)  # its model would keep it running for minutes
    with (package / "engine" / "daemon" / "plan.py").open("a") as module:
        module.write("# edited\n")
    await asyncio.to_thread(engine.wait, 60)


def test_edit_while_a_client_runs_causes_no_error(home: dict[str, str], tmp_path: Path) -> None:
    """The client starts an engine that runs the edited code, although the client itself runs the old code."""
    package = copy_of_the_package(tmp_path)
    edit = f"open({str(package / 'engine' / 'plan.py')!r}, 'a').write('# edited\\n')"
    command = [sys.executable, "-c", STATS.replace("asyncio.run", f"{edit}\nasyncio.run")]
    found = subprocess.run(
        command, env=without_path(home), cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False
    )
    assert found.returncode == 0, found.stderr
    assert len(engines(home)) == 1


def test_code_id_depends_only_on_code_that_the_engine_runs(tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    before = paths.code_id(package)
    assert paths.code_id(package) == before
    (package / "server" / "app.py").write_text("")
    (package / "engine" / "notes.txt").write_text("")
    assert paths.code_id(package) == before
    (package / "config.py").touch()
    os.utime(package / "config.py", ns=(1, 1))
    assert paths.code_id(package) != before


def test_deleted_package_has_another_code_id(tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    before = paths.code_id(package)
    shutil.rmtree(package)
    assert paths.code_id(package) != before


def test_longest_socket_path_fits_in_a_socket_address(home: dict[str, str]) -> None:
    assert len(f"/{paths.engine_name()}.sock") <= SOCKET_NAME_BYTES
    folder = "/" + "r" * (SOCKET_PATH_BYTES - SOCKET_NAME_BYTES - len("/slm-lsp") - 1)
    path = Path(folder) / "slm-lsp" / f"{paths.engine_name()}.sock"
    assert len(os.fsencode(path)) <= SOCKET_PATH_BYTES


async def test_running_engine_reports_its_interpreter_and_package(home: dict[str, str]) -> None:
    async with EngineClient(home) as client:
        stats = await client.stats()
        assert stats.executable == sys.executable
        assert Path(stats.package) == paths.PACKAGE
        assert paths.recorded_pid(runtime_dir(home)) == (stats.pid, paths.place_id())
