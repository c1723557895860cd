"""Functions that failing tests call, and passing tests do not, are the most suspicious."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.fix.fix import make_fix
from slm_lsp.features.fix.plan import FixJob
from slm_lsp.features.fix.spectrum import Called, TestRun, ranked, traced_runs
from slm_lsp.features.verify.tests import TestCommand
from slm_lsp.index.project import Project
from tests.features.fix.test_fix import Model
from tests.sandbox.programs import NO_SANDBOX, PYTHON, needs_python

pytestmark = [pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX), needs_python]

SHOP = """def rebate(total):
    return total * 2 if total > 100 else total


def total(prices):
    return sum(prices)


def checkout(prices):
    return rebate(total(prices))
"""
TESTS = """import unittest

from shop import checkout


class ShopTest(unittest.TestCase):
    def test_small(self):
        self.assertEqual(checkout([1, 2]), 3)

    def test_large(self):
        self.assertEqual(checkout([100, 100]), 100)
"""
COMMANDS = {"unittest": f"{PYTHON} -m unittest -q", "pytest": "python -m pytest -q -p no:cacheprovider"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(TESTS)
    return tmp_path


@pytest.mark.parametrize("program", COMMANDS)
async def test_calls_of_each_test_are_recorded(root: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)  # the active environment, which has pytest
    runs = await traced_runs(TestCommand(COMMANDS[program]), root, {})
    assert sorted(each.failed for each in runs) == [False, True]
    for each in runs:
        names = {(called.path, called.line, called.name) for called in each.called}
        assert names >= {("shop.py", 1, "rebate"), ("shop.py", 5, "total"), ("shop.py", 9, "checkout")}
        assert all(called.path in ("shop.py", "test_shop.py") for called in each.called)
    assert sorted(os.listdir(root)) == ["shop.py", "test_shop.py"]  # noqa: PTH208


async def test_program_that_is_not_a_test_has_no_recorded_runs(root: Path) -> None:
    assert await traced_runs(TestCommand(f"{PYTHON} shop.py"), root, {}) == ()


def run(failed: bool, *names: str) -> TestRun:
    return TestRun(failed, tuple(Called("shop.py", 1, name) for name in names))


def test_function_that_only_failing_tests_call_is_first() -> None:
    runs = [run(True, "checkout", "rebate"), run(False, "checkout"), run(False, "checkout", "other")]
    assert [each.name for each in ranked(runs)] == ["rebate", "checkout"]


def test_function_that_more_failing_tests_call_is_first() -> None:
    runs = [run(True, "a", "b"), run(True, "b")]
    assert [each.name for each in ranked(runs)] == ["b", "a"]


@given(st.lists(st.builds(run, st.booleans(), st.sampled_from("abc"), st.sampled_from("abc")), max_size=8))
def test_exactly_the_functions_that_failing_tests_call_are_ranked(runs: list[TestRun]) -> None:
    found = ranked(runs)
    assert set(found) == {called for each in runs if each.failed for called in each.called}
    assert len(found) == len(set(found))


async def test_function_that_only_the_failing_test_calls_is_rewritten(root: Path) -> None:
    # Only `checkout` is named in the test. `rebate` is executed by both tests, so a second function tells them apart.
    text = SHOP.replace("total * 2 if total > 100 else total", "large(total) if total > 100 else total")
    text += "\n\ndef large(total):\n    return total * 2\n"
    (root / "shop.py").write_text(text)
    model = Model("def large(total):\n    return total / 2")
    job = FixJob(root, "shop.py", text, command=TestCommand(COMMANDS["unittest"]))
    result = await make_fix(job, Project(None), model.open)
    assert result.accepted
    assert result.unit is not None
    assert result.unit.name == "large"
