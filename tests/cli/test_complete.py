"""`slm-lsp complete`: which model answers, and what is printed during and after the request."""

import asyncio
import io
import json
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from slm_lsp.cli.stages import Bar, Lines
from slm_lsp.engine.client.connection import EngineClient
from tests.cli.test_commands import POSITION, run
from tests.conftest import REAL_CACHE, engines, environment, store_of_tiers


async def start_engine(home: dict[str, str]) -> None:
    async with EngineClient(home) as client:
        await client.stats()


@pytest.fixture(scope="module")
def both_home(tmp_path_factory: pytest.TempPathFactory, fast_model: Path) -> Iterator[dict[str, str]]:
    """An environment without settings, and a store with both tiers. Both tiers use the file of the real fast model."""
    models = store_of_tiers(tmp_path_factory.mktemp("store") / "models", fast=fast_model, strong=fast_model)
    for environ in environment(tmp_path_factory.mktemp("home")):
        del environ["SLM_LSP_MODEL"]
        environ["SLM_LSP_MODELS_DIR"] = str(models)
        # Copy the earlier comparison of the bindings on this machine: a new one takes a minute.
        agreement = REAL_CACHE / "slm-lsp" / "agreement.json"
        if agreement.exists():
            (Path(environ["XDG_CACHE_HOME"]) / "slm-lsp").mkdir(parents=True)
            shutil.copy(agreement, Path(environ["XDG_CACHE_HOME"]) / "slm-lsp")
        yield environ


@pytest.mark.real_model
class TestModel:
    """Which model answers when no model is set."""

    def test_the_best_installed_model_answers_even_the_first_call(self, both_home: dict[str, str]) -> None:
        answer = json.loads(run(both_home, "complete", *POSITION, "--json").stdout)
        assert answer["tier"] == "strong"
        assert answer["chosen"] == "strong: the best installed model; a command waits for it"

    def test_auto_chooses_by_latency_and_prints_the_reason(self, both_home: dict[str, str]) -> None:
        found = run(both_home, "complete", *POSITION, "--json", "--model", "auto")
        answer = json.loads(found.stdout)
        assert answer["chosen"].startswith("`auto`: ")
        assert answer["chosen"] in found.stderr

    def test_doctor_reports_the_models_for_commands_and_for_editors(self, both_home: dict[str, str]) -> None:
        checks = json.loads(run(both_home, "doctor", "--json").stdout)["checks"]
        chosen = [check["value"] for check in checks if check["name"] == "chosen"]
        assert chosen[0].startswith("commands: qwen2.5-coder-1.5b")
        assert chosen[1].startswith("editors: `auto`")
        measured = [check["value"] for check in checks if check["name"] == "speed"]
        assert ["qwen2.5-coder-0.5b" in each for each in measured] == [True, False]


@pytest.mark.real_model
class TestAlternatives:
    """How many suggestions are printed when the strong model compares several candidates."""

    def test_by_default_only_one_suggestion_is_printed(self, both_home: dict[str, str]) -> None:
        found = run(both_home, "complete", *POSITION)
        assert found.returncode == 0
        assert found.stdout.count("\n") == 1, found.stdout

    def test_alternatives_are_in_the_json_only_with_the_option(self, both_home: dict[str, str]) -> None:
        assert "alternatives" not in json.loads(run(both_home, "complete", *POSITION, "--json").stdout)
        answer = json.loads(run(both_home, "complete", *POSITION, "--json", "--alternatives", "2").stdout)
        assert len(answer["alternatives"]) <= 1


class TestStages:
    """Which stages are printed while a command waits."""

    async def test_without_a_terminal_a_slow_stage_prints_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        display = Lines(Namespace(quiet=False), slow_s=0)
        display.begin("loading x")
        display.begin("loading x")
        await asyncio.sleep(0.01)
        display.begin("reading the prompt")
        display.end()
        await asyncio.sleep(0.01)
        assert capsys.readouterr().err == "loading x …\n"

    def test_on_a_terminal_a_new_stage_has_no_known_length(self) -> None:
        bar = Bar(Console(file=io.StringIO(), force_terminal=True))
        bar.begin("loading x")
        bar.advance(0.97)
        (loading,) = bar.progress.tasks
        assert (loading.total, loading.completed) == (1.0, 0.97)
        bar.begin("reading the prompt")
        (reading,) = bar.progress.tasks
        assert (reading.description, reading.total, reading.completed) == ("reading the prompt", None, 0)
        bar.end()
        assert bar.progress.tasks == []

    @pytest.mark.real_model
    @pytest.mark.usefixtures("fast_model")
    @pytest.mark.parametrize("quiet", [False, True])
    def test_a_waiting_command_prints_the_current_stage_unless_quiet(self, home: dict[str, str], quiet: bool) -> None:
        asyncio.run(start_engine(home))
        (engine,) = engines(home)
        engine.suspend()
        command = [sys.executable, "-m", "slm_lsp.cli.main", "complete", *POSITION, *(["-q"] if quiet else [])]
        process = subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        if quiet:
            time.sleep(2)
        else:
            assert process.stderr.readline() == "loading qwen2.5-coder-0.5b-instruct-q4_k_m …\n"
        engine.resume()
        out, err = process.communicate()
        assert process.returncode == 0
        assert out.startswith("sum(")
        assert not quiet or err == ""
        assert [each.pid for each in engines(home)] == [engine.pid]
