"""The check `tests`: real test commands in the real sandbox."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from slm_lsp.features.verify import tests
from slm_lsp.features.verify.tests import LIMITS, TestCommand, check_tests, judge, limits_after, run_before, run_tests
from slm_lsp.features.verify.verdict import Check
from slm_lsp.sandbox import isolation
from slm_lsp.sandbox.run import Outcome, Reason
from tests.sandbox.programs import PYTHON, needs_python, needs_sandbox

pytestmark = [needs_sandbox, needs_python]

UNITTEST = TestCommand("python3 -m unittest")
CALC = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 3 * a\n"
FIXED = CALC.replace("3 * a", "2 * a")
BROKEN = CALC.replace("a + b", "a - b")
TESTS = """\
import unittest

import calc


class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(calc.add(1, 2), 3)

    def test_double(self):
        self.assertEqual(calc.double(2), 4)
"""
ADD, DOUBLE = (f"test_{each} (test_calc.CalcTest" for each in ("add", "double"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "calc.py").write_text(CALC)
    (root / "test_calc.py").write_text(TESTS)
    return root


async def check(root: Path, files: Mapping[str, str], command: TestCommand = UNITTEST) -> Check:
    """Return the check of an edit, with the outcome before the edit."""
    return await check_tests(command, root, files, before=await run_before(command, root))


async def test_edit_passes_if_the_command_succeeds_with_it(project: Path) -> None:
    found = await check(project, {"calc.py": FIXED})
    assert (found.check, found.result) == ("tests", "passed")
    assert "`python3 -m unittest`" in found.evidence
    assert "It failed before the edit." in found.evidence
    assert (project / "calc.py").read_text() == CALC


async def test_new_failures_are_named(project: Path) -> None:
    (project / "calc.py").write_text(FIXED)
    found = await check(project, {"calc.py": FIXED.replace("a + b", "a - b")})
    first = found.evidence.splitlines()[0]
    assert found.result == "failed"
    assert f"it passed before the edit. Failing: {ADD}" in first
    assert found.evidence.splitlines()[-1] == "FAILED (failures=1)"


async def test_failures_are_compared_with_those_before_the_edit(project: Path) -> None:
    same = await check(project, {"calc.py": CALC + "# more\n"})
    assert same.result == "failed"
    assert f"it failed before the edit too. No new failures. Still failing: {DOUBLE}" in same.evidence
    worse = await check(project, {"calc.py": BROKEN})
    assert f"New failures: {ADD}" in worse.evidence
    moved = await check(project, {"calc.py": FIXED.replace("a + b", "a - b")})
    assert f"No longer failing: {DOUBLE}" in moved.evidence


async def test_several_files_change_together_and_new_files_exist(project: Path) -> None:
    files = {"calc.py": "from pkg.impl import add, double\n", "pkg/impl.py": FIXED, "pkg/__init__.py": ""}
    assert (await check(project, files)).result == "passed"


async def test_command_that_is_missing_makes_the_check_unavailable(project: Path) -> None:
    found = await check(project, {"calc.py": FIXED}, TestCommand("no-such-runner -q"))
    assert found.result == "not available"
    assert "`no-such-runner -q` names a program that the sandbox does not have" in found.evidence
    assert "on your PATH" in found.evidence


async def test_command_that_hangs_is_ended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests, "LIMITS", replace(LIMITS, wall_s=1))
    found = await check(project, {"calc.py": FIXED}, TestCommand("sleep 1000"))
    assert found.result == "not available"
    assert "`sleep 1000` was still running after 1 s and was ended" in found.evidence
    assert "only the tests of this code" in found.evidence


async def test_edit_that_makes_the_tests_hang_fails(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "calc.py").write_text(FIXED)
    monkeypatch.setattr(tests, "MORE_S", 1.0)
    found = await check(project, {"calc.py": FIXED.replace("return a + b", "while True: pass")})
    assert found.result == "failed"
    assert "was still running after" in found.evidence
    assert "It passed before the edit." in found.evidence


async def test_evidence_mentions_that_the_network_may_be_needed(project: Path) -> None:
    script = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=5)"
    found = await check(project, {"calc.py": FIXED}, TestCommand(f'python3 -c "{script}"'))
    assert found.result == "failed"
    assert "It may need the network, which the sandbox does not have." in found.evidence


async def test_files_that_the_command_changes_are_named_and_stay_as_they_are(project: Path) -> None:
    command = TestCommand("echo '# more' >> test_calc.py && python3 -m unittest")
    found = await check(project, {"calc.py": FIXED}, command)
    assert found.result == "passed"
    assert "the command also changed test_calc.py" in found.evidence
    assert (project / "test_calc.py").read_text() == TESTS


async def test_command_that_runs_no_test_does_not_pass(project: Path) -> None:
    (project / "test_calc.py").write_text("")
    command = TestCommand("echo 'Ran 0 tests in 0.000s'")
    found = await check(project, {"calc.py": FIXED}, command)
    assert (found.result, found.evidence) == (
        "not available",
        "`echo 'Ran 0 tests in 0.000s'` ran no test: Ran 0 tests in 0.000s",
    )


async def test_without_a_sandbox_the_check_is_unavailable_and_says_what_to_do(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "_chosen", [])
    monkeypatch.setattr(isolation.bubblewrap, "candidates", lambda: [Path("/bin/false")])
    assert await run_before(UNITTEST, project) is None
    found = await check_tests(UNITTEST, project, {"calc.py": FIXED})
    assert found.result == "not available"
    assert "cannot be isolated" in found.evidence
    assert 'sandbox = "none"' in found.evidence


async def test_secrets_are_invisible_and_masked_in_the_evidence(project: Path) -> None:
    (project / ".env").write_text("NAME=value\n")
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    found = await check(project, {"calc.py": FIXED}, TestCommand(f"cat .env; echo {key}; false"))
    assert found.result == "failed"
    assert "NAME=value" not in found.evidence
    assert key not in found.evidence.split("\n", 1)[1]
    assert "No such file" in found.evidence
    assert "did not see these files, because they may hold secrets: .env." in found.evidence.split("\n", 1)[0]


async def test_byte_order_mark_of_the_original_is_kept(project: Path) -> None:
    (project / "calc.py").write_bytes(b"\xef\xbb\xbf" + FIXED.encode())
    outcome = await run_tests(TestCommand("head -c 3 calc.py | od -An -tx1"), project, {"calc.py": CALC})
    assert outcome.stdout.split() == [b"ef", b"bb", b"bf"]


async def test_stale_bytecode_of_the_original_is_not_used(project: Path) -> None:
    """The new text has the same size, and the original was compiled in the second in which it was written."""
    compile_module(project)
    command = TestCommand("python3 -c 'import calc; print(calc.double(1))'")
    outcome = await run_tests(command, project, {"calc.py": FIXED})
    assert outcome.stdout == b"2\n"


def compile_module(project: Path) -> None:
    (project / "calc.py").touch()
    subprocess.run([PYTHON, "-m", "py_compile", "calc.py"], cwd=project, check=True)
    assert list((project / "__pycache__").iterdir())


@pytest.mark.parametrize("name", [".venv", "venv", ".env"])
async def test_python_of_the_projects_own_environment_is_used(project: Path, name: str) -> None:
    """The environment names its installation, which is outside the system's folders if pyenv or uv made it."""
    (project / name / "bin").mkdir(parents=True)
    base = Path(sys.base_prefix)
    (project / name / "bin" / "python").symlink_to(base / "bin" / "python3")
    (project / name / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\ninclude-system-site-packages = false\n")
    packages = project / name / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "only_here.py").write_text("value = 'found'\n")
    (packages / "editable.pth").write_text(f"{project / 'src'}\n")
    (project / "src").mkdir()
    (project / "src" / "installed.py").write_text("value = 'old'\n")
    script = "import only_here, installed, sys; print(only_here.value, installed.value, sys.prefix)"
    command = TestCommand(f'python -c "{script}"')
    outcome = await run_tests(command, project, {"src/installed.py": "value = 'new'\n"})
    assert outcome.stdout.decode().split() == ["found", "new", str(project / name)], outcome.stderr


async def test_without_isolation_packages_installed_in_editable_mode_are_taken_from_the_copy(project: Path) -> None:
    (project / "src").mkdir()
    (project / "src" / "installed.py").write_text("value = 'old'\n")
    command = TestCommand("python3 -c 'import installed; print(installed.value)'")
    outcome = await run_tests(command, project, {"src/installed.py": "value = 'new'\n"}, "none")
    assert outcome.stdout == b"new\n", outcome.stderr


@pytest.mark.skipif(shutil.which("node", path=isolation.PATH) is None, reason="needs node")
async def test_node_finds_packages_of_the_project_and_of_folders_above_it(project: Path) -> None:
    for folder, name in ((project, "near"), (project.parent, "far")):
        package = folder / "node_modules" / name
        package.mkdir(parents=True)
        (package / "index.js").write_text(f"module.exports = '{name}'\n")
    outcome = await run_tests(TestCommand("node -e \"console.log(require('near'), require('far'))\""), project, {})
    assert outcome.stdout == b"near far\n", outcome.stderr


PASSED = Outcome(0, b"2 passed in 0.01s\n", b"", wall_s=0.5)
FAILED = Outcome(1, b"FAILED test_a.py::test_b - assert 0\n1 failed in 0.01s\n", b"", wall_s=0.5)
ENDED = Outcome(None, b"", b"", Reason.MEMORY, wall_s=3.0)
MISSING = Outcome(127, b"", b"sh: 1: pytest: not found\n")


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        (None, PASSED, "passed"),
        (PASSED, PASSED, "passed"),
        (FAILED, PASSED, "passed"),
        (ENDED, PASSED, "passed"),
        (None, FAILED, "failed"),
        (PASSED, FAILED, "failed"),
        (FAILED, FAILED, "failed"),
        (MISSING, FAILED, "failed"),
        (None, ENDED, "not available"),
        (PASSED, ENDED, "failed"),
        (FAILED, ENDED, "not available"),
        (ENDED, ENDED, "not available"),
        (None, MISSING, "not available"),
        (PASSED, MISSING, "failed"),
        (MISSING, MISSING, "not available"),
    ],
)
def test_result_depends_on_the_outcomes_before_and_after_the_edit(
    before: Outcome | None, after: Outcome, result: str
) -> None:
    assert judge(TestCommand("pytest"), after, before).result == result


def test_time_limit_after_the_edit_follows_the_time_before_it() -> None:
    assert limits_after(PASSED).wall_s == pytest.approx(0.5 * tests.TIMES + tests.MORE_S)
    assert limits_after(replace(PASSED, wall_s=100)).wall_s == LIMITS.wall_s
    assert limits_after(FAILED) == limits_after(None) == LIMITS
