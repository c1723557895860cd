"""Settings: who wins, what a workspace may not say, and what becomes of mistakes."""

from pathlib import Path

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
    assert all("only stand in your own settings" in problem for problem in settings.problems)


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
    assert "there is no setting `modell`" in told
    assert "`completion` is a group" in told
    assert "`engine.backend` is left at its default" in told
    assert "the environment: `engine.context_tokens`" in told


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
        "SLM_LSP_UNRELATED": "left alone",
    }
    settings = load_settings(environ=environ, user=tmp_path / "none.toml")
    assert settings.models_dir == Path.home() / "m"
    assert settings.engine.threads == 3
    assert settings.engine.idle_minutes == 0.5
    assert settings.completion.max_tokens == 7
    assert settings.problems == ()
