"""Commands as real processes, most of them with the real fast model."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slm_lsp.cli.doctor import storage
from slm_lsp.engine.paths import PACKAGE
from tests.conftest import FIXTURES, engines, needs_wall

INVENTORY = FIXTURES / "inventory"
POSITION = [str(INVENTORY / "orders.py"), "37:16"]


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "slm_lsp.cli.main", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
class TestComplete:
    """`slm-lsp complete`."""

    def test_the_suggestion_is_printed_on_standard_output(self, module_home: dict[str, str]) -> None:
        found = run(module_home, "complete", *POSITION)
        assert found.returncode == 0
        assert found.stdout == "sum(line.quantity for line in self.lines)\n"
        # Standard error contains only lines for slow stages.
        assert all(line.endswith(" …") for line in found.stderr.splitlines())

    def test_json_contains_the_documented_keys_and_plausible_figures(self, module_home: dict[str, str]) -> None:
        answer = json.loads(run(module_home, "complete", *POSITION, "--json").stdout)
        assert answer.keys() >= {"text", "range", "model", "reason", "confidence", "timing", "tokens"}
        assert answer["text"] == "sum(line.quantity for line in self.lines)"
        assert answer["reason"] is None
        assert answer["range"] == {"start": {"line": 37, "column": 16}, "end": {"line": 37, "column": 16}}
        assert answer["timing"].keys() == {"queue_ms", "prefill_ms", "first_token_ms", "total_ms"}
        assert 0 < answer["timing"]["prefill_ms"] <= answer["timing"]["first_token_ms"]
        tokens = answer["tokens"]
        assert 0 < tokens["generated"] < 20 < tokens["prompt"]

    def test_the_second_call_reuses_the_loaded_model_and_the_evaluated_prompt(self, home: dict[str, str]) -> None:
        first, second = (json.loads(run(home, "complete", *POSITION, "--json").stdout) for _ in range(2))
        assert len(engines(home)) == 1
        assert first["text"] == second["text"]
        assert first["tokens"]["reused"] == 0
        assert second["tokens"]["reused"] == second["tokens"]["prompt"] - 1

    def test_verbose_prints_an_excerpt_and_the_speed_on_standard_error(self, module_home: dict[str, str]) -> None:
        found = run(module_home, "complete", *POSITION, "-v")
        assert found.stdout == "sum(line.quantity for line in self.lines)\n"
        assert "⟦sum(line.quantity for line in self.lines)⟧" in found.stderr
        assert "tokens/s" in found.stderr
        assert "first token after" in found.stderr

    def test_an_answer_that_repeats_the_next_line_is_suppressed_with_a_reason(
        self, module_home: dict[str, str], tmp_path: Path
    ) -> None:
        """The fast model generates `return number * 2`, which is the next line, with a confidence of 0.88."""
        (tmp_path / "double.py").write_text("def double(number):\n    \n    return number * 2\n")
        found = run(module_home, "complete", str(tmp_path / "double.py"), "2:5", "--json")
        assert found.returncode == 0
        answer = json.loads(found.stdout)
        assert (answer["text"], answer["reason"]) == ("", "the suggestion would repeat the line below")
        assert answer["tokens"]["generated"] > 0

    def test_alternatives_are_distinct_and_the_most_likely_comes_first(self, module_home: dict[str, str]) -> None:
        answer = json.loads(run(module_home, "complete", *POSITION, "--json", "--alternatives", "3").stdout)
        answers = [answer["text"], *(each["text"] for each in answer["alternatives"])]
        assert answers[0] == "sum(line.quantity for line in self.lines)"
        assert len({"".join(each.split()) for each in answers}) == len(answers) <= 3
        for each in answers:
            compile(each, "answer", "eval")

    def test_positions_in_a_file_with_emoji_and_crlf_count_characters(self, module_home: dict[str, str]) -> None:
        found = run(module_home, "complete", str(FIXTURES / "encodings" / "crlf_emoji.py"), "3:23", "--json")
        answer = json.loads(found.stdout)
        assert answer["range"]["start"] == {"line": 3, "column": 23}
        assert "name" in answer["text"]

    @needs_wall
    def test_with_run_examples_an_answer_that_passes_the_examples_comes_first(
        self, module_home: dict[str, str], tmp_path: Path
    ) -> None:
        """The fast model also generates `ordered[half - 1] + ordered[half] / 2`, which is not the mean."""
        text = (FIXTURES / "examples" / "middle.py").read_text().rstrip() + " "
        (tmp_path / "middle.py").write_text(text + "\n")
        environ = module_home | {"SLM_LSP_RUN_EXAMPLES": "true"}
        position = [str(tmp_path / "middle.py"), "11:12", "--json", "--alternatives", "3"]
        answer = json.loads(run(environ, "complete", *position).stdout)
        right = [middle_of(text + each["text"]) == 2.5 for each in (answer, *answer["alternatives"])]
        assert right[0]
        assert right == sorted(right, reverse=True)
        assert answer["proven"] or all(right), "the first answer is proven if another one fails"


def middle_of(source: str) -> object:
    """Return what `middle` of `fixtures/examples/middle.py` returns for four values; None if it raises."""
    namespace: dict[str, Callable[[list[int]], float]] = {}
    try:
        exec(source, {}, namespace)  # noqa: S102 - a line of arithmetic
        return namespace["middle"]([4, 1, 2, 3])
    except Exception:
        return None


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
def test_doctor_measures_the_models_and_keeps_the_results(module_home: dict[str, str]) -> None:
    # With `--measure`, because an engine that was idle after an earlier test has already measured the speed.
    found = run(module_home, "doctor", "--json", "--measure")
    report = json.loads(found.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]
    assert found.returncode == 0
    assert checks.keys() >= {"python", "processor", "cores", "bindings", "binding", "disk", "model", "engine", "speed"}
    assert "prefill" in checks["speed"]["value"]
    again = run(module_home, "doctor")
    assert "measuring" in found.stderr
    assert "measuring" not in again.stderr
    figures = checks["speed"]["value"].split(", measured")[0]
    assert figures in again.stdout
    assert checks["runs"]["value"] == f"{sys.executable} with the package {PACKAGE}"


def test_doctor_without_a_model_says_how_to_get_one(home: dict[str, str], tmp_path: Path) -> None:
    home |= {"SLM_LSP_MODELS_DIR": str(tmp_path / "none"), "SLM_LSP_MODEL": "auto"}
    found = run(home, "doctor")
    assert found.returncode == 1
    assert "No model is installed" in found.stdout
    assert "slm-lsp models pull fast" in found.stdout


def test_doctor_reports_whether_programs_can_be_isolated(home: dict[str, str]) -> None:
    home["SLM_LSP_MODELS_DIR"] = home["HOME"]
    checks = json.loads(run(home, "doctor", "--json").stdout)["checks"]
    (found,) = [check for check in checks if check["name"] == "sandbox"]
    if found["ok"]:
        assert found["value"].startswith("programs are isolated by /")
    else:
        assert "bubblewrap" in found["cure"]
    home["SLM_LSP_SANDBOX"] = "none"
    assert "programs run without isolation" in run(home, "doctor").stdout


def test_doctor_reports_invalid_settings(home: dict[str, str]) -> None:
    config = Path(home["XDG_CONFIG_HOME"]) / "slm-lsp"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("colour = 'red'\n")
    home["SLM_LSP_MODELS_DIR"] = str(config / "none")
    assert "there is no setting `colour`" in run(home, "doctor").stdout


def test_doctor_reads_the_settings_of_the_current_workspace(home: dict[str, str], tmp_path: Path) -> None:
    home["SLM_LSP_MODELS_DIR"] = str(tmp_path / "none")
    (tmp_path / ".slm-lsp.toml").write_text("model = = fast\n")
    (tmp_path / "src").mkdir()
    command = [sys.executable, "-m", "slm_lsp.cli.main", "doctor"]
    environ = {**home, "PYTHONPATH": str(FIXTURES.parent)}
    found = subprocess.run(
        command, env=environ, cwd=tmp_path / "src", capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 1
    assert f"{tmp_path / '.slm-lsp.toml'} cannot be read and is ignored" in found.stdout


def test_doctor_distinguishes_missing_write_access_from_a_full_disk(tmp_path: Path) -> None:
    check = storage(Path("/proc/nowhere/models"), needed=True, may_write=lambda _: False)
    assert not check.ok
    assert "no write access" in check.value
    assert "space" not in check.cure
    assert storage(tmp_path / "models", needed=True).value.endswith(f"GB free at {tmp_path / 'models'}")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["complete", "nowhere.py", "1:1"], 2, "nowhere.py does not exist."),
        (["complete", str(FIXTURES / "encodings" / "binary.py"), "1:1"], 2, "is a binary file."),
        (["complete", str(FIXTURES / "encodings" / "latin1.py"), "1:1"], 2, "is not UTF-8 text"),
        (["complete", POSITION[0], "999:1"], 2, "Line 999 is outside "),
        (["complete", *POSITION, "--model", "huge"], 2, "Known models: fast"),
        (["complete", *POSITION, "--model", "./none.gguf"], 2, "none.gguf"),
        (["bench", "decode", "--runs", "0"], 2, "--runs must be at least 1."),
    ],
)
def test_invalid_input_gives_a_one_line_error_and_exit_code_2(
    home: dict[str, str], arguments: list[str], code: int, message: str
) -> None:
    found = run(home, *arguments)
    assert found.returncode == code
    assert message in found.stderr
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""
    as_json = json.loads(run(home, *arguments, "--json").stdout)
    assert as_json["error"].keys() == {"kind", "what", "cure"}


def test_a_corrupt_model_is_named_in_the_error_and_not_loaded(home: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + b"\0" * 40)
    found = run(home, "complete", *POSITION, "--model", str(path))
    assert found.returncode == 1
    assert "cut.gguf" in found.stderr
    assert engines(home) == []


@pytest.mark.parametrize("arguments", [["--help"], ["complete", "--help"], ["bench", "--help"], ["models", "--help"]])
def test_help_prints_the_usage(home: dict[str, str], arguments: list[str]) -> None:
    found = run(home, *arguments)
    assert found.returncode == 0
    assert "usage: slm-lsp" in found.stdout


def test_a_closed_output_pipe_gives_no_traceback(home: dict[str, str]) -> None:
    command = f"{sys.executable} -m slm_lsp.cli.main models list | true"
    found = subprocess.run(["/bin/sh", "-c", command], env=home, capture_output=True, text=True, check=False)
    assert "Traceback" not in found.stderr


def test_bench_batch_reports_every_batch_size(home: dict[str, str], tiny_model: Path) -> None:
    found = run(home, "bench", "batch", "--runs", "1", "--model", str(tiny_model), "--json")
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    assert report["ratio"] == min(report["ratios"].values())
    assert report["ours"]["llama_cpp_by_size"].keys() == {"1", "2", "4", "8"}
    assert engines(home) == []


@pytest.mark.parametrize("name", ["decode", "load"])
def test_a_benchmark_reports_both_sides_and_their_ratio(home: dict[str, str], tiny_model: Path, name: str) -> None:
    found = run(home, "bench", name, "--runs", "1", "--model", str(tiny_model), "--json")
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    assert report["name"] == name
    assert report["runs"] == 1
    assert report["peer"]["name"] == "bare C-API loop"
    assert report["ratio"] > 0
    assert report["ours"].keys() == report["ratios"].keys()
    assert engines(home) == []
