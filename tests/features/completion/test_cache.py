"""The cache returns the rest of a suggestion after part of it was typed or accepted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.cache import Cache, remainder
from slm_lsp.features.completion.complete import Alternative, Completion, Timing, Tokens

BEFORE, AFTER = "def f():\n    return ", "\n\nf()\n"


def cursor(typed: str = "", after: str = AFTER) -> Cursor:
    return Cursor("shop", "a.py", BEFORE + typed + after, len(BEFORE + typed))


def completion(text: str, over: int = 0, others: tuple[str, ...] = ()) -> Completion:
    at = len(BEFORE)
    more = tuple(Alternative(each, at, 0.5) for each in others)
    return Completion(text, at, at + over, None, 0.9, "ik", Timing(0, 0, None, 0), Tokens(0, 0, 0), more, id="7")


def rest_of(text: str, typed: str, after: str = AFTER, over: int = 0) -> Completion | None:
    cache = Cache()
    cache.put(cursor(), completion(text, over))
    return cache.get(cursor(typed, after))


@pytest.mark.parametrize(
    ("text", "typed", "rest"),
    [
        ("sum(values)", "", "sum(values)"),
        ("sum(values)", "su", "m(values)"),
        ("sum(values)", "sum(", "values)"),
        ("a\n    b", "a", "\n    b"),
        ("a\n    b\n    c", "a\n    b", "\n    c"),
        ("a\n    b", "a\n", "    b"),
        ("a\n    b", "a\n  ", "  b"),
        ("a\n    b", "a\n        ", "b"),
        ("a\n\tb", "a\n    b", None),
    ],
)
def test_cache_returns_the_rest_after_the_typed_text(text: str, typed: str, rest: str | None) -> None:
    found = rest_of(text, typed)
    assert (found.text if found else None) == rest
    if found:
        assert (found.start, found.id, found.cached) == (len(BEFORE + typed), "7", True)


@pytest.mark.parametrize("typed", ["x", "sum(values)", "sum(values) ", "sum(vx"])
def test_nothing_is_returned_if_the_typed_text_differs_or_is_complete(typed: str) -> None:
    assert rest_of("sum(values)", typed) is None


def test_nothing_is_returned_if_the_text_after_the_cursor_or_the_file_differs() -> None:
    assert rest_of("sum(values)", "su", "\n\ng()\n") is None
    cache = Cache()
    cache.put(cursor(), completion("sum"))
    assert cache.get(replace(cursor(), path="b.py")) is None


def test_brackets_that_the_editor_inserted_are_not_inserted_again() -> None:
    found = rest_of("sum(values) / 2", "sum(", ")" + AFTER)
    assert found is not None
    assert (found.text, found.end - found.start) == ("values) / 2", 1)
    plain = rest_of("sum(values)", "sum(", ")" + AFTER)
    assert plain is not None
    assert (plain.text, plain.end - plain.start) == ("values", 0)


def test_alternatives_that_differ_from_the_typed_text_are_dropped() -> None:
    cache = Cache()
    cache.put(cursor(), completion("sum(a)", others=("sum(b)", "max(a)")))
    found = cache.get(cursor("su"))
    assert found is not None
    assert [found.text, *(each.text for each in found.others)] == ["m(a)", "m(b)"]
    other = cache.get(cursor("ma"))
    assert other is not None
    assert other.text == "x(a)"


def test_latest_suggestion_wins_and_the_oldest_is_evicted() -> None:
    cache = Cache(size=2)
    for text in ("one", "two", "three"):
        cache.put(cursor(), completion(text))
    found = cache.get(cursor())
    assert found is not None
    assert found.text == "three"
    assert cache.get(cursor("o")) is None
    cache.forget("a.py")
    assert cache.get(cursor()) is None


@given(st.text(alphabet="ab \n", max_size=12), st.integers(0, 12))
def test_typed_text_and_remainder_make_up_the_suggestion(text: str, at: int) -> None:
    typed, rest = text[:at], text[at:]
    assert remainder(text, typed) == (rest if rest.strip() else None)
