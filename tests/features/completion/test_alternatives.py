"""The race among answers that are decoded together."""

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


def test_a_sure_answer_is_not_waited_behind() -> None:
    found = race()
    found.note(token(0, "a", -0.1))
    assert not found.decided
    found.note(token(1, "b", -2.0))
    found.note(token(0, " = c", -0.1, "end"))
    assert found.decided
    assert found.ranked()[0].candidate.text == "a = c"


def test_what_may_still_win_is_waited_for() -> None:
    found = race()
    found.note(token(1, "a =", -0.3))
    found.note(token(0, "# no", -0.1, "end"))
    assert not found.decided
    found.note(token(1, " 2", -0.1, "end"))
    assert found.decided
    assert found.ranked()[0].candidate.text == "a = 2"


def test_an_end_that_said_something_is_told_from_a_bare_one() -> None:
    found = race()
    found.note(token(0, "if a", -0.1))
    found.note(token(1, "if c", -2.0))
    found.note(token(0, ":", -0.1, "stop"))
    found.note(token(1, "", -0.1, "stop"))
    assert [each.merged for each in found.finished] == [True, False]


SQUARE = 'def square(n):\n    """square(3) == 9"""\n    return n * 2\n'


def trials_of(text: str) -> Trials:
    """Of answers that go where `n * 2` stands, in a function with an example."""
    return Trials(Site(surroundings(text.replace("n * 2", ""), text.index("n * 2"), "a.py")))


def run_race(text: str) -> Race:
    trials = trials_of(text)
    return Race(trials.site, trials)


@needs_wall
async def test_an_answer_that_does_not_do_as_the_example_says_waits_for_others() -> None:
    found = run_race(SQUARE)
    found.note(token(1, "n *", -2.0))
    found.note(token(0, "n + n", -0.1, "end"))
    assert found.decided
    await found.tried()
    assert not found.decided
    found.note(token(1, " n", -0.1, "end"))
    await found.tried()
    assert found.decided
    assert found.ranked()[0].candidate.text == "n * n"


@needs_wall
async def test_an_answer_that_does_is_not_waited_behind() -> None:
    found = run_race(SQUARE)
    found.note(token(1, "n **", -0.1))
    found.note(token(0, "n * n", -0.9, "end"))
    assert not found.decided
    await found.tried()
    assert found.decided


async def test_where_the_function_is_not_finished_nobody_waits_for_others() -> None:
    found = run_race(SQUARE.replace("return n * 2", "found = n * 2"))
    found.note(token(1, "n *", -2.0))
    found.note(token(0, "n + n", -0.1, "end"))
    await found.tried()
    assert found.decided
    assert found.ranked()[0].candidate.text == "n + n"


async def test_nothing_is_run_for_an_answer_without_others() -> None:
    trials = trials_of(SQUARE)
    found = Race(trials.site, trials)
    found.note(token(0, "n + n", -0.1, "end"))
    await found.tried()
    assert found.decided
    assert not trials.verdicts


def test_nothing_is_decided_before_the_greedy_answer_is_whole() -> None:
    found = race()
    found.note(token(1, "a = 1", -0.1, "end"))
    assert not found.decided
    assert len(found.finished) == 1


streams = st.lists(
    st.lists(st.tuples(st.sampled_from(WORDS), st.floats(-5, -0.01)), min_size=1, max_size=4), min_size=1, max_size=4
)


@given(streams, st.sampled_from(["end", "stop"]), st.randoms(use_true_random=False))
def test_who_has_won_when_it_is_decided_wins_in_the_end(
    answers: list[list[tuple[str, float]]],
    finish: str,
    order: random.Random,
) -> None:
    found = race()
    left = []
    for number, answer in enumerate(answers):
        *before, last = (token(number, *each) for each in answer)
        left.append([*before, msgspec.structs.replace(last, finish=finish)])
    for each in reversed(left):  # A branch has begun before the greedy answer goes on.
        found.note(each.pop(0))
    winner = found.ranked()[0].score if found.decided else None
    while any(left):
        found.note(order.choice([each for each in left if each]).pop(0))
        if winner is None and found.decided:
            winner = found.ranked()[0].score
    assert found.decided
    assert winner == found.ranked()[0].score


def test_a_request_for_one_answer_becomes_one_for_several() -> None:
    request = Generate(ModelRef("model"), (Segment("x"),), 9)
    several = spread(request)
    assert several.candidates > 1
    assert several.branch_below > 0
    assert several.segments == request.segments


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["late.append(invoice)", "late.append("], [0]),  # seen with the 0.5B model in the middle of a loop
        (["late.append(", "late.append(invoice)"], [0, 1]),
        (["total / n", "total"], [0, 1]),
        (["a  + b", "a + b", "a"], [0, 2]),
        (["f(x)", "g("], [0, 1]),
    ],
)
def test_what_is_worth_showing_beside_a_better_text(texts: list[str], kept: list[int]) -> None:
    assert distinct(texts) == kept
