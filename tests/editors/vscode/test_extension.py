"""Tests of the VS Code extension without the editor: its own checks, its package and its generated settings."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.editors.vscode.code import EXTENSION, CannotSetUpError, build, npm

pytestmark = pytest.mark.editor

MAX_BYTES = 500_000


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    try:
        build()
    except CannotSetUpError as error:
        pytest.skip(f"the extension cannot be built here: {error}")


@pytest.mark.parametrize("script", ["types", "lint", "test"])
def test_npm_checks_pass(script: str) -> None:
    done = npm("run", script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_package_is_small_and_built_without_warnings() -> None:
    done = npm("run", "package")
    assert done.returncode == 0, done.stderr
    assert not re.search(r"warn", done.stdout + done.stderr, re.IGNORECASE)
    package = EXTENSION / "build" / "slm-lsp.vsix"
    assert package.stat().st_size < MAX_BYTES
    with zipfile.ZipFile(package) as archive:
        assert "extension/dist/extension.js" in archive.namelist()
        assert not [name for name in archive.namelist() if "node_modules" in name or name.endswith(".ts")]


def test_lock_file_contains_no_registry_urls() -> None:
    assert '"resolved"' not in (EXTENSION / "package-lock.json").read_text()


def test_generated_settings_are_up_to_date() -> None:
    done = settings_script(EXTENSION, "--check")
    assert done.returncode == 0, done.stderr


def test_outdated_settings_are_reported_and_regenerated(tmp_path: Path) -> None:
    copy = tmp_path / "editors" / "vscode"
    names = ("scripts/settings.py", "package.json", "src/settings.generated.ts", "../../docs/settings.md")
    for name in names:
        (copy / name).resolve().parent.mkdir(parents=True, exist_ok=True)
        (copy / name).resolve().write_text((EXTENSION / name).read_text())
    package, page = copy / "package.json", tmp_path / "docs" / "settings.md"
    package.write_text(package.read_text().replace('"default": 64', '"default": 65'))
    page.write_text(page.read_text().replace("| `64` |", "| `65` |"))
    done = settings_script(copy, "--check")
    assert done.returncode == 1
    assert "package.json is out of date" in done.stderr
    assert "settings.md is out of date" in done.stderr
    assert settings_script(copy).returncode == 0
    assert settings_script(copy, "--check").returncode == 0


def settings_script(extension: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a copy of the settings script with the `slm_lsp` of this checkout."""
    command = [sys.executable, extension / "scripts" / "settings.py", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(EXTENSION.parents[1])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
