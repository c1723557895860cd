"""`index`, `context` and `complete` over a small project."""

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


def test_index_reads_what_changed_and_says_what_it_holds(home: dict[str, str], root: Path) -> None:
    first = run(home, "index", str(root), "--stats")
    assert first.returncode == 0, first.stderr
    assert "3 files" in first.stdout
    assert "python" in first.stdout
    assert "1 left out: binary" in first.stdout
    assert "1 left out: may hold keys or passwords" in first.stdout
    second = json.loads(run(home, "index", str(root), "--json").stdout)
    assert second["checked"]["read"] == 0
    assert (second["files"], second["skipped"]["binary"]) == (3, 1)


def test_index_of_no_folder_is_wrong_usage(home: dict[str, str], tmp_path: Path) -> None:
    assert run(home, "index", str(tmp_path / "nowhere")).returncode == 2


def test_a_damaged_index_is_built_anew_and_said_so_once(home: dict[str, str], root: Path) -> None:
    run(home, "index", str(root))
    (database,) = Path(home["XDG_CACHE_HOME"]).rglob("index.db")
    database.write_bytes(b"damaged" * 1000)
    assert "built anew" in run(home, "index", str(root)).stderr
    assert "built anew" not in run(home, "index", str(root)).stderr


def test_context_shows_what_is_read_and_why(home: dict[str, str], root: Path) -> None:
    place = (str(root / "main.py"), "5:24")
    before = run(home, "context", *place)
    assert "is not indexed yet: run `slm-lsp index" in before.stderr
    run(home, "index", str(root))
    shown = run(home, "context", *place)
    assert "imported from ledger.py" in shown.stdout
    assert "def post_entry_with_memo(amount, memo):" in shown.stdout
    (snippet,) = json.loads(run(home, "context", *place, "--json").stdout)["snippets"]
    assert snippet.keys() >= {"path", "text", "tokens", "score", "reason"}
    assert snippet["path"] == "ledger.py"


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
def test_a_completion_knows_the_other_file(home: dict[str, str], root: Path) -> None:
    place = (str(root / "main.py"), "5:24")
    run(home, "index", str(root))
    answer = json.loads(run(home, "complete", *place, "--json").stdout)
    assert answer["snippets"] == ["ledger.py"]
    assert str(answer["text"]).startswith("entry_with_memo(")


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
def test_a_file_with_secrets_is_not_read(home: dict[str, str], root: Path) -> None:
    answer = json.loads(run(home, "complete", str(root / ".env"), "1:7", "--json").stdout)
    assert answer["text"] == ""
    assert "keys or passwords" in answer["reason"]


def test_an_index_that_may_not_be_written_is_no_matter_of_space(home: dict[str, str], root: Path) -> None:
    found = run({**home, "XDG_CACHE_HOME": "/sys/nowhere"}, "index", str(root))
    assert found.returncode == 1
    assert "cannot be written: Operation not permitted." in found.stderr
    assert "XDG_CACHE_HOME to a writable folder" in found.stderr
    assert "space" not in found.stderr


def test_an_interrupted_index_says_what_it_kept_and_how_to_go_on(home: dict[str, str], tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(4000):
        (many / f"m{number}.py").write_text(f"def f{number}(a, b):\n    return a + b\n" * 20)
    command = [sys.executable, "-m", "slm_lsp.cli.main", "index", str(many)]
    process = subprocess.Popen(
        command, env=home, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed_interrupts
    )
    while not list(Path(home["XDG_CACHE_HOME"]).rglob("parsing-*")):  # until a file is parsed
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the processes that parse get it too
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert re.fullmatch(
        rf"slm-lsp: Interrupted: \d+ files are in the index of {re.escape(str(many))}. "
        rf"Run `slm-lsp index {re.escape(str(many))}` again to go on with the others.\n",
        err,
    )
    done = json.loads(run(home, "index", str(many), "--json").stdout)
    assert done["files"] == 4000
