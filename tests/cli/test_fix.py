"""`slm-lsp fix` prints a fix as a diff, and changes the file only with `--write` and only if the fix is accepted."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_commands import run
from tests.conftest import heed_interrupts
from tests.sandbox.programs import NO_SANDBOX, PYTHON, needs_python

pytestmark = [pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX), needs_python]

SHOP = """import json


def mean(values):
    return sum(values) / (len(values) + 1)


def load(path):
    with open(path) as file:
        return jsn.load(file)
"""
TESTS = """import shop


assert shop.mean([1, 2, 3]) == 2, shop.mean([1, 2, 3])
assert shop.mean([5]) == 5
"""
KEYS = {"hunks", "verdict", "applied", "model", "tier", "reason", "timing", "tokens"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / ".git").mkdir()
    (root / "shop.py").write_text(SHOP)
    (root / "check.py").write_text(TESTS)
    return root / "shop.py"


def trace(shop: Path) -> str:
    return (
        f'Traceback (most recent call last):\n  File "{shop}", line 10, in load\n    return jsn.load(file)\n'
        "NameError: name 'jsn' is not defined. Did you mean: 'json'?\n"
    )


class TestRules:
    """Errors that rules fix, without a model."""

    def test_error_on_standard_input_is_fixed_and_printed_as_a_diff(self, home: dict[str, str], shop: Path) -> None:
        command = [sys.executable, "-m", "slm_lsp.cli.main", "fix", str(shop), "--error", "-"]
        found = subprocess.run(
            command, env=home, input=trace(shop), capture_output=True, text=True, timeout=60, check=False
        )
        assert found.returncode == 0
        assert "-        return jsn.load(file)\n+        return json.load(file)" in found.stdout
        assert shop.read_text() == SHOP
        apply, diff = ["git", "apply", "-p1", "-"], found.stdout.encode()
        subprocess.run(apply, cwd=shop.parent, input=diff, check=True, capture_output=True)
        assert shop.read_text() == SHOP.replace("jsn", "json")

    def test_write_keeps_line_ends_byte_order_mark_and_permissions(self, home: dict[str, str], shop: Path) -> None:
        raw = b"\xef\xbb\xbf" + SHOP.replace("\n", "\r\n").encode()
        shop.write_bytes(raw)
        shop.chmod(0o640)
        found = run(home, "fix", str(shop), "--error", trace(shop), "--write", "--json")
        assert found.returncode == 0
        assert shop.read_bytes() == raw.replace(b"jsn", b"json")
        assert shop.stat().st_mode & 0o777 == 0o640

    def test_json_has_the_documented_keys(self, home: dict[str, str], shop: Path) -> None:
        report = json.loads(run(home, "fix", f"{shop}:9-10", "--error", trace(shop), "--json").stdout)
        assert report.keys() == KEYS
        assert (report["model"], report["applied"], report["reason"]) == ("rules", False, None)
        assert report["hunks"] == [
            {
                "path": "shop.py",
                "range": {"start": {"line": 10, "column": 1}, "end": {"line": 11, "column": 1}},
                "old": "        return jsn.load(file)\n",
                "new": "        return json.load(file)\n",
            }
        ]
        assert {each["check"]: each["result"] for each in report["verdict"]}["parsed"] == "passed"

    def test_error_of_the_compiler_is_fixed_without_an_option(self, home: dict[str, str], shop: Path) -> None:
        shop.write_text(SHOP.replace("def load(path):", "def load(path)"))
        found = run(home, "fix", str(shop), "--write")
        assert found.returncode == 0
        assert shop.read_text() == SHOP
        assert "The missing colon was added." in found.stderr

    def test_fix_of_code_that_a_named_test_calls_is_written(self, home: dict[str, str], shop: Path) -> None:
        test = shop.parent / "test_shop.py"
        test.write_text("import shop\n\nshop.load('data.json')\n")
        (shop.parent / "data.json").write_text("{}")
        found = run(home, "fix", str(test), "--test", f"{PYTHON} test_shop.py", "--write", "--json")
        report = json.loads(found.stdout)
        assert (report["hunks"][0]["path"], report["applied"]) == ("shop.py", True)
        assert shop.read_text() == SHOP.replace("jsn", "json")
        assert test.read_text() == "import shop\n\nshop.load('data.json')\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "No error was found"),
        (["--test", f"{PYTHON} -c pass"], 1, "No fix: "),
        (["--test", "no-such-program"], 1, "no-such-program"),
    ],
)
def test_reason_is_printed_if_no_error_can_be_fixed(
    home: dict[str, str], shop: Path, arguments: list[str], code: int, message: str
) -> None:
    found = run(home, "fix", str(shop), *arguments)
    assert found.returncode == code
    assert message in found.stderr
    assert found.stdout == ""


def test_interrupt_ends_the_tests_and_changes_nothing(home: dict[str, str], shop: Path) -> None:
    command = [sys.executable, "-m", "slm_lsp.cli.main", "fix", str(shop), "--write", "--test", "sleep 60"]
    process = subprocess.Popen(command, env=home, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    assert process.stderr is not None
    assert "running the tests" in process.stderr.readline()
    started = time.monotonic()
    os.kill(process.pid, 2)
    assert process.wait(timeout=20) == 130
    assert time.monotonic() - started < 10
    assert "interrupted" in process.stderr.read()
    assert shop.read_text() == SHOP


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
class TestWithModel:
    """The command with the real fast model, on a small seeded bug with tests."""

    def test_fix_with_which_the_tests_pass_is_written(self, home: dict[str, str], shop: Path) -> None:
        command = [sys.executable, "-m", "slm_lsp.cli.main", "fix", str(shop), "--write", "--json"]
        command += ["--test", f"{PYTHON} check.py"]
        # Eight candidates take long on a busy machine.
        found = subprocess.run(command, env=home, capture_output=True, text=True, timeout=600, check=False)
        report = json.loads(found.stdout)
        assert report.keys() == KEYS
        assert (found.returncode, report["applied"], report["reason"]) == (0, True, None)
        assert {each["check"]: each["result"] for each in report["verdict"]}["tests"] == "passed"
        assert report["tokens"]["generated"] > 0
        # Only the function `mean` has changed.
        start, end = SHOP.index("def mean"), SHOP.index("\n\n\ndef load")
        assert shop.read_text().startswith(SHOP[:start])
        assert shop.read_text().endswith(SHOP[end:])
        command = [sys.executable, "check.py"]
        subprocess.run(command, cwd=shop.parent, check=True, capture_output=True)
        # The command is remembered, so the second call needs no option.
        again = run(home, "fix", str(shop))
        assert again.returncode == 1
        assert "The tests pass already" in again.stderr
