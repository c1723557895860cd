"""Rank the functions of a Python project by suspicion: failing tests call them, and few passing tests do."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from slm_lsp.features.verify.tests import TestCommand, run_tests
from slm_lsp.sandbox.isolation import Setting

FOLDER = ".slm-lsp-spectrum"
"""Folder in the view of the project with the probe and its records."""

_SCRIPT = f"""PYTHONPATH="$PWD/{FOLDER}${{PYTHONPATH:+:$PYTHONPATH}}"
PYTEST_PLUGINS="slm_lsp_probe${{PYTEST_PLUGINS:+,$PYTEST_PLUGINS}}"
export PYTHONPATH PYTEST_PLUGINS
"""
"""Makes every Python process import the probe at its start, and pytest load it as a plugin."""


class Called(msgspec.Struct, frozen=True, array_like=True):
    """A function that a test called."""

    path: str
    """Path in the project, with `/`."""
    line: int
    """First line, counted from 1; of a decorated function, the line of the first decorator."""
    name: str


class TestRun(msgspec.Struct, frozen=True):
    """One test, and the functions of the project that it called."""

    __test__ = False

    failed: bool
    called: tuple[Called, ...]


async def traced_runs(
    command: TestCommand, root: Path, changed: Mapping[str, str], isolation: Setting = "auto"
) -> tuple[TestRun, ...]:
    """Run the tests once and return what each test called; empty if they are not tests of pytest or unittest.

    Args:
        command: the test command.
        root: folder of the project.
        changed: new text of files, by their path in the project.
        isolation: the user's setting `sandbox`.

    Raises:
        SandboxUnavailableError: programs cannot be isolated on this machine.
    """
    probe = (files("slm_lsp.features.fix") / "probe.py").read_text(encoding="utf-8")
    added = {f"{FOLDER}/{name}.py": probe for name in ("sitecustomize", "slm_lsp_probe")}
    outcome = await run_tests(TestCommand(_SCRIPT + command.argv_line), root, {**changed, **added}, isolation)
    found: list[TestRun] = []
    for path, file in outcome.files.items():
        if path.startswith(f"{FOLDER}/record-"):
            try:
                found += msgspec.json.decode(file.content, type=list[TestRun])
            except msgspec.MsgspecError:  # the tests have ended the process while it wrote
                continue
    return tuple(found)


def ranked(runs: Sequence[TestRun]) -> tuple[Called, ...]:
    """Return the functions that failing tests called, the most suspicious first.

    The measure is Ochiai: failing / sqrt(all failing * (failing + passing)), where `failing` and `passing` are the
    numbers of failing and passing tests that called the function (Abreu, Zoeteweij, van Gemund: On the accuracy of
    spectrum-based fault localization, 2007).
    """
    failing, passing = (_counts(each for each in runs if each.failed is failed) for failed in (True, False))
    total = sum(each.failed for each in runs)

    def score(called: Called) -> float:
        return failing[called] / math.sqrt(total * (failing[called] + passing[called]))

    return tuple(sorted(failing, key=lambda each: (-score(each), each.path, each.line)))


def _counts(runs: Iterable[TestRun]) -> Counter[Called]:
    return Counter(called for each in runs for called in set(each.called))
