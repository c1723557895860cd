"""For random programs, an edit that a rule does not refuse keeps the behaviour of the program."""

from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from slm_lsp.features.edit.rules.extract_function import extract_function
from slm_lsp.features.edit.rules.extract_variable import extract_variable
from slm_lsp.features.edit.rules.inline_variable import inline_variable
from slm_lsp.features.edit.rules.kinds import PYTHON
from slm_lsp.features.edit.rules.source import Refused, Source, walk
from tests.features.edit.rules.marked import has_errors, parsed
from tests.features.edit.rules.programs import PRELUDE, functions, outcome

ALL_ASSIGNED = ["c = 4", "d = 6"]
"""With these lines, no variable is ever read without a value, so an expression cannot fail."""

SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def places(source: Source, kinds: frozenset[str]) -> list[tuple[int, int]]:
    """Return the ranges of the nodes of some types in the function `f`."""
    start = len(PRELUDE)
    return [
        (each.start_byte, each.end_byte) for each in walk(source.root) if each.type in kinds and each.start_byte > start
    ]


def runs(source: Source) -> list[tuple[int, int]]:
    """Return the ranges of all runs of statements in the function `f`."""
    found = []
    for block in walk(source.root):
        if block.type == "block" and block.start_byte > len(PRELUDE):
            inside = block.named_children
            found += [
                (first.start_byte, last.end_byte)
                for number, first in enumerate(inside)
                for last in inside[number : number + 4]
            ]
    return found


@SLOW
@given(functions(ALL_ASSIGNED), st.randoms(use_true_random=False), st.booleans())
def test_extracted_variable_keeps_the_behaviour(text: str, choose: Random, everywhere: bool) -> None:
    source = parsed("python", text)
    expected = outcome(text)
    every = places(source, PYTHON.expressions)
    for place in choose.sample(every, min(8, len(every))):
        new = extract_variable(source, place, "extracted", everywhere=everywhere)
        if isinstance(new, Refused):
            continue
        assert not has_errors("python", new)
        assert outcome(new) == expected, new


@SLOW
@given(functions(ALL_ASSIGNED), st.randoms(use_true_random=False))
def test_inlined_variable_keeps_the_behaviour(text: str, choose: Random) -> None:
    source = parsed("python", text)
    expected = outcome(text)
    every = places(source, frozenset({"identifier"}))
    for place in choose.sample(every, min(12, len(every))):
        new = inline_variable(source, place[0])
        if isinstance(new, Refused):
            continue
        assert not has_errors("python", new)
        assert outcome(new) == expected, new


@SLOW
@given(functions(ALL_ASSIGNED), st.randoms(use_true_random=False))
def test_inlining_undoes_an_extraction(text: str, choose: Random) -> None:
    source = parsed("python", text)
    every = places(source, PYTHON.expressions - {"parenthesized_expression"})
    place = choose.choice(every)
    new = extract_variable(source, place, "extracted")
    assume(isinstance(new, str) and new.count("extracted") == 2)
    assert isinstance(new, str)
    back = inline_variable(parsed("python", new), new.index("extracted"))
    assert isinstance(back, str), (new, back)
    assert outcome(back) == outcome(text)


@SLOW
@given(functions([]), st.randoms(use_true_random=False))
def test_extracted_function_keeps_the_behaviour(text: str, choose: Random) -> None:
    source = parsed("python", text)
    expected = outcome(text)
    every = runs(source)
    for place in choose.sample(every, min(10, len(every))):
        new = extract_function(source, place, "extracted")
        if isinstance(new, Refused):
            continue
        assert not has_errors("python", new)
        assert outcome(new) == expected, new


def test_random_programs_are_not_all_refused() -> None:
    """The tests above are meaningful only if the rules accept many places."""
    accepted = {"variable": 0, "inline": 0, "function": 0}

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(functions(ALL_ASSIGNED))
    def count(text: str) -> None:
        source = parsed("python", text)
        for place in places(source, PYTHON.expressions):
            accepted["variable"] += isinstance(extract_variable(source, place, "extracted"), str)
        for place in places(source, frozenset({"identifier"})):
            accepted["inline"] += isinstance(inline_variable(source, place[0]), str)
        for place in runs(source):
            accepted["function"] += isinstance(extract_function(source, place, "extracted"), str)

    count()
    assert min(accepted.values()) >= 10, accepted
