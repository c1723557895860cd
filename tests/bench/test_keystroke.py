"""The keystroke benchmark: requests to its peers, the peers' answers, and the report."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slm_lsp.bench.keystroke import RECORDINGS, PrefixOnly, Samples, other_files, report
from slm_lsp.bench.llama_server import FirstToken, command, llama_server, read_events, request
from slm_lsp.bench.peers import server_binary, usual_layout
from slm_lsp.bench.typing import load_sessions
from slm_lsp.bench.workers import worker
from slm_lsp.context.fim import snippet_tokens
from slm_lsp.engine.api import FimTokens
from slm_lsp.engine.backend.prefix_only import shared
from slm_lsp.errors import PeerError
from tests.conftest import REAL_CACHE, engines

FIM = FimTokens("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def event(**fields: object) -> str:
    return "data: " + json.dumps(fields)


def test_server_listens_only_on_this_machine_with_one_slot() -> None:
    found = command(Path("server"), Path("m.gguf"), 2, 8192, 4711)
    assert found[found.index("--host") + 1] == "127.0.0.1"
    assert found[found.index("--parallel") + 1] == "1"
    assert found[found.index("--threads") + 1] == "2"
    assert found[found.index("--ctx-size") + 1] == "8192"


def test_request_is_for_one_greedy_token_with_the_prompt_cache() -> None:
    body = request("before", "after")
    assert (body["input_prefix"], body["input_suffix"]) == ("before", "after")
    assert (body["temperature"], body["top_k"], body["cache_prompt"], body["stream"]) == (0.0, 1, True, True)


def test_time_is_measured_at_the_first_event_with_text() -> None:
    def lines():
        yield event(content="", stop=False)
        yield ""
        yield event(content="x", stop=False)
        later.append(time.perf_counter())
        yield event(content="", stop=True, timings={"prompt_n": 12})

    later: list[float] = []
    began = time.perf_counter()
    found = read_events(lines(), began)
    assert found.evaluated == 12
    assert found.ms <= (later[0] - began) * 1000


def test_time_of_an_answer_without_text_is_measured_at_its_end() -> None:
    end = event(content="", stop=True, timings={"prompt_n": 3})
    assert read_events([end], time.perf_counter() - 1).ms >= 1000


@pytest.mark.parametrize("lines", [[], [event(content="x", stop=False)], ['error: {"message": "no"}']])
def test_incomplete_answer_is_an_error(lines: list[str]) -> None:
    with pytest.raises(PeerError):
        read_events(lines, 0.0)


def test_at_least_one_token_is_evaluated_even_if_the_whole_prompt_is_known() -> None:
    assert shared([], [1, 2]) == 0
    assert shared([1, 2, 3], [1, 2, 4]) == 2
    assert shared([1, 2, 3], [1, 2]) == 1
    assert shared([1, 2], [1, 2]) == 1


def test_peer_with_prefix_reuse_evaluates_everything_after_the_first_change(tiny_model: Path) -> None:
    arguments = (tiny_model, 1, 512)
    with worker("peer", "slm_lsp.engine.backend.prefix_only", arguments, verbose=False) as process:
        peer = PrefixOnly(process, FIM)
        whole = peer.first_token("abc", "xyz")
        assert whole.ms > 0
        assert whole.evaluated == len("abcxyz") + 3
        assert peer.first_token("abc", "xyz").evaluated == 1
        assert peer.first_token("abcd", "xyz").evaluated == len("dxyz") + 2
        assert peer.first_token("abce", "xyz").evaluated == len("exyz") + 2


def test_peer_that_exits_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "none.gguf"
    with (
        worker("peer", "slm_lsp.engine.backend.prefix_only", (missing, 1, 512), verbose=False) as process,
        pytest.raises(PeerError, match="ended early"),
    ):
        PrefixOnly(process, FIM)


def test_first_request_of_a_file_is_reported_separately_and_ratios_compare_percentiles() -> None:
    ours = Samples([900.0], [10.0, 20.0, 30.0])
    server = Samples()
    for number, ms in enumerate((1000.0, 100.0, 200.0, 300.0)):
        server.add(FirstToken(ms, 50), cold=number == 0)
    found = report(1, ours, Samples([950.0], [11.0, 22.0, 33.0]), server, server, ())
    assert found.ours == {"p50_ms": 20.0, "p95_ms": 30.0, "cold_ms": 900.0}
    assert found.peer["cold_ms"] == 1000.0
    assert found.peer["evaluated_tokens"] == 50
    assert found.ratio == found.ratio_p95 == found.ratio_prefix_only == pytest.approx(0.1)
    assert found.ratio_context == pytest.approx(1.1)
    assert found.keys == 3
    assert any("0.100 at p50" in line for line in found.lines())


def test_report_without_the_server_has_only_the_other_ratios() -> None:
    found = report(1, Samples([9.0], [1.0]), Samples([9.0], [1.0]), None, Samples([9.0], [2.0]), ("no server",))
    assert found.ratio is None
    assert found.ratio_p95 is None
    assert found.ratio_prefix_only == 0.5
    assert "  no server" in list(found.lines())


def test_snippets_fill_the_budget_and_exclude_the_file_itself() -> None:
    file = load_sessions(RECORDINGS)[0].file
    found = other_files(file, 1000)
    assert file not in {each.path for each in found}
    assert 600 < sum(map(snippet_tokens, found)) < 1100
    assert all(each.text.endswith("\n") for each in found)


def test_command_replays_sessions_and_notes_the_missing_peer(home: dict[str, str], tiny_model: Path) -> None:
    arguments = ["bench", "keystroke", "--runs", "1", "--model", str(tiny_model), "--json"]
    small = {"COMPLETION_PREFIX_TOKENS": 100, "COMPLETION_SUFFIX_TOKENS": 30, "COMPLETION_MAX_TOKENS": 4}
    # One thread: on a busy machine, two threads that wait for each other take minutes.
    environ = {**home, **{f"SLM_LSP_{key}": str(value) for key, value in {**small, "ENGINE_THREADS": 1}.items()}}
    found = subprocess.run(
        [sys.executable, "-m", "slm_lsp.cli.main", *arguments], env=environ, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert (result["name"], result["runs"], result["keys"], result["unit"]) == ("keystroke", 1, 30, "ms")
    assert result["ratio"] is None
    assert result["ratio_prefix_only"] > 0
    assert result["with_context"]["cold_ms"] > 0
    assert result["peer"]["name"] == "llama-server /infill"
    assert any("slm-lsp bench peers setup" in note for note in result["notes"])
    assert engines(home) == []


@pytest.mark.real_model
def test_real_server_evaluates_the_suffix_again(fast_model: Path) -> None:
    layout = usual_layout()
    real = type(layout)(REAL_CACHE / "slm-lsp" / "peers", layout.version)
    binary = server_binary(real)
    if binary is None:
        pytest.skip("needs llama.cpp's server, which `slm-lsp bench peers setup` builds in ten minutes")
    text = load_sessions(RECORDINGS)[0].text[:600]
    with llama_server(binary, fast_model, 2, 2048, verbose=False) as server:
        whole = server.first_token(text, "\n    return total\n")
        typed = server.first_token(text + "x", "\n    return total\n")
    assert whole.ms > 0
    assert 3 <= typed.evaluated < whole.evaluated
