"""How much is suggested, and where a block ends while it grows."""

import pytest

from slm_lsp.features.around import surroundings
from slm_lsp.features.shape import Shape, block_end, shape_of

BLOCKS = {
    "def mean(values):\n    ⟦⟧": ("a.py", 0),
    "def mean(values):⟦⟧": ("a.py", 0),
    'def mean(values):\n    """The mean."""\n    ⟦⟧\n\n\nx = 1\n': ("a.py", 0),
    'def mean(values):\n    """The mean\n\n    of all.\n    """\n    # fast\n    ⟦⟧': ("a.py", 0),
    "class A:\n    def f(self):\n        ⟦⟧\n\n    def g(self):\n        pass\n": ("a.py", 4),
    "func f() {\n\t⟦⟧\n}\n": ("a.go", 0),
    "function f() {\n  if (x) {\n    ⟦⟧\n  }\n}\n": ("a.js", 2),
    "def push(item)\n  ⟦⟧\nend\n": ("a.rb", 0),
    "if x > 1 then\n  ⟦⟧\nend if\n": ("a.f90", 0),
}

LINES = {
    "def mean(values):\n    ⟦⟧\n    return total\n": "a.py",
    "total = ⟦⟧": "a.py",
    "if ⟦⟧:": "a.py",
    "func f() {\n\t⟦⟧\n\treturn 1\n}\n": "a.go",
    "# what follows:\n⟦⟧": "a.py",
    "def mean(values):\n    ⟦⟧": "notes.txt",
    "std::⟦⟧": "a.cpp",
}


def shape_at(marked: str, path: str) -> Shape:
    before, _, after = marked.partition("⟦⟧")
    return shape_of(surroundings(before + after, len(before), path))


@pytest.mark.parametrize("marked", BLOCKS)
def test_an_empty_block_is_filled(marked: str) -> None:
    path, indent = BLOCKS[marked]
    assert shape_at(marked, path) == Shape(block=True, indent=indent)


@pytest.mark.parametrize("marked", LINES)
def test_elsewhere_a_line_is_enough(marked: str) -> None:
    assert not shape_at(marked, LINES[marked]).block


@pytest.mark.parametrize(
    ("said", "before", "indent", "kept"),
    [
        ("return 1\n\n\ndef g():", "    ", 0, "return 1\n\n"),
        ("\n    return 1\nx = 2", "def f():", 0, "\n    return 1"),
        ("a()\n    b()\n}\n", "    ", 0, "a()\n    b()\n}"),
        ("a()\n  } else {\n", "    ", 2, "a()\n  }"),
        ("a()\nend\n\ndef g", "  ", 0, "a()\nend"),
        ("if x:\n        a()\n    else:\n        b()\n", "    ", 0, None),
        ("a()\n}", "  ", 0, None),
        ("", "  ", 0, None),
    ],
)
def test_a_block_ends_with_the_first_line_that_is_no_deeper(
    said: str, before: str, indent: int, kept: str | None
) -> None:
    end = block_end(Shape(block=True, indent=indent), said, before)
    assert (None if end is None else said[:end]) == kept


def test_a_block_that_does_not_end_is_cut() -> None:
    said = "".join(f"    step_{number}()\n" for number in range(99))
    end = block_end(Shape(block=True), said, "")
    assert end is not None
    assert said[:end].count("\n") == 23
