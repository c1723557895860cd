"""`slm-lsp rename` prints a diff, and changes the files only with `--write`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import run

CORE = "def compute(x):\n    return x\n"
USE = "from core import compute\r\n\r\nprint(compute(1))  # compute\r\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "node_modules").mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "core.py").write_text(CORE)
    (root / "use.py").write_bytes(USE.encode())
    (root / "node_modules" / "core.py").write_text(CORE)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {each.relative_to(root).as_posix(): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_diff_is_printed_and_can_be_applied(home: dict[str, str], project: Path) -> None:
    before = contents(project)
    found = run(home, "rename", f"{project / 'use.py'}:3:7", "evaluate")
    assert found.returncode == 0
    assert contents(project) == before
    # The text of `found` has lost the carriage returns.
    command = [sys.executable, "-m", "slm_lsp.cli.main", "rename", f"{project / 'use.py'}:3:7", "evaluate"]
    diff = subprocess.run(command, env=home, capture_output=True, check=True).stdout
    apply = ["git", "apply", "-"]
    subprocess.run(apply, cwd=project, input=diff, check=True, capture_output=True)
    assert (project / "core.py").read_text() == CORE.replace("compute", "evaluate")
    assert "use.py:3: the comment still contains `compute`" in found.stderr
    assert "global name `compute` would be renamed to `evaluate` in 2 files" in found.stderr


def test_write_changes_all_files_of_the_project_and_keeps_line_ends(home: dict[str, str], project: Path) -> None:
    before = contents(project)
    found = run(home, "rename", f"{project / 'core.py'}:1:5", "evaluate", "--write", "--json")
    assert found.returncode == 0
    report = json.loads(found.stdout)
    assert report["applied"] is True
    assert report["kind"] == "global name"
    assert [(each["path"], each["range"]["start"]["line"]) for each in report["hunks"]] == [
        ("core.py", 1),
        ("use.py", 1),
        ("use.py", 3),
    ]
    expected = b"from core import evaluate\r\n\r\nprint(evaluate(1))  # compute\r\n"
    assert contents(project) == before | {
        "core.py": CORE.replace("compute", "evaluate").encode(),
        "use.py": expected,
    }


@pytest.mark.parametrize(
    ("place", "name", "code", "message"),
    [
        ("core.py:1:1", "evaluate", 2, "There is no name"),
        ("core.py:9:1", "evaluate", 2, "Line 9 is outside"),
        ("core.py", "evaluate", 2, "Invalid place"),
        ("missing.py:1:1", "evaluate", 2, "does not exist"),
        ("core.py:1:5", "for", 2, "is a keyword"),
        ("core.py:1:5", "compute", 2, "is already named"),
        ("node_modules/core.py:1:5", "evaluate", 2, "or it is ignored"),
        ("pyproject.toml:1:1", "x", 2, "its language is not supported"),
        ("use.py:3:1", "show", 1, "`print` is not defined in this project"),
    ],
)
def test_renaming_that_cannot_be_done_is_refused(
    home: dict[str, str], project: Path, place: str, name: str, code: int, message: str
) -> None:
    before = contents(project)
    found = run(home, "rename", str(project / place), name, "--write")
    assert found.returncode == code
    assert message in found.stderr
    assert found.stdout == ""
    assert contents(project) == before


def test_only_resolved_lists_uncertain_uses_and_leaves_them(home: dict[str, str], project: Path) -> None:
    file = project / "shape.py"
    file.write_text("class A:\n    def run(self): ...\n\ndef f(x):\n    x.run()\n")
    refused = run(home, "rename", f"{file}:2:9", "walk", "--write")
    assert refused.returncode == 1
    assert "shape.py:5: the class of the object is not known" in refused.stderr
    done = run(home, "rename", f"{file}:2:9", "walk", "--write", "--only-resolved")
    assert done.returncode == 0
    assert "shape.py:5: not renamed" in done.stderr
    assert file.read_text() == "class A:\n    def walk(self): ...\n\ndef f(x):\n    x.run()\n"
