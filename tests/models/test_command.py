"""`slm-lsp models`: its output as text and as JSON."""

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from slm_lsp.cli import models as command
from slm_lsp.errors import ModelMissingError, PullError, UsageError
from slm_lsp.models import Catalogue, Entry, load_catalogue, store
from slm_lsp.models.sources import Progress
from tests.conftest import heed_interrupts

from .conftest import Hub, serve

Run = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLM_LSP_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    return tmp_path / "models"


@pytest.fixture
def run(root: Path) -> Run:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true")
    common.add_argument("-q", "--quiet", action="store_true")
    common.add_argument("--workspace")
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers(), common)

    def run_command(*words: object) -> int:
        args = parser.parse_args(["models", *map(str, words)])
        return int(args.run(args))

    return run_command


def test_list_shows_the_catalogue_and_added_models(
    run: Run, make_gguf: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", make_gguf(), "--name", "mine") == 0
    assert capsys.readouterr().out == "mine: added (0 MB)\n"
    assert run("list") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "TIER", "SIZE", "INSTALLED", "SOURCE"],
        ["qwen2.5-coder-0.5b-instruct-q4_k_m", "fast", "491", "MB", "no", "-"],
        ["qwen2.5-coder-1.5b-instruct-q4_k_m", "strong", "1,117", "MB", "no", "-"],
        ["mine", "-", "0", "MB", "yes", "added"],
    ]


def test_list_as_json_has_the_folder_and_the_models(run: Run, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json", "--workspace", root.parent) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["folder"] == str(root)
    assert [(model["tier"], model["installed"], model["bytes"]) for model in answer["models"]] == [
        ("fast", False, 491_400_064),
        ("strong", False, 1_117_320_768),
    ]


def test_verify_names_the_corrupt_model_and_exits_with_1(
    run: Run, make_gguf: Callable[..., Path], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", make_gguf(), "--name", "mine")
    assert run("verify") == 0
    assert capsys.readouterr().out.endswith("mine: sound\n")
    [file] = root.glob("*.gguf")
    file.write_bytes(b"GGUF")
    assert run("verify", "mine") == 1
    assert "mine: CORRUPT" in capsys.readouterr().out
    assert run("verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["models"][0]["sound"] is False


def test_remove_deletes_an_added_model(
    run: Run, make_gguf: Callable[..., Path], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", make_gguf(), "--name", "mine")
    assert run("remove", "mine", "--json") == 0
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["name"] == "mine"
    assert not list(root.glob("*.gguf"))
    with pytest.raises(ModelMissingError):
        run("remove", "fast")


def test_add_rejects_a_missing_file(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run("add", tmp_path / "none.gguf")


@pytest.fixture
def toy_catalogue(monkeypatch: pytest.MonkeyPatch, entry: Entry, hub: Hub, root: Path) -> None:
    """Give the command a catalogue with one small model, and a hub that serves it."""
    monkeypatch.setattr(store, "load_catalogue", lambda: Catalogue((entry,)))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)


@pytest.mark.usefixtures("toy_catalogue")
def test_pull_writes_results_to_stdout_and_progress_to_stderr(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull") == 0
    shown = capsys.readouterr()
    assert shown.out == "toy-q4: pulled (0 MB)\n"
    assert shown.err.endswith("toy-q4, from hub: 100 % of 0 MB\n")
    assert run("pull", "fast") == 0
    assert capsys.readouterr() == ("toy-q4: already installed\n", "")


@pytest.mark.usefixtures("toy_catalogue")
def test_pull_as_json_writes_nothing_to_stderr(run: Run, entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "toy-q4", "--json", "--quiet") == 0
    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert (answer["sha256"], answer["fresh"], answer["source"]) == (entry.sha256, True, "hub")
    assert shown.err == ""


@pytest.mark.usefixtures("toy_catalogue")
def test_pull_uses_only_the_given_source(run: Run, hub: Hub) -> None:
    hub.faults = ["404"]
    with pytest.raises(PullError) as caught:
        run("pull", "--source", "hub", "-q")
    assert "parts:" not in str(caught.value)


def test_progress_without_a_terminal_is_one_line_per_ten_percent() -> None:
    lines: list[str] = []
    report_progress = command.line_reporter("toy", lines.append)
    report_progress(Progress(0, 1_000_000, None, "waiting"))
    for done in range(0, 1_000_001, 1000):
        report_progress(Progress(done, 1_000_000, "hub", "downloading"))
    assert lines[:3] == [
        "toy, waiting for another pull: 0 % of 1 MB",
        "toy, from hub: 0 % of 1 MB",
        "toy, from hub: 10 % of 1 MB",
    ]
    assert lines[-1] == "toy, from hub: 100 % of 1 MB"
    assert len(lines) == 12


class SlowHub(Hub):
    """Announces the size of the fast model, sends four megabytes, and then waits until the test ends."""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self._send(handler, b"x" * 4_000_000, 200, {"Content-Length": str(load_catalogue().find("fast").bytes)})
        handler.wfile.flush()
        self.half_sent.set()
        self.release.wait(60)


def test_interrupted_pull_reports_the_kept_data_and_how_to_resume(home: dict[str, str], tmp_path: Path) -> None:
    with contextmanager(serve)(SlowHub(b"")) as hub:
        command = [sys.executable, "-m", "slm_lsp.cli.main", "models", "pull", "fast", "--source", "hub"]
        environ = home | {"HF_ENDPOINT": hub.url, "SLM_LSP_MODELS_DIR": str(tmp_path / "models")}
        process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
        assert process.stderr is not None
        assert process.stderr.readline().endswith("from hub: 0 % of 491 MB\n")
        assert hub.half_sent.wait(20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        hub.release.set()
    assert process.returncode == 130
    kept = r"^slm-lsp: Interrupted: \d MB of 491 MB are kept. Run `slm-lsp models pull fast` again to continue.$"
    assert re.search(kept, err, re.MULTILINE), err
    assert len(list((tmp_path / "models").glob("*.partial"))) == 1
