"""`index`, `context` and `complete` over a small project."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
