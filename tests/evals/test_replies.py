"""The choice among the candidates of kept replies."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.api import Token
from slm_lsp.evals.replies import Reply, best_of
from slm_lsp.features.completion.alternatives import Race
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Candidate, Site
from slm_lsp.features.completion.trial import Trials
from tests.conftest import needs_wall

TEXT = 'def square(n):\n    """square(3) == 9"""\n    return \n'
SITE = Site(surroundings(TEXT, len(TEXT) - 1, "a.py"))

answers = st.lists(
    st.tuples(
        st.sampled_from(["n * n", "n", "n n", "# no", ""]), st.lists(st.floats(-4, -0.01), min_size=2, max_size=5)
    ),
    min_size=1,
    max_size=4,
)


@given(answers)
async def test_choice_among_kept_candidates_is_the_same_as_while_they_arrive(
    candidates: list[tuple[str, list[float]]],
) -> None:
    """Candidates that arrive token by token lead to the same choice as the kept reply."""
    race = Race(SITE)
    for at in range(5):
        for number, (text, logprobs) in enumerate(candidates):
            if at < len(logprobs):
                finish = "end" if at == len(logprobs) - 1 else None
                race.note(Token(0, text if at == 0 else "", logprobs[at], number, finish))
        if race.decided:
            break
    reply = Reply(tuple(Candidate(text, tuple(logprobs), "end") for text, logprobs in candidates), 0.0)
    assert (await best_of(reply, SITE)).text == race.ranked()[0].candidate.text


@needs_wall
async def test_kept_candidates_are_run_against_examples() -> None:
    reply = Reply((Candidate("n + n", (-0.1, -0.1), "end"), Candidate("n * n", (-0.1, -2.0, -0.1), "end")), 0.0)
    assert (await best_of(reply, SITE)).text == "n + n"
    assert (await best_of(reply, SITE, Trials(SITE))).text == "n * n"


async def test_chosen_candidate_contains_the_text_of_its_last_token() -> None:
    reply = Reply((Candidate("n:", (-0.1, -0.1), "stop", merged=True),), 0.0)
    assert (await best_of(reply, SITE)).text == "n:"
