"""Settings: precedence of the sources, restrictions of a workspace, and reports of invalid values."""

from pathlib import Path

import pytest

from slm_lsp.config import Settings, load_settings


def test_without_configuration_the_defaults_apply(tmp_path: Path) -> None:
    settings = load_settings(environ={}, user=tmp_path / "none.toml")
    assert settings == Settings()
    assert not settings.run_examples, "examples must not be executed by default"
    assert settings.model == "auto"
    assert settings.problems == ()


def test_later_sources_override_earlier_ones(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text('model = "strong"\n[completion]\nmax_tokens = 10\nprefix_tokens = 11\nsuffix_tokens = 12\n')
    (tmp_path / ".slm-lsp.toml").write_text("[completion]\nprefix_tokens = 21\nsuffix_tokens = 22\n")
    editor = {"completion": {"suffix_tokens": 32}}
    settings = load_settings(tmp_path, editor=editor, environ={"SLM_LSP_MODEL": "fast"}, user=user)
    assert settings.model == "fast"
    found = settings.completion
    assert (found.max_tokens, found.prefix_tokens, found.suffix_tokens) == (10, 21, 32)
    assert settings.problems == ()


def test_a_workspace_cannot_change_settings_that_affect_the_machine(tmp_path: Path) -> None:
    (tmp_path / ".slm-lsp.toml").write_text('models_dir = "/elsewhere"\nrun_examples = true\n[engine]\nthreads = 64\n')
    user = tmp_path / "config.toml"
    user.write_text("run_examples = false\n")
    settings = load_settings(tmp_path, environ={}, user=user)
    assert not settings.run_examples
    assert settings.engine.threads == 0
    assert settings.models_dir == Settings().models_dir
    assert len(settings.problems) == 3
    assert all("only in your own settings" in problem for problem in settings.problems)


def test_a_workspace_cannot_switch_the_sandbox_off(tmp_path: Path) -> None:
    (tmp_path / ".slm-lsp.toml").write_text('sandbox = "none"\n')
    user = tmp_path / "config.toml"
    settings = load_settings(tmp_path, environ={}, user=user)
    assert settings.sandbox == "auto"
    assert settings.problems == (
        f"{tmp_path / '.slm-lsp.toml'}: `sandbox` cannot be set in a workspace, only in your own settings.",
    )
    user.write_text('sandbox = "none"\n')
    assert load_settings(tmp_path, environ={}, user=user).sandbox == "none"


def test_a_workspace_can_set_a_model_name_but_not_a_path(tmp_path: Path) -> None:
    for wanted, found in (("strong", "strong"), ("./evil.gguf", "auto"), ("~/x", "auto"), ("evil.gguf", "auto")):
        (tmp_path / ".slm-lsp.toml").write_text(f'model = "{wanted}"\n')
        settings = load_settings(tmp_path, environ={}, user=tmp_path / "none.toml")
        assert settings.model == found
        assert len(settings.problems) == (found == "auto")


def test_a_settings_file_that_is_not_a_regular_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".slm-lsp.toml").symlink_to("/dev/zero")
    settings = load_settings(tmp_path, environ={}, user=tmp_path / "none.toml")
    assert "is ignored" in settings.problems[0]


def test_invalid_settings_are_reported_and_the_default_is_used(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text('modell = "fast"\ncompletion = 3\n[engine]\nbackend = "cuda"\nthreads = 2\n')
    settings = load_settings(environ={"SLM_LSP_ENGINE_CONTEXT_TOKENS": "many"}, user=user)
    assert settings.engine.threads == 2
    assert settings.engine.backend == "auto"
    assert settings.engine.context_tokens == Settings().engine.context_tokens
    messages = "\n".join(settings.problems)
    assert "there is no setting `modell`. Did you mean `model`?" in messages
    assert "`completion` is a group" in messages
    assert (
        '`engine.backend` must be one of "auto", "llama_cpp", "ik", but is "cuda"; its value stays "auto".' in messages
    )
    assert (
        'the environment: `engine.context_tokens` must be a whole number of at least 512, but is "many"; '
        "its value stays 8192." in messages
    )


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        ('max_tokens = "many"', 'a whole number from 1 to 1,000,000, but is "many"; its value stays 64.'),
        ("max_tokens = 0", "a whole number from 1 to 1,000,000, but is 0; its value stays 64."),
        ("latency_ms = -1", "a number of at least 0, but is -1; its value stays 1500.0."),
        ("refine = 3", "true or false, but is 3; its value stays true."),
        ("languages_off = 3", "a list of strings, but is 3; its value stays []."),
        ("least_confidence = 2024-01-01", 'a number from 0 to 1, but is "2024-01-01"; its value stays 0.75.'),
        (f"max_tokens = '{'x' * 100}'", "…; its value stays 64."),
    ],
)
def test_an_invalid_value_is_reported_with_what_is_allowed(tmp_path: Path, line: str, ending: str) -> None:
    user = tmp_path / "config.toml"
    user.write_text(f"[completion]\n{line}\n")
    (problem,) = load_settings(environ={}, user=user).problems
    assert problem.startswith(f"{user}: `completion.{line.split()[0]}` must be ")
    assert problem.endswith(ending)
    assert "Expected" not in problem


def test_an_invalid_value_leaves_the_value_of_an_earlier_source(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text("[completion]\nmax_tokens = 10\n")
    settings = load_settings(environ={"SLM_LSP_COMPLETION_MAX_TOKENS": "0"}, user=user)
    assert settings.completion.max_tokens == 10
    assert "its value stays 10." in settings.problems[0]


def test_a_setting_in_the_wrong_group_is_reported_with_its_group(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text("max_tokens = 10\n[completion]\nthreads = 2\n")
    first, second = load_settings(environ={}, user=user).problems
    assert first.endswith("there is no setting `max_tokens`. Did you mean `completion.max_tokens`?")
    assert second.endswith("there is no setting `completion.threads`. Did you mean `engine.threads`?")


def test_a_file_that_is_not_toml_is_ignored(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text("model = = fast")
    settings = load_settings(environ={}, user=user)
    assert settings.model == "auto"
    assert "cannot be read and is ignored" in settings.problems[0]


def test_environment_variables_set_any_setting(tmp_path: Path) -> None:
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


def test_an_environment_variable_without_a_setting_is_reported(tmp_path: Path) -> None:
    environ = {"SLM_LSP_MODELL": "fast", "SLM_LSP_COLOUR": "red", "SLM_OTHER": "left alone"}
    found = load_settings(environ=environ, user=tmp_path / "none.toml").problems
    assert found == (
        "the environment: the variable `SLM_LSP_COLOUR` is not a setting.",
        "the environment: the variable `SLM_LSP_MODELL` is not a setting. Did you mean `SLM_LSP_MODEL`?",
    )
