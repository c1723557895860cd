"""Candidates are run against the examples in the docstring of their function."""

from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import FAILED_PENALTY, Candidate, Site, ranked
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


async def verdicts(where: Site, *texts: str) -> list[Verdict | None]:
    trials = Trials(where)
    await trials.run(texts)
    return [trials.verdicts.get(each) for each in texts]


async def test_each_candidate_gets_its_verdict() -> None:
    assert await verdicts(site(), "root * root == number", "root == number", "None", "root.x", "root ==") == [
        Verdict.PASSED,
        Verdict.FAILED,
        Verdict.UNFINISHED,
        Verdict.FAILED,
        Verdict.UNKNOWN,
    ]


async def test_line_in_the_middle_is_run_with_the_lines_below() -> None:
    where = site("    square = ", "\n    return square == number\n")
    assert await verdicts(where, "root * root", "root * 2") == [Verdict.PASSED, Verdict.FAILED]


async def test_candidate_that_opens_a_block_is_run_with_a_body() -> None:
    where = site("    if ", "\n")
    assert await verdicts(where, "root * root != number:", "root.x:") == [Verdict.UNFINISHED, Verdict.FAILED]
    where = site("    if ", "\n        return False\n    return True\n")
    assert await verdicts(where, "root * root != number:", "root:") == [Verdict.PASSED, Verdict.FAILED]


async def test_candidate_that_does_more_than_compute_is_not_run() -> None:
    assert await verdicts(site(), "open('/etc/passwd')", "root * root == number") == [Verdict.UNKNOWN, Verdict.PASSED]


async def test_other_languages_and_functions_without_examples_get_no_verdict() -> None:
    assert await verdicts(site(path="squares.rb"), "1") == [None]
    assert await verdicts(site(head="def f(n):\n"), "1") == [None]


async def test_candidate_is_proven_only_if_another_one_fails() -> None:
    trials = Trials(site())
    await trials.run(["root * root == number", "number == root * root"])
    assert trials.proven == set()
    await trials.run(["root == number", "None"])
    assert trials.proven == {"root * root == number", "number == root * root"}


async def test_candidate_is_run_only_once() -> None:
    trials = Trials(site())
    await trials.run(["root == number"])
    first = dict(trials.verdicts)
    await trials.run(["root == number", "root * root == number"])
    assert first == {"root == number": Verdict.FAILED}
    assert len(trials.verdicts) == 2


def test_failed_candidate_loses_and_equal_verdicts_keep_the_ranking() -> None:
    where = site()
    greedy, other = Candidate("root == number", (-0.1, -0.1), "end"), Candidate("number", (-2.0, -0.1), "end")

    def best(*found: Verdict) -> str:
        by_text = dict(zip((greedy.text, other.text), found, strict=True))
        return ranked([greedy, other], where, verdicts=by_text)[0].candidate.text

    assert best(Verdict.PASSED, Verdict.FAILED) == greedy.text
    assert best(Verdict.FAILED, Verdict.PASSED) == other.text
    assert best(Verdict.FAILED, Verdict.UNKNOWN) == other.text
    assert best(Verdict.UNFINISHED, Verdict.PASSED) == other.text
    assert best(Verdict.FAILED, Verdict.FAILED) == greedy.text
    assert best(Verdict.UNKNOWN, Verdict.UNKNOWN) == greedy.text


def test_of_two_candidates_that_differ_in_indentation_the_passing_one_is_kept() -> None:
    one, other = Candidate("  root", (-0.1,), "end"), Candidate("    root", (-2.0,), "end")
    found = {one.text: Verdict.FAILED, other.text: Verdict.PASSED}
    assert [each.candidate.text for each in ranked([one, other], site(), verdicts=found)] == [other.text]


def test_very_unlikely_candidate_does_not_win_by_passing_the_examples() -> None:
    greedy, other = Candidate("root", (-0.1,), "end"), Candidate("number", (-FAILED_PENALTY - 1,), "end")
    found = {"root": Verdict.FAILED, "number": Verdict.PASSED}
    assert ranked([greedy, other], site(), verdicts=found)[0].candidate.text == "root"
