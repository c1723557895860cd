"""The extension without an editor: its checks, its package, and that its settings are those of `config.py`."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.editors.vscode.code import EXTENSION, CannotSetUpError, build, npm

pytestmark = pytest.mark.editor

MOST_BYTES = 500_000


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    try:
        build()
    except CannotSetUpError as error:
        pytest.skip(f"the extension cannot be built here: {error}")


@pytest.mark.parametrize("script", ["types", "lint", "test"])
def test_its_own_checks_pass(script: str) -> None:
    done = npm("run", script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_packaged_without_warnings_and_small() -> None:
    done = npm("run", "package")
    assert done.returncode == 0, done.stderr
    assert not re.search(r"warn", done.stdout + done.stderr, re.IGNORECASE)
    package = EXTENSION / "build" / "slm-lsp.vsix"
    assert package.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(package) as archive:
        assert "extension/dist/extension.js" in archive.namelist()
        assert not [name for name in archive.namelist() if "node_modules" in name or name.endswith(".ts")]


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (EXTENSION / "package-lock.json").read_text()


def test_its_settings_are_those_of_the_server() -> None:
    done = settings_script(EXTENSION, "--check")
    assert done.returncode == 0, done.stderr


def test_out_of_date_settings_are_noticed(tmp_path: Path) -> None:
    copy = tmp_path / "vscode"
    for name in ("scripts/settings.py", "package.json", "src/settings.generated.ts"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text((EXTENSION / name).read_text())
    package = copy / "package.json"
    package.write_text(package.read_text().replace('"default": 64', '"default": 65'))
    done = settings_script(copy, "--check")
    assert done.returncode == 1
    assert "package.json is out of date" in done.stderr
    assert settings_script(copy).returncode == 0
    assert settings_script(copy, "--check").returncode == 0


def settings_script(extension: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the script that writes the settings, on the package of this checkout."""
    command = [sys.executable, extension / "scripts" / "settings.py", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(EXTENSION.parents[1])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
