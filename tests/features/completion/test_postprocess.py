"""Filters for suggestions, tested with the cases in `fixtures/suggestions/*.txt`.

Two blank lines separate the cases. Each case has a title, optional lines, a document and the expected result:

    # title
    ! name of the filter that the case needs
    ~ a note that the token limit ended the model's text
    @ path of the document
    + snippet of another file
    document with ⟦the model's text⟧ at the cursor
    => shown text, followed by `over N` if it replaces N characters, or `nothing: reason`
"""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.context.snippets import Snippet
from slm_lsp.features.completion import postprocess as module
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.postprocess import FILTERS, postprocess
from tests.conftest import FIXTURES

CASES = FIXTURES / "suggestions"


@dataclass(frozen=True)
class Case:
    title: str
    notes: dict[str, str]
    document: str
    offset: int
    answer: str
    expected: str


def read_cases() -> list[Case]:
    return [_case(block) for path in sorted(CASES.glob("*.txt")) for block in path.read_text().split("\n\n\n")]


def _case(block: str) -> Case:
    title, _, rest = block.strip("\n").partition("\n")
    notes = {}
    while rest[0] in "!~@+" and rest[1] == " ":
        note, _, rest = rest.partition("\n")
        notes[note[0]] = note[2:]
    body, _, expected = rest.rpartition("\n=> ")
    before, _, tail = body.partition("⟦")
    answer, _, after = tail.partition("⟧")
    answer = answer.replace("\\n", "\n")
    return Case(title.removeprefix("# "), notes, before + after, len(before), answer, expected.replace("\\t", "\t"))


def outcome(case: Case) -> str:
    snippets = [Snippet("elsewhere.py", case.notes["+"].replace("\\n", "\n"), "", 1.0)] if "+" in case.notes else []
    around = surroundings(case.document, case.offset, case.notes.get("@", ""), snippets)
    found = postprocess(case.answer, around, whole="~" not in case.notes)
    over = f" over {found.over}" if found.over else ""
    return f"nothing: {found.reason}" if found.reason else found.text.replace("\n", "\\n") + over


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.title)
def test_filters_give_the_expected_result(case: Case) -> None:
    assert outcome(case) == case.expected


@pytest.mark.parametrize("case", [each for each in read_cases() if "!" in each.notes], ids=lambda case: case.title)
def test_case_fails_without_its_filter(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = tuple(each for each in FILTERS if each.__name__ != case.notes["!"])
    assert len(rest) < len(FILTERS)
    monkeypatch.setattr(module, "FILTERS", rest)
    assert outcome(case) != case.expected


def test_every_filter_has_a_case() -> None:
    covered = {case.notes["!"] for case in read_cases() if "!" in case.notes}
    assert {each.__name__ for each in FILTERS} - covered <= {"cut_trailing_whitespace", "drop_blank"}


@given(st.text(alphabet="ab() \n", max_size=20), st.text(alphabet="ab() \n", max_size=30), st.data())
def test_result_is_a_beginning_of_the_answer_or_a_reason(answer: str, document: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(document)))
    found = postprocess(answer, surroundings(document, offset, "a.py"))
    assert (found.reason is None) == bool(found.text.strip())
    assert "".join(answer.split()).startswith("".join(found.text.split()))
    assert offset + found.over <= len(document)
