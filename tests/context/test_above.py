"""`above` returns the imports and enclosing block headers of a long file that are above the prompt's window."""

import pytest

from slm_lsp.context.above import MAX_CHARACTERS, above
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import window

PYTHON = """import os
from shop import (
    Item,
    Order,
)

LIMIT = 3

class Outer(Base):
    x = 1

    class Inner:
        def done(self):
            return 1

        def long(self, items):
            for item in items:
"""


def test_imports_and_headers_of_enclosing_blocks_are_returned() -> None:
    found = above("a.py", PYTHON, "                total += item.price")
    assert found.splitlines() == [
        "import os",
        "from shop import ( Item, Order, )",
        "class Outer(Base):",
        "    class Inner:",
        "        def long(self, items):",
        "            for item in items:",
    ]


@pytest.mark.parametrize("path", ["a.unknown", "a.txt"])
def test_without_a_parser_enclosing_blocks_are_found_by_indentation(path: str) -> None:
    assert above(path, "a\n  b\n    c\n  d\n", "    e") == "a\n  d\n"


def test_an_unindented_line_has_no_enclosing_blocks() -> None:
    assert above("a.py", "class A:\n    x = 1\n", "def f():") == ""


def test_the_result_is_limited_in_length() -> None:
    text = "".join(f"import module_with_a_long_name_{number}\n" for number in range(500))
    assert 0 < len(above("a.py", text, "x")) <= MAX_CHARACTERS


def test_a_prefix_starts_with_the_selected_lines_and_stays_within_its_budget() -> None:
    body = "".join(f"        self.field_{number} = {number}\n" for number in range(900))
    text = f"import shop\n\n\nclass Long:\n    def fill(self):\n{body}        self."
    visible = window(Cursor("r", "a.py", text, len(text)), len(text), 1500, 100)
    assert visible.prefix.startswith("import shop\nclass Long:\n    def fill(self):\n        self.field_")
    assert len(visible.prefix) <= 1500 * 3
    assert visible.prefix.endswith("        self.")
    short = window(Cursor("r", "a.py", text, len(text)), len(text), 400, 100)
    assert short.prefix.startswith("        self.field_")
