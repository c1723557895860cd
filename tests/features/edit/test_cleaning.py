"""`clean` extracts the new code from a model's answer.

Each case comes from a real model or from a report about another tool.
"""

import pytest

from slm_lsp.features.edit.cleaning import CUT_OFF, EMPTY, Rejected, Surrounding, clean, with_line_ends

UNIT = "    def area(self):\n        return self.width * self.height"
ABOVE = "class Box:\n    def __init__(self, width, height):\n        self.width = width\n        self.height = height\n"
BELOW = "\n    def volume(self, depth):\n        return self.area() * depth"
WANTED = "    def area(self) -> float:\n        return self.width * self.height"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (WANTED, WANTED),
        (f"```python\n{WANTED}\n```", WANTED),
        (f"Sure! Here is the code:\n\n```python\n{WANTED}\n```\nI added a return type.", WANTED),
        (f"<think>The user wants types.\n</think>\n```\n{WANTED}\n```", WANTED),
        (f"~~~\n{WANTED}\n~~~", WANTED),
        ("```python\ndef area(self) -> float:\n    return self.width * self.height\n```", WANTED),
        ("def area(self) -> float:\n        return self.width * self.height", WANTED),
        (f"```python\n{ABOVE}\n{WANTED}\n{BELOW}\n```", WANTED),
        (f"```python\n{WANTED}\n```\n```python\nprint(Box(1, 2).area())\n```", WANTED),
        (f"\r\n{WANTED}\r\n".replace("\n", "\r\n"), WANTED),
        ("<think>I do not know", Rejected(EMPTY)),
        ("```python\n```", Rejected(EMPTY)),
        ("", Rejected(EMPTY)),
    ],
)
def test_clean_returns_only_the_code_of_the_unit(answer: str, expected: str | Rejected) -> None:
    assert clean(answer, Surrounding(UNIT, ABOVE, BELOW)) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (f"{WANTED}\n```\nThis adds a type.", WANTED),
        (f"```python\n{WANTED}\n```", WANTED),
        (WANTED, WANTED),
    ],
)
def test_answer_after_a_prefilled_fence_ends_at_the_closing_fence(answer: str, expected: str) -> None:
    assert clean(answer, Surrounding(UNIT, ABOVE, BELOW), fenced=True) == expected


def test_answer_that_reached_the_limit_of_tokens_is_rejected_unless_its_fence_is_closed() -> None:
    around = Surrounding(UNIT)
    assert clean(WANTED, around, finished=False, fenced=True) == Rejected(CUT_OFF)
    assert clean(f"{WANTED}\n```\nBecause", around, finished=False, fenced=True) == WANTED


def test_single_repeated_line_of_the_context_is_kept() -> None:
    around = Surrounding("    a = 1\n    b = 2", "def f():", "    return a")
    assert clean("    a = 1\n    b = 3\n    return a", around) == "    a = 1\n    b = 3\n    return a"


def test_indentation_with_tabs_is_kept() -> None:
    around = Surrounding("\tfor x in y:\n\t\tprint(x)")
    assert clean("for x in y:\n\tprint(x + 1)", around) == "\tfor x in y:\n\t\tprint(x + 1)"


@pytest.mark.parametrize(("document", "end"), [("a\r\nb", "\r\n"), ("a\nb\r\n", "\n"), ("a\rb", "\r"), ("a", "\n")])
def test_new_text_gets_the_line_ends_of_the_document(document: str, end: str) -> None:
    assert with_line_ends("x\ny", document) == f"x{end}y"
