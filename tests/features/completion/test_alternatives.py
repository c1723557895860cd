"""`Race` ranks candidates that are decoded together and decides when their request can end."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.api import Generate, ModelRef, Segment, Token
from slm_lsp.features.completion.alternatives import Race, distinct, spread
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Site
from slm_lsp.features.completion.trial import Trials
from tests.conftest import needs_wall

WORDS = ["a = 1", "b = a", "# no", "(", "c", "", "unheard_of()"]


def race() -> Race:
    text = "a = 0\nc = 1\n\n"
    return Race(Site(surroundings(text, len(text) - 1, "a.py")))


def token(candidate: int, text: str, logprob: float, finish: str | None = None) -> Token:
    return Token(1, text, logprob, candidate, finish)  # type: ignore[arg-type]


def test_race_is_decided_when_the_likeliest_candidate_finishes() -> None:
    found = race()
    found.note(token(0, "a", -0.1))
    assert not found.decided
    found.note(token(1, "b", -2.0))
    found.note(token(0, " = c", -0.1, "end"))
    assert found.decided
    assert found.ranked()[0].candidate.text == "a = c"


def test_race_waits_for_a_candidate_that_may_still_win() -> None:
    found = race()
    found.note(token(1, "a =", -0.3))
    found.note(token(0, "# no", -0.1, "end"))
    assert not found.decided
    found.note(token(1, " 2", -0.1, "end"))
    assert found.decided
    assert found.ranked()[0].candidate.text == "a = 2"


def test_merged_tells_whether_the_last_token_contributed_text() -> None:
    found = race()
    found.note(token(0, "if a", -0.1))
    found.note(token(1, "if c", -2.0))
    found.note(token(0, ":", -0.1, "stop"))
    found.note(token(1, "", -0.1, "stop"))
    assert [each.merged for each in found.finished] == [True, False]


SQUARE = 'def square(n):\n    """square(3) == 9"""\n    return n * 2\n'


def trials_of(text: str) -> Trials:
    """Return trials for candidates that replace `n * 2` in a function with an example."""
    return Trials(Site(surroundings(text.replace("n * 2", ""), text.index("n * 2"), "a.py")))


def run_race(text: str) -> Race:
    trials = trials_of(text)
    return Race(trials.site, trials)


@needs_wall
async def test_race_waits_for_others_if_the_greedy_candidate_fails_the_examples() -> None:
    found = run_race(SQUARE)
    found.note(token(1, "n *", -2.0))
    found.note(token(0, "n + n", -0.1, "end"))
    assert found.decided
    await found.run_trials()
    assert not found.decided
    found.note(token(1, " n", -0.1, "end"))
    await found.run_trials()
    assert found.decided
    assert found.ranked()[0].candidate.text == "n * n"


@needs_wall
async def test_race_is_decided_if_the_greedy_candidate_passes_the_examples() -> None:
    found = run_race(SQUARE)
    found.note(token(1, "n **", -0.1))
    found.note(token(0, "n * n", -0.9, "end"))
    assert not found.decided
    await found.run_trials()
    assert found.decided


async def test_race_does_not_wait_for_others_in_an_unfinished_function() -> None:
    found = run_race(SQUARE.replace("return n * 2", "found = n * 2"))
    found.note(token(1, "n *", -2.0))
    found.note(token(0, "n + n", -0.1, "end"))
    await found.run_trials()
    assert found.decided
    assert found.ranked()[0].candidate.text == "n + n"


async def test_examples_are_not_run_with_a_single_candidate() -> None:
    trials = trials_of(SQUARE)
    found = Race(trials.site, trials)
    found.note(token(0, "n + n", -0.1, "end"))
    await found.run_trials()
    assert found.decided
    assert not trials.verdicts


def test_race_is_not_decided_before_the_greedy_candidate_finishes() -> None:
    found = race()
    found.note(token(1, "a = 1", -0.1, "end"))
    assert not found.decided
    assert len(found.finished) == 1


streams = st.lists(
    st.lists(st.tuples(st.sampled_from(WORDS), st.floats(-5, -0.01)), min_size=1, max_size=4), min_size=1, max_size=4
)


@given(streams, st.sampled_from(["end", "stop"]), st.randoms(use_true_random=False))
def test_winner_of_a_decided_race_stays_the_winner_when_all_candidates_finish(
    answers: list[list[tuple[str, float]]],
    finish: str,
    order: random.Random,
) -> None:
    found = race()
    pending = []
    for number, answer in enumerate(answers):
        *before, last = (token(number, *each) for each in answer)
        pending.append([*before, msgspec.structs.replace(last, finish=finish)])
    for each in reversed(pending):  # A branch starts before the greedy candidate continues.
        found.note(each.pop(0))
    winner = found.ranked()[0].score if found.decided else None
    while any(pending):
        found.note(order.choice([each for each in pending if each]).pop(0))
        if winner is None and found.decided:
            winner = found.ranked()[0].score
    assert found.decided
    assert winner == found.ranked()[0].score


def test_spread_changes_a_request_to_several_candidates_for_the_same_prompt() -> None:
    request = Generate(ModelRef("model"), (Segment("x"),), 9)
    several = spread(request)
    assert several.candidates > 1
    assert several.branch_below > 0
    assert several.segments == request.segments


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["late.append(invoice)", "late.append("], [0]),  # the 0.5B model generated both in the middle of a loop
        (["late.append(", "late.append(invoice)"], [0, 1]),
        (["total / n", "total"], [0, 1]),
        (["a  + b", "a + b", "a"], [0, 2]),
        (["f(x)", "g("], [0, 1]),
    ],
)
def test_distinct_omits_texts_that_add_nothing_to_a_better_one(texts: list[str], kept: list[int]) -> None:
    assert distinct(texts) == kept
