"""`slm-lsp refactor --rule` applies a rule without a model."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import run

PROGRAM = "import sys\nimport os\n\n\ndef area(width, height):\n    return width * height + os.getpid()\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    file = tmp_path / "shapes.py"
    file.write_bytes(PROGRAM.replace("\n", "\r\n").encode())
    return file


def test_rules_are_listed(home: dict[str, str]) -> None:
    found = run(home, "refactor", "--list-rules")
    assert found.returncode == 0
    rules = {line.split()[0] for line in found.stdout.splitlines() if not line.startswith(" ")}
    assert rules == {
        "extract-variable", "extract-function", "inline-variable", "organize-imports", "remove-unused-imports",
        "add-import", "move-symbol",
    }  # fmt: skip


def test_rule_prints_a_diff_and_changes_the_file_only_with_write(home: dict[str, str], program: Path) -> None:
    arguments = ["refactor", str(program), "--rule", "extract-variable", "--at", "6:12-6:26", "--name", "size"]
    found = run(home, *arguments)
    assert found.returncode == 0
    assert "+    size = width * height" in found.stdout
    assert program.read_bytes() == PROGRAM.replace("\n", "\r\n").encode()
    found = run(home, *arguments, "--write")
    assert found.returncode == 0
    assert found.stdout == ""
    new = PROGRAM.replace("    return width * height", "    size = width * height\n    return size")
    assert program.read_bytes() == new.replace("\n", "\r\n").encode()


def test_json_has_the_keys_of_the_command(home: dict[str, str], program: Path) -> None:
    found = run(home, "refactor", str(program), "--rule", "organize-imports", "--json")
    report = json.loads(found.stdout)
    keys = {"hunks", "verdict", "applied", "model", "tier", "reason", "notes", "timing", "tokens"}
    assert report.keys() == keys
    assert report["model"] is None
    assert [each["check"] for each in report["verdict"]] == ["parsed"]
    assert {each["path"] for each in report["hunks"]} == {"shapes.py"}


def test_refusal_says_why_and_exits_with_1(home: dict[str, str], program: Path) -> None:
    found = run(home, "refactor", str(program), "--rule", "inline-variable", "--at", "5:10")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "No edit: `width` is not declared by a statement" in found.stderr


def test_symbol_moves_to_a_new_file(home: dict[str, str], program: Path) -> None:
    user = program.parent / "user.py"
    user.write_text("from shapes import area\n\nprint(area(1, 2))\n")
    target = program.parent / "areas.py"
    command = ["refactor", str(program), "--rule", "move-symbol", "--name", "area", "--to", str(target), "--write"]
    found = run(home, *command)
    assert found.returncode == 0, found.stderr
    assert target.read_text() == "import os\n\n\ndef area(width, height):\n    return width * height + os.getpid()\n"
    assert user.read_text() == "from areas import area\n\nprint(area(1, 2))\n"
    assert program.read_bytes() == b"import sys\r\n"


def test_uses_that_were_not_changed_are_listed_and_the_exit_code_is_3(home: dict[str, str], program: Path) -> None:
    (program.parent / "user.py").write_text("import shapes\n\nprint(shapes.area(1, 2))\n")
    target = program.parent / "areas.py"
    found = run(home, "refactor", str(program), "--rule", "move-symbol", "--name", "area", "--to", str(target))
    assert found.returncode == 3
    assert "user.py:3: `shapes.area` was not changed" in found.stderr
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rule", "extract-variable", "--at", "6"], "Invalid place"),
        (["--rule", "extract-variable", "--at", "6:9-6:2"], "ends before it starts"),
        (["--rule", "inline-variable"], "Add --at"),
        (["--rule", "move-symbol", "--name", "area"], "Add --name NAME --to FILE"),
        (["--rule", "add-import"], "Add --name"),
        (["--rule", "add-import", "--name", "x"], "slm-lsp index"),
        (["--rule", "nothing"], "invalid choice"),
        (["--rule", "organize-imports", "-i", "sort"], "either an instruction or a rule"),
        ([], "either an instruction or a rule"),
    ],
)
def test_wrong_arguments_are_refused(home: dict[str, str], program: Path, arguments: list[str], reason: str) -> None:
    found = run(home, "refactor", str(program), *arguments)
    assert found.returncode == 2
    assert reason in found.stderr
