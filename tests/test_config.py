"""Settings: who wins, what a workspace may not say, and what becomes of mistakes."""

from pathlib import Path

import pytest

from slm_lsp.config import Settings, load_settings


def test_no_configuration_is_needed(tmp_path: Path) -> None:
    settings = load_settings(environ={}, user=tmp_path / "none.toml")
    assert settings == Settings()
    assert not settings.run_examples, "no code is executed unless the user has asked for it"
    assert settings.model == "auto"
    assert settings.problems == ()


def test_later_sources_win(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text('model = "strong"\n[completion]\nmax_tokens = 10\nprefix_tokens = 11\nsuffix_tokens = 12\n')
    (tmp_path / ".slm-lsp.toml").write_text("[completion]\nprefix_tokens = 21\nsuffix_tokens = 22\n")
    editor = {"completion": {"suffix_tokens": 32}}
    settings = load_settings(tmp_path, editor=editor, environ={"SLM_LSP_MODEL": "fast"}, user=user)
    assert settings.model == "fast"
    found = settings.completion
    assert (found.max_tokens, found.prefix_tokens, found.suffix_tokens) == (10, 21, 32)
    assert settings.problems == ()


def test_a_workspace_may_not_say_what_runs_on_the_machine(tmp_path: Path) -> None:
    (tmp_path / ".slm-lsp.toml").write_text('models_dir = "/elsewhere"\nrun_examples = true\n[engine]\nthreads = 64\n')
    user = tmp_path / "config.toml"
    user.write_text("run_examples = false\n")
    settings = load_settings(tmp_path, environ={}, user=user)
    assert not settings.run_examples
    assert settings.engine.threads == 0
    assert settings.models_dir == Settings().models_dir
    assert len(settings.problems) == 3
    assert all("only in your own settings" in problem for problem in settings.problems)


def test_a_workspace_may_name_a_model_but_not_a_file(tmp_path: Path) -> None:
    for wanted, found in (("strong", "strong"), ("./evil.gguf", "auto"), ("~/x", "auto"), ("evil.gguf", "auto")):
        (tmp_path / ".slm-lsp.toml").write_text(f'model = "{wanted}"\n')
        settings = load_settings(tmp_path, environ={}, user=tmp_path / "none.toml")
        assert settings.model == found
        assert len(settings.problems) == (found == "auto")


def test_what_is_no_regular_file_is_no_settings(tmp_path: Path) -> None:
    (tmp_path / ".slm-lsp.toml").symlink_to("/dev/zero")
    settings = load_settings(tmp_path, environ={}, user=tmp_path / "none.toml")
    assert "is left out" in settings.problems[0]


def test_mistakes_are_reported_and_the_default_stands_in(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text('modell = "fast"\ncompletion = 3\n[engine]\nbackend = "cuda"\nthreads = 2\n')
    settings = load_settings(environ={"SLM_LSP_ENGINE_CONTEXT_TOKENS": "many"}, user=user)
    assert settings.engine.threads == 2
    assert settings.engine.backend == "auto"
    assert settings.engine.context_tokens == Settings().engine.context_tokens
    told = "\n".join(settings.problems)
    assert "there is no setting `modell`. Did you mean `model`?" in told
    assert "`completion` is a group" in told
    assert '`engine.backend` must be one of "auto", "llama_cpp", "ik", but is "cuda"; it stays "auto".' in told
    assert (
        'the environment: `engine.context_tokens` must be a whole number of at least 512, but is "many"; '
        "it stays 8192." in told
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('max_tokens = "many"', 'a whole number from 1 to 1,000,000, but is "many"; it stays 64.'),
        ("max_tokens = 0", "a whole number from 1 to 1,000,000, but is 0; it stays 64."),
        ("latency_ms = -1", "a number of at least 0, but is -1; it stays 1500.0."),
        ("refine = 3", "true or false, but is 3; it stays true."),
        ("languages_off = 3", "a list of texts, but is 3; it stays []."),
        ("least_confidence = 2024-01-01", 'a number from 0 to 1, but is "2024-01-01"; it stays 0.75.'),
        (f"max_tokens = '{'x' * 100}'", "…; it stays 64."),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(tmp_path: Path, line: str, told: str) -> None:
    user = tmp_path / "config.toml"
    user.write_text(f"[completion]\n{line}\n")
    (problem,) = load_settings(environ={}, user=user).problems
    assert problem.startswith(f"{user}: `completion.{line.split()[0]}` must be ")
    assert problem.endswith(told)
    assert "Expected" not in problem


def test_a_wrong_value_leaves_the_value_of_an_earlier_source(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text("[completion]\nmax_tokens = 10\n")
    settings = load_settings(environ={"SLM_LSP_COMPLETION_MAX_TOKENS": "0"}, user=user)
    assert settings.completion.max_tokens == 10
    assert "it stays 10." in settings.problems[0]


def test_a_setting_in_the_wrong_group_is_found_in_the_right_one(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text("max_tokens = 10\n[completion]\nthreads = 2\n")
    first, second = load_settings(environ={}, user=user).problems
    assert first.endswith("there is no setting `max_tokens`. Did you mean `completion.max_tokens`?")
    assert second.endswith("there is no setting `completion.threads`. Did you mean `engine.threads`?")


def test_a_file_that_is_no_toml_is_left_out(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text("model = = fast")
    settings = load_settings(environ={}, user=user)
    assert settings.model == "auto"
    assert "cannot be read and is left out" in settings.problems[0]


def test_the_environment_reaches_every_setting(tmp_path: Path) -> None:
    environ = {
        "SLM_LSP_MODELS_DIR": "~/m",
        "SLM_LSP_ENGINE_THREADS": "3",
        "SLM_LSP_ENGINE_IDLE_MINUTES": "0.5",
        "SLM_LSP_COMPLETION_MAX_TOKENS": "7",
    }
    settings = load_settings(environ=environ, user=tmp_path / "none.toml")
    assert settings.models_dir == Path.home() / "m"
    assert settings.engine.threads == 3
    assert settings.engine.idle_minutes == 0.5
    assert settings.completion.max_tokens == 7
    assert settings.problems == ()


def test_a_variable_that_names_no_setting_is_reported(tmp_path: Path) -> None:
    environ = {"SLM_LSP_MODELL": "fast", "SLM_LSP_COLOUR": "red", "SLM_OTHER": "left alone"}
    found = load_settings(environ=environ, user=tmp_path / "none.toml").problems
    assert found == (
        "the environment: no setting belongs to the variable `SLM_LSP_COLOUR`.",
        "the environment: no setting belongs to the variable `SLM_LSP_MODELL`. Did you mean `SLM_LSP_MODEL`?",
    )
