"""Filters, one case a block of `fixtures/suggestions/*.txt`.

A case is a title, a document with `⟦…⟧` round what the model said at the cursor, and what is left of it:

    # title
    document with ⟦the model's text⟧
    => shown text, or `nothing: reason`
"""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.around import surroundings
from slm_lsp.features.postprocess import postprocess
from tests.conftest import FIXTURES

CASES = FIXTURES / "suggestions"


@dataclass(frozen=True)
class Case:
    title: str
    document: str
    offset: int
    said: str
    expected: str


def read_cases() -> list[Case]:
    return [_case(block) for path in sorted(CASES.glob("*.txt")) for block in path.read_text().split("\n\n\n")]


def _case(block: str) -> Case:
    title, _, rest = block.strip("\n").partition("\n")
    body, _, expected = rest.rpartition("\n=> ")
    before, _, tail = body.partition("⟦")
    said, _, after = tail.partition("⟧")
    return Case(title.removeprefix("# "), before + after, len(before), said.replace("\\n", "\n"), expected)


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.title)
def test_case(case: Case) -> None:
    found = postprocess(case.said, surroundings(case.document, case.offset))
    shown = f"nothing: {found.reason}" if found.reason else found.text.replace("\n", "\\n")
    assert shown == case.expected


@given(st.text(alphabet="ab() \n", max_size=20), st.text(alphabet="ab() \n", max_size=30), st.data())
def test_what_is_shown_is_the_beginning_of_what_was_said(said: str, document: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(document)))
    found = postprocess(said, surroundings(document, offset))
    assert said.startswith(found.text)
    assert (found.reason is None) == bool(found.text.strip())
