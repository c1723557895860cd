"""`offers` returns the refactorings that make sense at a place. `⟦` and `⟧` mark the selection, `‸` the cursor."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.edit.offers import LONG_FUNCTION_LINES, Offer, offers
from slm_lsp.languages.registry import languages
from slm_lsp.languages.syntax_tree import SyntaxTree

LIMIT_S = 0.02
"""Maximum processor time for finding the offers in a parsed file of 1,000 lines."""


def at(language: str, marked: str) -> tuple[str, tuple[Offer, ...]]:
    """Return the text without marks, and the offers at the marks."""
    cursor = marked.find("‸")
    start, end = (cursor, cursor) if cursor >= 0 else (marked.index("⟦"), marked.index("⟧") - 1)
    text = marked.replace("‸", "").replace("⟦", "").replace("⟧", "")
    return text, offers(SyntaxTree(languages()[language], text), (start, end))


def titles(language: str, marked: str) -> list[str]:
    return [each.title for each in at(language, marked)[1]]


TYPES, DOCSTRING, COMMENT = "Add type hints", "Add a docstring", "Add a doc comment"
SIMPLIFY, SELECTION, SPLIT = "Simplify this function", "Simplify the selection", "Split this function"
TO_COMPREHENSION, TO_LOOP = "Convert the loop to a comprehension", "Convert the comprehension to a loop"
ASYNC, F_STRINGS = "Convert to async/await", "Convert to f-strings"
TO_DATACLASS, TO_CLASS = "Convert to a dataclass", "Convert the dataclass to a plain class"

LOOP = "def squares(ns):\n    xs = []\n    for n in ns:\n        if n:\n            xs.append(n * n)‸\n    return xs\n"
POINT = "class Point:\n    def __init__(self, x, y: int = 0):\n        self.x = x\n        self.y = y\n"
DATACLASS = "from dataclasses import dataclass\n\n\n"
PROMISE = "function load(url) {\n  return fetch(url).then((r) => r.json());\n}\n"


@pytest.mark.parametrize(
    ("language", "marked", "offered"),
    [
        ("python", "def f(a):\n    return a‸\n", [TYPES, DOCSTRING, SIMPLIFY]),
        ("python", 'def f(a: int) -> int:\n    """Double."""\n    return‸ 2 * a\n', [SIMPLIFY]),
        ("python", 'def f(a: int, *args) -> int:\n    """Double."""\n    return‸ 2 * a\n', [TYPES, SIMPLIFY]),
        ("python", "class A:\n    def f(self) -> int:\n        # One.\n        return‸ 1\n", [DOCSTRING, SIMPLIFY]),
        ("python", 'class A:\n    def __init__(self):‸\n        "Make."\n        self.a = 1\n', [SIMPLIFY]),
        ("python", "@cache\ndef f() -> int:\n    '''One.'''\n    return‸ 1\n", [SIMPLIFY]),
        ("python", "‸\nx = 1\n", []),
        ("python", "⟦x = 1\ny = 2\n⟧", [SELECTION]),
        ("python", "x = ⟦1⟧\n", []),
        ("python", "def f(a):\n⟦    b = a\n    c = b\n⟧    return c\n", [SELECTION]),
        ("python", "⟦def f(a) -> int:\n    return a\n⟧", [TYPES, DOCSTRING, SIMPLIFY]),
        ("python", LOOP, [TO_COMPREHENSION, TYPES, DOCSTRING, SIMPLIFY]),
        ("python", LOOP.replace("‸", "").replace("xs = []", "xs = [0]") + "‸", []),
        ("python", LOOP.replace("xs = []", "xs = [0]"), [TYPES, DOCSTRING, SIMPLIFY]),
        ("python", LOOP.replace("n * n)", "n * n)\n            print(n)"), [TYPES, DOCSTRING, SIMPLIFY]),
        ("python", "⟦xs = []\nfor n in range(3):\n    xs.append(n)⟧\n", [TO_COMPREHENSION, SELECTION]),
        ("python", "⟦xs = []\nfor n in range(3):\n    xs.append(n)\nprint(xs)⟧\n", [SELECTION]),
        ("python", "xs = [n * n for ‸n in range(3)]\n", [TO_LOOP]),
        ("python", "⟦xs = {n: n * n for n in range(3)}⟧\n", [TO_LOOP]),
        ("python", "total = sum(n for ‸n in range(3))\n", []),
        ("python", "‸print('%s: %d' % (a, b))\n", [F_STRINGS]),
        ("python", "print('{}: {}'.format(a, b))‸\n", [F_STRINGS]),
        ("python", "print(10 % 3, b'%d' % 2, a.format('x'))‸\n", []),
        ("python", "if ‸a:\n    print('%s' % a)\n", []),
        ("python", POINT.replace("x, y", "x, ‸y"), [TO_DATACLASS, TYPES, DOCSTRING, SIMPLIFY]),
        ("python", POINT.replace("Point:", "Point‸:"), [TO_DATACLASS]),
        ("python", POINT.replace("Point:", "Point‸(Base):"), []),
        ("python", POINT.replace("Point:", "Point‸:").replace("= y\n", "= 2 * y\n"), []),
        ("python", DATACLASS + "@dataclass(frozen=True)\nclass Point:‸\n    x: int\n", [TO_CLASS]),
        ("python", DATACLASS + "@data‸class\nclass Point:\n    x: int\n", [TO_CLASS]),
        ("python", "⟦def broken(:\n    x = (\n⟧", [SELECTION]),
        ("javascript", PROMISE.replace("return", "return‸"), [COMMENT, ASYNC, SIMPLIFY]),
        ("javascript", f"// Loads.\n{PROMISE}".replace("return", "return‸"), [ASYNC, SIMPLIFY]),
        ("javascript", "const f = (a) => {\n  return a‸;\n};\n", [COMMENT, SIMPLIFY]),
        ("javascript", "run(() => {\n  go()‸;\n});\n", []),
        ("javascript", "⟦fetch(a)\n  .then(b)\n  .catch(c);⟧\n", [ASYNC, SELECTION]),
        ("typescript", "export function f(a: number) {\n  return a‸;\n}\n", [COMMENT, SIMPLIFY]),
        ("java", "class A {\n  /** One. */\n  int f() {\n    return 1‸;\n  }\n}\n", [SIMPLIFY]),
        ("java", "interface A {\n  int f()‸;\n}\n", []),
        ("go", "package a\n\nfunc f() int {\n\treturn 1‸\n}\n", [COMMENT, SIMPLIFY]),
        ("rust", "#[inline]\nfn f() -> i32 {\n    1‸\n}\n", [COMMENT, SIMPLIFY]),
        ("c", "int f(void)\n{\n  return 1‸;\n}\n", [COMMENT, SIMPLIFY]),
        ("markdown", "# Title‸\n", []),
    ],
)
def test_only_refactorings_that_make_sense_are_offered(language: str, marked: str, offered: list[str]) -> None:
    assert titles(language, marked) == offered


@pytest.mark.parametrize("lines", [LONG_FUNCTION_LINES, LONG_FUNCTION_LINES + 1])
def test_only_long_functions_can_be_split(lines: int) -> None:
    body = "".join(f"    print({number})\n" for number in range(lines - 1))
    assert (SPLIT in titles("python", f"def f():‸\n{body}")) == (lines > LONG_FUNCTION_LINES)


def test_range_of_an_offer_is_the_code_that_it_rewrites() -> None:
    text, found = at("python", f'"""🎉"""\n\n\n{LOOP}')
    code = {each.title: text[each.start : each.end] for each in found}
    assert code[TO_COMPREHENSION] == "xs = []\n    for n in ns:\n        if n:\n            xs.append(n * n)"
    assert code[TYPES] == LOOP.replace("‸", "").rstrip("\n")


def test_range_of_a_function_includes_its_decorators() -> None:
    text, found = at("python", "@cache\ndef f():\n    return‸ 1\n")
    assert {text[each.start : each.end] for each in found} == {text.rstrip("\n")}


@given(st.sampled_from([LOOP, POINT, PROMISE]), st.data())
def test_every_selection_has_offers_inside_the_text(marked: str, data: st.DataObject) -> None:
    text = marked.replace("‸", "")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    for language in ("python", "javascript"):
        for each in offers(SyntaxTree(languages()[language], text), (start, end)):
            assert 0 <= each.start < each.end <= len(text)
            assert each.instruction.endswith(".")


@pytest.mark.alone
def test_offers_in_a_large_file_are_found_quickly() -> None:
    text = "".join(
        f"def f{n}(a, b):\n    xs = []\n    for x in a:\n        xs.append(x)\n    return xs\n" for n in range(200)
    )
    syntax = SyntaxTree(languages()["python"], text)
    offers(syntax, (0, 0))
    started = time.thread_time()
    assert offers(syntax, (len(text) // 2, len(text) // 2))
    assert offers(syntax, (0, len(text)))
    assert time.thread_time() - started < 4 * LIMIT_S
