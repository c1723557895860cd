"""`slm-lsp complete`: which model answers, what is printed, and what is said while it takes long."""

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
from tests.cli.test_commands import PLACE, run
from tests.conftest import REAL_CACHE, engines, environment, store_of_tiers


async def start_engine(home: dict[str, str]) -> None:
    async with EngineClient(home) as client:
        await client.stats()


@pytest.fixture(scope="module")
def both_home(tmp_path_factory: pytest.TempPathFactory, fast_model: Path) -> Iterator[dict[str, str]]:
    """A home without settings, and a store with both tiers. The real fast model is in the place of the strong one."""
    models = store_of_tiers(tmp_path_factory.mktemp("store") / "models", fast=fast_model, strong=fast_model)
    for environ in environment(tmp_path_factory.mktemp("home")):
        del environ["SLM_LSP_MODEL"]
        environ["SLM_LSP_MODELS_DIR"] = str(models)
        # Which binding suits a model was measured on this machine already; that takes a minute.
        known = REAL_CACHE / "slm-lsp" / "agreement.json"
        if known.exists():
            (Path(environ["XDG_CACHE_HOME"]) / "slm-lsp").mkdir(parents=True)
            shutil.copy(known, Path(environ["XDG_CACHE_HOME"]) / "slm-lsp")
        yield environ


@pytest.mark.real_model
class TestModel:
    """Which model answers where nothing is set."""

    def test_the_best_installed_model_answers_from_the_first_call_on(self, both_home: dict[str, str]) -> None:
        answer = json.loads(run(both_home, "complete", *PLACE, "--json").stdout)
        assert answer["tier"] == "strong"
        assert answer["chosen"] == "strong: the best installed model; a command waits for it"

    def test_auto_chooses_by_latency_and_says_why(self, both_home: dict[str, str]) -> None:
        found = run(both_home, "complete", *PLACE, "--json", "--model", "auto")
        answer = json.loads(found.stdout)
        assert answer["chosen"].startswith("`auto`: ")
        assert answer["chosen"] in found.stderr

    def test_doctor_says_which_model_answers_commands_and_which_editors(self, both_home: dict[str, str]) -> None:
        checks = json.loads(run(both_home, "doctor", "--json").stdout)["checks"]
        chosen = [check["value"] for check in checks if check["name"] == "chosen"]
        assert chosen[0].startswith("commands: qwen2.5-coder-1.5b")
        assert chosen[1].startswith("editors: `auto`")
        measured = [check["value"] for check in checks if check["name"] == "speed"]
        assert ["qwen2.5-coder-0.5b" in each for each in measured] == [True, False]


@pytest.mark.real_model
class TestAlternatives:
    """How many suggestions are printed where the strong model is unsure and compares several of its own."""

    def test_only_the_suggestion_is_printed(self, both_home: dict[str, str]) -> None:
        found = run(both_home, "complete", *PLACE)
        assert found.returncode == 0
        assert found.stdout.count("\n") == 1, found.stdout

    def test_alternatives_are_given_to_who_asks(self, both_home: dict[str, str]) -> None:
        assert "alternatives" not in json.loads(run(both_home, "complete", *PLACE, "--json").stdout)
        asked = json.loads(run(both_home, "complete", *PLACE, "--json", "--alternatives", "2").stdout)
        assert len(asked["alternatives"]) <= 1


class TestStages:
    """What is said while a command waits."""

    async def test_without_a_terminal_a_slow_stage_is_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        shown = Lines(Namespace(quiet=False), slow_s=0)
        shown.begin("loading x")
        shown.begin("loading x")
        await asyncio.sleep(0.01)
        shown.begin("reading the prompt")
        shown.end()
        await asyncio.sleep(0.01)
        assert capsys.readouterr().err == "loading x …\n"

    def test_on_a_terminal_the_bar_pulses_again_after_a_stage_with_a_known_length(self) -> None:
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
    def test_a_command_that_waits_says_for_what(self, home: dict[str, str], quiet: bool) -> None:
        asyncio.run(start_engine(home))
        (engine,) = engines(home)
        engine.suspend()
        command = [sys.executable, "-m", "slm_lsp.cli.main", "complete", *PLACE, *(["-q"] if quiet else [])]
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
