"""Renaming changes exactly the places that refer to the symbol, or is refused with the reason."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.errors import RenameRefusedError, UsageError
from slm_lsp.features.edit.rename.rename import Renaming, rename
from slm_lsp.features.edit.rename.sources import Sources
from tests.features.edit.rename.cases import Case, load

LANGUAGES = ("python", "javascript", "typescript", "java", "go")
ALL = [(language, case) for language in LANGUAGES for case in load(language)]
RENAMED = [each for each in ALL if not {"refused", "usage"} & each[1].settings.keys()]
REFUSED = [each for each in ALL if {"refused", "usage"} & each[1].settings.keys()]


def ids(cases: list[tuple[str, Case]]) -> list[str]:
    return [f"{language}: {case.name}" for language, case in cases]


def renamed(files: dict[str, str], place: tuple[str, int], new: str, *, only_resolved: bool = False) -> Renaming:
    """Rename in a project whose files are all open in an editor."""
    sources = Sources(Path("/nonexistent"), files, tuple(files))
    return rename(sources, *place, new, only_resolved=only_resolved)


def after(files: dict[str, str], change: Renaming) -> dict[str, str]:
    return files | {each.path: each.new for each in change.change.files}


@pytest.mark.parametrize(("language", "case"), RENAMED, ids=ids(RENAMED))
def test_renaming_from_any_place_changes_all_marked_places_and_no_others(language: str, case: Case) -> None:
    for place in case.places[: 1 if case.settings.get("from") == "first" else None]:
        found = renamed(case.old, place, case.new, only_resolved="only-resolved" in case.settings)
        assert after(case.old, found) == case.expected(case.new), place
        if "notes" in case.settings:
            assert any(re.search(case.settings["notes"], note) for note in found.change.notes), found.change.notes


@pytest.mark.parametrize(("language", "case"), REFUSED, ids=ids(REFUSED))
def test_renaming_that_is_not_safe_is_refused_with_the_reason(language: str, case: Case) -> None:
    error = UsageError if "usage" in case.settings else RenameRefusedError
    with pytest.raises(error, match=case.settings.get("usage") or case.settings["refused"]):
        renamed(case.old, case.places[0], case.new)


@pytest.mark.parametrize(("language", "case"), RENAMED, ids=ids(RENAMED))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 10**6), letter=st.sampled_from("abcäxyz"))
def test_renaming_back_gives_the_old_text(language: str, case: Case, number: int, letter: str) -> None:
    if not case.is_plain or "only-resolved" in case.settings:
        return
    # The kind of the name stays: Python's `__`, JavaScript's `#`, and the capital of Go's exported names.
    prefix = re.match(r"#|__?|", case.new)
    assert prefix is not None
    new = f"{prefix[0]}{letter.upper() if case.new[:1].isupper() else letter}{number}_"
    there = after(case.old, renamed(case.old, case.places[0], new))
    path, offset = case.places[0]
    back = after(there, renamed(there, (path, there[path].index(new)), _word_at(case.old[path], offset)))
    assert back == case.old


def _word_at(text: str, offset: int) -> str:
    found = re.compile(r"[\w$#]+").match(text, offset)
    assert found is not None
    return found[0]
