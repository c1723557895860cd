"""Errors keep their class across processes and tell the user what to do."""

from slm_lsp.errors import EngineError, EngineLostError, SlmError, UsageError, error_of_kind


def test_error_text_joins_what_happened_and_what_to_do() -> None:
    assert str(UsageError("It is missing.", "Make it.")) == "It is missing. Make it."
    assert str(SlmError("It happened.")) == "It happened."


def test_error_of_kind_restores_the_original_class() -> None:
    before = EngineLostError("Gone.", "Ask again.")
    after = error_of_kind(before.kind, before.what, before.cure)
    assert type(after) is EngineLostError
    assert str(after) == str(before)


def test_unknown_kind_becomes_an_engine_error() -> None:
    assert type(error_of_kind("SomethingNewError", "What?", "")) is EngineError


def test_usage_error_exits_with_code_2_and_other_errors_with_1() -> None:
    assert UsageError("").exit_code == 2
    assert SlmError("").exit_code == 1
