"""A run that is killed at any moment leaves the file old or new, and continues without generating anything twice."""

import contextlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

from slm_lsp.features.edit.module.journal import Journal, run_key
from slm_lsp.features.edit.module.plan import plan_module
from slm_lsp.languages.registry import languages

FUNCTIONS = 8
OLD = "\n\n".join(f"def f{number}():\n    return {number}\n" for number in range(FUNCTIONS))
NEW = OLD.replace("():\n", '():\n    """Docs."""\n')

KILLS = 5
"""Number of processes that are killed before one may finish."""

MOST_REQUESTS, LONGEST_S = 3, 0.5
"""A process is killed up to `LONGEST_S` seconds after one of its first `MOST_REQUESTS` requests."""

TIMEOUT_S = 120


def test_killed_run_leaves_the_file_old_or_new_and_generates_nothing_twice(tmp_path: Path) -> None:
    file, database, log = tmp_path / "numbers.py", tmp_path / "cache" / "journal.db", tmp_path / "log"
    file.write_text(OLD)
    log.touch()
    run = run_key(file, plan_module(OLD, languages()["python"], "add docstrings"))
    command = [sys.executable, "-m", "tests.features.edit.module.killed", str(file), str(database), str(log)]
    moments = random.Random(0)
    continued = 0
    for attempt in range(KILLS + 1):
        known = finished(database, run)
        continued += 0 < known < FUNCTIONS
        before = len(log.read_text().splitlines())
        process = subprocess.Popen(command)
        if attempt < KILLS:
            requests = moments.randint(1, MOST_REQUESTS)
            kill_after(process, log, before + requests, moments.uniform(0, LONGEST_S))
        else:
            process.wait(TIMEOUT_S)
        text = file.read_text()
        assert text in (OLD, NEW)
        if text == NEW:
            break
        new = [json.loads(line) for line in log.read_text().splitlines()[before:]]
        # Every process continues with the first step that no earlier process has finished, and does no step twice.
        assert new == [f"def f{number}():" for number in range(known, known + len(new))]
    assert file.read_text() == NEW
    assert continued > 0


def kill_after(process: "subprocess.Popen[bytes]", log: Path, lines: int, limit_s: float) -> None:
    """Kill a process if it has not ended `limit_s` seconds after its log has this number of lines."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while process.poll() is None and len(log.read_text().splitlines()) < lines and time.monotonic() < deadline_s:
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(limit_s)
    process.kill()
    process.wait()


def finished(database: Path, run: str) -> int:
    with contextlib.closing(Journal(database, run)) as journal:
        return len(journal.finished())
