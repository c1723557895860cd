"""Candidates are run with the examples of the function that they stand in."""

from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import WRONG, Candidate, Site, ranked
from slm_lsp.features.completion.trial import Trials
from slm_lsp.sandbox.process import Verdict
from tests.conftest import needs_wall

pytestmark = needs_wall

HEAD = '''from math import isqrt


def is_square(number):
    """Whether a number is a square.

    >>> is_square(16)
    True
    >>> is_square(15)
    False
    """
    root = isqrt(number)
'''


def site(before: str = "    return ", below: str = "\n", path: str = "squares.py", head: str = HEAD) -> Site:
    text = head + before + below
    return Site(surroundings(text, len(head + before), path))


async def verdicts(place: Site, *texts: str) -> list[Verdict | None]:
    trials = Trials(place)
    await trials.run(texts)
    return [trials.verdicts.get(each) for each in texts]


async def test_answers_that_do_as_the_examples_say_are_told_from_others() -> None:
    assert await verdicts(site(), "root * root == number", "root == number", "None", "root.x", "root ==") == [
        Verdict.PASSED,
        Verdict.FAILED,
        Verdict.UNFINISHED,
        Verdict.FAILED,
        Verdict.UNKNOWN,
    ]


async def test_a_line_in_the_middle_is_run_with_what_stands_below() -> None:
    place = site("    square = ", "\n    return square == number\n")
    assert await verdicts(place, "root * root", "root * 2") == [Verdict.PASSED, Verdict.FAILED]


async def test_a_line_that_opens_a_block_gets_one() -> None:
    place = site("    if ", "\n")
    assert await verdicts(place, "root * root != number:", "root.x:") == [Verdict.UNFINISHED, Verdict.FAILED]
    place = site("    if ", "\n        return False\n    return True\n")
    assert await verdicts(place, "root * root != number:", "root:") == [Verdict.PASSED, Verdict.FAILED]


async def test_what_would_do_more_than_compute_is_not_run() -> None:
    assert await verdicts(site(), "open('/etc/passwd')", "root * root == number") == [Verdict.UNKNOWN, Verdict.PASSED]


async def test_other_languages_and_functions_without_examples_are_not_looked_at() -> None:
    assert await verdicts(site(path="squares.rb"), "1") == [None]
    assert await verdicts(site(head="def f(n):\n"), "1") == [None]


async def test_only_where_an_answer_fails_is_another_proven() -> None:
    trials = Trials(site())
    await trials.run(["root * root == number", "number == root * root"])
    assert trials.proven == set()
    await trials.run(["root == number", "None"])
    assert trials.proven == {"root * root == number", "number == root * root"}


async def test_what_was_tried_is_not_tried_again() -> None:
    trials = Trials(site())
    await trials.run(["root == number"])
    first = dict(trials.verdicts)
    await trials.run(["root == number", "root * root == number"])
    assert first == {"root == number": Verdict.FAILED}
    assert len(trials.verdicts) == 2


def test_who_does_as_the_examples_say_wins_and_where_nobody_does_nothing_changes() -> None:
    place = site()
    greedy, other = Candidate("root == number", (-0.1, -0.1), "end"), Candidate("number", (-2.0, -0.1), "end")

    def best(*found: Verdict) -> str:
        tried = dict(zip((greedy.text, other.text), found, strict=True))
        return ranked([greedy, other], place, verdicts=tried)[0].candidate.text

    assert best(Verdict.PASSED, Verdict.FAILED) == greedy.text
    assert best(Verdict.FAILED, Verdict.PASSED) == other.text
    assert best(Verdict.FAILED, Verdict.UNKNOWN) == other.text
    assert best(Verdict.UNFINISHED, Verdict.PASSED) == other.text
    assert best(Verdict.FAILED, Verdict.FAILED) == greedy.text
    assert best(Verdict.UNKNOWN, Verdict.UNKNOWN) == greedy.text


def test_of_two_that_differ_by_their_indentation_that_one_is_shown_that_does_as_the_examples_say() -> None:
    one, other = Candidate("  root", (-0.1,), "end"), Candidate("    root", (-2.0,), "end")
    tried = {one.text: Verdict.FAILED, other.text: Verdict.PASSED}
    assert [each.candidate.text for each in ranked([one, other], site(), verdicts=tried)] == [other.text]


def test_an_answer_that_is_far_too_unlikely_does_not_win_by_examples() -> None:
    greedy, other = Candidate("root", (-0.1,), "end"), Candidate("number", (-WRONG - 1,), "end")
    tried = {"root": Verdict.FAILED, "number": Verdict.PASSED}
    assert ranked([greedy, other], site(), verdicts=tried)[0].candidate.text == "root"
