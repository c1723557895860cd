"""`find_unit` chooses the piece of a document that an edit rewrites."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_lsp.features.edit.units import Extent, find_unit
from slm_lsp.languages.registry import languages

PYTHON = '''"""Orders."""

import math


class Order:
    """One order."""

    @property
    def total(self):
        """The sum."""
        net = sum(each.price for each in self.items)
        for each in self.items:
            if each.taxed:
                net += each.tax
        return net


def discount(order, rate=0.1):
    return math.floor(order.total * rate)
'''

PUSH = "this.items.push(item);"
NET = "net = sum(each.price for each in self.items)"
DISCOUNT, END_OF_DISCOUNT = "def discount(order, rate=0.1):", "return math.floor(order.total * rate)"

JAVASCRIPT = """import { tax } from "./tax.js";

export class Cart {
  add(item) {
    this.items.push(item);
    this.total += item.price;
  }
}

export function price(item) {
  const net = item.price;
  return net + tax(net);
}
"""

JAVA = """package shop;

class Cart {
    private int total;

    int add(int price) {
        total += price;
        return total;
    }
}
"""

GO = """package shop

func Add(a int, b int) int {
	sum := a + b
	return sum
}
"""

RUST = """pub fn add(a: i32, b: i32) -> i32 {
    let sum = a + b;
    sum
}
"""

C = """int add(int a, int b)
{
    int sum = a + b;
    return sum;
}
"""


TEXTS = [
    (PYTHON, "python"),
    (JAVASCRIPT, "javascript"),
    (JAVA, "java"),
    (GO, "go"),
    (RUST, "rust"),
    (C, "c"),
]


def unit_at(text: str, language: str, start: str, end: str = "", least: Extent = Extent.STATEMENTS) -> tuple[str, ...]:
    """Return the extent, the name and the first and last line of a unit.

    The selection reaches from the first occurrence of `start` to the end of `end`; an empty `end` means a cursor.
    """
    first = text.index(start)
    last = text.index(end, first) + len(end) if end else first
    unit = find_unit(text, (first, last), languages()[language], least)
    piece = text[unit.start : unit.end].strip().splitlines()
    return unit.extent.name.lower(), unit.name, piece[0].strip(), piece[-1].strip()


@pytest.mark.parametrize(
    ("text", "language", "start", "end", "expected"),
    [
        (PYTHON, "python", "if each.taxed", "", ("function", "Order.total", "@property", "return net")),
        (PYTHON, "python", "return math", "", ("function", "discount", DISCOUNT, END_OF_DISCOUNT)),
        (PYTHON, "python", '"""One order', "", ("class", "Order", "class Order:", "return net")),
        (PYTHON, "python", "import math", "", ("statements", "", "import math", "import math")),
        (PYTHON, "python", "taxed", "taxed", ("statements", "", "if each.taxed:", "net += each.tax")),
        (PYTHON, "python", "net = sum", "self.items:", ("statements", "", NET, "net += each.tax")),
        (PYTHON, "python", "def discount", "rate)", ("function", "discount", DISCOUNT, END_OF_DISCOUNT)),
        (JAVASCRIPT, "javascript", "this.items", "", ("function", "Cart.add", "add(item) {", "}")),
        (JAVASCRIPT, "javascript", "push", "price", ("statements", "", PUSH, "this.total += item.price;")),
        (JAVASCRIPT, "javascript", "net + tax", "", ("function", "price", "export function price(item) {", "}")),
        (JAVA, "java", "total += price", "", ("function", "Cart.add", "int add(int price) {", "}")),
        (JAVA, "java", "total += price", "price", ("statements", "", "total += price;", "total += price;")),
        (JAVA, "java", "private", "", ("class", "Cart", "class Cart {", "}")),
        (GO, "go", "a + b", "", ("function", "Add", "func Add(a int, b int) int {", "}")),
        (GO, "go", "sum :=", "return", ("statements", "", "sum := a + b", "return sum")),
        (RUST, "rust", "a + b", "", ("function", "add", "pub fn add(a: i32, b: i32) -> i32 {", "}")),
        (RUST, "rust", "a + b", "b", ("statements", "", "let sum = a + b;", "let sum = a + b;")),
        (C, "c", "a + b", "", ("function", "add", "int add(int a, int b)", "}")),
        (C, "c", "sum =", "return", ("statements", "", "int sum = a + b;", "return sum;")),
    ],
)  # fmt: skip
def test_unit_is_the_smallest_whole_piece_around_the_selection(
    text: str, language: str, start: str, end: str, expected: tuple[str, ...]
) -> None:
    assert unit_at(text, language, start, end) == expected


def test_required_extent_widens_a_selected_statement() -> None:
    assert unit_at(PYTHON, "python", "net = sum", "items)", Extent.FUNCTION)[:2] == ("function", "Order.total")
    assert unit_at(PYTHON, "python", "net = sum", "items)", Extent.CLASS)[:2] == ("class", "Order")
    assert unit_at(PYTHON, "python", "net = sum", "items)", Extent.FILE)[:2] == ("file", "")


def test_selection_of_whole_statements_is_not_widened() -> None:
    start = PYTHON.index("return net")
    assert not find_unit(PYTHON, (start, start + len("return net")), languages()["python"]).widened
    assert find_unit(PYTHON, (start, start + len("return")), languages()["python"]).widened


def test_header_ends_where_the_body_starts() -> None:
    unit = find_unit(PYTHON, (PYTHON.index("return math"),) * 2, languages()["python"])
    assert PYTHON[unit.start : unit.header].strip() == "def discount(order, rate=0.1):"


def test_unit_of_a_file_without_a_parser_is_the_selected_lines() -> None:
    unit = find_unit("one\ntwo\nthree\n", (5, 9), None)
    assert "one\ntwo\nthree\n"[unit.start : unit.end] == "two\nthree"


@settings(max_examples=60)
@given(st.data())
@pytest.mark.parametrize(("text", "language"), TEXTS)
def test_unit_contains_the_selection_and_consists_of_whole_lines(text: str, language: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    unit = find_unit(text, (start, end), languages()[language])
    piece = text[start:end]
    if piece.strip():
        assert unit.start <= start + len(piece) - len(piece.lstrip())
        assert unit.end >= end - (len(piece) - len(piece.rstrip()))
    assert unit.start == 0 or text[unit.start - 1] == "\n"
    assert unit.end == len(text) or text[unit.end] == "\n"
    assert unit.start <= unit.header <= max(unit.end, unit.start)
