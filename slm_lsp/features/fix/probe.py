"""Records which functions of a project each test calls.

`spectrum.py` puts copies of this file into a view of the project. They run inside the interpreter of the user's tests:
`sitecustomize` wraps `unittest.TestCase.run`, and `slm_lsp_probe` is a plugin of pytest. Therefore this file uses only
the standard library, nothing newer than Python 3.6, and no other module of slm-lsp.
"""

import atexit
import json
import os
import sys
import threading
from types import FrameType

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would slow down each start
ROOT = os.path.dirname(FOLDER) + os.sep  # noqa: PTH120

_runs: "list[dict[str, object]]" = []
_calls: "set[tuple[str, int, str]]" = set()
_failed: "set[str]" = set()


def _on_call(frame: FrameType, _event: str, _arg: object) -> None:
    """Record a call. The result None means that Python does not trace the lines of the function."""
    code = frame.f_code
    _calls.add((code.co_filename, code.co_firstlineno, code.co_name))


def _begin() -> None:
    _calls.clear()
    threading.settrace(_on_call)
    sys.settrace(_on_call)


def _end(failed: bool) -> None:
    sys.settrace(None)
    threading.settrace(None)
    called = [
        [path[len(ROOT) :].replace(os.sep, "/"), line, name]
        for path, line, name in sorted(_calls)
        if path.startswith(ROOT) and not path.startswith(FOLDER) and not name.startswith("<")
    ]
    if called:
        _runs.append({"failed": failed, "called": called})


def pytest_runtest_logstart(nodeid: str, location: object) -> None:
    """Start to record a test."""
    _begin()


def pytest_runtest_logreport(report: object) -> None:
    """Remember a failed test."""
    if getattr(report, "failed", False):
        _failed.add(getattr(report, "nodeid", ""))


def pytest_runtest_logfinish(nodeid: str, location: object) -> None:
    """End the record of a test."""
    _end(nodeid in _failed)


def _wrap_unittest() -> None:
    import unittest

    original = unittest.TestCase.run

    def run(self: unittest.TestCase, result: "unittest.TestResult | None" = None) -> "unittest.TestResult | None":
        if result is None or "slm_lsp_probe" in sys.modules:
            return original(self, result)
        before = len(result.errors) + len(result.failures)
        _begin()
        try:
            return original(self, result)
        finally:
            _end(len(result.errors) + len(result.failures) > before)

    unittest.TestCase.run = run  # type: ignore[method-assign]


def _write() -> None:
    if _runs:
        name = f"record-{__name__}-{os.getpid()}.json"
        with open(os.path.join(FOLDER, name), "w") as file:  # noqa: PTH118, PTH123
            json.dump(_runs, file)


if __name__ in ("sitecustomize", "slm_lsp_probe"):
    atexit.register(_write)
    if __name__ == "sitecustomize":
        _wrap_unittest()
