"""Errors keep their kind across processes, and say what to do."""

from slm_lsp.errors import EngineError, EngineLostError, SlmError, UsageError, error_of_kind


def test_an_error_is_what_happened_and_what_to_do() -> None:
    assert str(UsageError("It is missing.", "Make it.")) == "It is missing. Make it."
    assert str(SlmError("It happened.")) == "It happened."


def test_an_error_is_raised_again_as_what_it_was() -> None:
    before = EngineLostError("Gone.", "Ask again.")
    after = error_of_kind(before.kind, before.what, before.cure)
    assert type(after) is EngineLostError
    assert str(after) == str(before)


def test_a_kind_of_a_newer_version_is_an_engine_error() -> None:
    assert type(error_of_kind("SomethingNewError", "What?", "")) is EngineError


def test_wrong_usage_has_its_own_exit_code() -> None:
    assert UsageError("").exit_code == 2
    assert SlmError("").exit_code == 1
