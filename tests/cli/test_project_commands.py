"""The commands `index`, `context` and `complete` in a small project."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import heed_interrupts

LEDGER = "class Ledger:\n    def post_entry_with_memo(self, amount, memo):\n        return amount, memo\n"
MAIN = "from ledger import Ledger\n\n\ndef run(ledger: Ledger):\n    return ledger.post_\n"


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "slm_lsp.cli.main", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    (work / "pyproject.toml").write_text("")
    (work / "ledger.py").write_text(LEDGER)
    (work / "main.py").write_text(MAIN)
    (work / ".env").write_text("TOKEN=canary\n")
    (work / "data.bin").write_bytes(b"\0")
    return work


def test_index_reads_changed_files_and_prints_what_the_index_contains(home: dict[str, str], root: Path) -> None:
    first = run(home, "index", str(root), "--stats")
    assert first.returncode == 0, first.stderr
    assert "3 files" in first.stdout
    assert "python" in first.stdout
    assert "1 left out: binary" in first.stdout
    assert "1 left out: may hold keys or passwords" in first.stdout
    second = json.loads(run(home, "index", str(root), "--json").stdout)
    assert second["checked"]["read"] == 0
    assert (second["files"], second["skipped"]["binary"]) == (3, 1)


def test_index_of_a_missing_folder_is_wrong_usage(home: dict[str, str], tmp_path: Path) -> None:
    assert run(home, "index", str(tmp_path / "nowhere")).returncode == 2


def test_a_damaged_index_is_rebuilt_with_one_note(home: dict[str, str], root: Path) -> None:
    run(home, "index", str(root))
    (database,) = Path(home["XDG_CACHE_HOME"]).rglob("index.db")
    database.write_bytes(b"damaged" * 1000)
    assert "The index is rebuilt" in run(home, "index", str(root)).stderr
    assert "The index is rebuilt" not in run(home, "index", str(root)).stderr


def test_context_prints_snippets_and_reasons(home: dict[str, str], root: Path) -> None:
    position = (str(root / "main.py"), "5:24")
    before = run(home, "context", *position)
    assert "has no index; run `slm-lsp index" in before.stderr
    run(home, "index", str(root))
    shown = run(home, "context", *position)
    assert "imported from ledger.py" in shown.stdout
    assert "def post_entry_with_memo(amount, memo):" in shown.stdout
    (snippet,) = json.loads(run(home, "context", *position, "--json").stdout)["snippets"]
    assert snippet.keys() >= {"path", "text", "tokens", "score", "reason"}
    assert snippet["path"] == "ledger.py"


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
def test_a_completion_uses_a_definition_in_another_file(home: dict[str, str], root: Path) -> None:
    position = (str(root / "main.py"), "5:24")
    run(home, "index", str(root))
    answer = json.loads(run(home, "complete", *position, "--json").stdout)
    assert answer["snippets"] == ["ledger.py"]
    assert str(answer["text"]).startswith("entry_with_memo(")


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
def test_a_file_that_may_hold_secrets_is_not_completed(home: dict[str, str], root: Path) -> None:
    answer = json.loads(run(home, "complete", str(root / ".env"), "1:7", "--json").stdout)
    assert answer["text"] == ""
    assert "keys or passwords" in answer["reason"]


def test_an_unwritable_index_is_not_reported_as_a_full_disk(home: dict[str, str], root: Path) -> None:
    found = run({**home, "XDG_CACHE_HOME": "/sys/nowhere"}, "index", str(root))
    assert found.returncode == 1
    assert "cannot be written: Operation not permitted." in found.stderr
    assert "XDG_CACHE_HOME to a writable folder" in found.stderr
    assert "space" not in found.stderr


def test_an_interrupted_index_reports_the_kept_files_and_how_to_continue(home: dict[str, str], tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(4000):
        (many / f"m{number}.py").write_text(f"def f{number}(a, b):\n    return a + b\n" * 20)
    command = [sys.executable, "-m", "slm_lsp.cli.main", "index", str(many)]
    process = subprocess.Popen(
        command, env=home, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed_interrupts
    )
    while not list(Path(home["XDG_CACHE_HOME"]).rglob("parsing-*")):  # wait until a file is being parsed
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # like Ctrl-C in a terminal, the signal also reaches the parser processes
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert re.fullmatch(
        rf"slm-lsp: Interrupted: \d+ files are in the index of {re.escape(str(many))}. "
        rf"Run `slm-lsp index {re.escape(str(many))}` again to continue with the other files.\n",
        err,
    )
    done = json.loads(run(home, "index", str(many), "--json").stdout)
    assert done["files"] == 4000
