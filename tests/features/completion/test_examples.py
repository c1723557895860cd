"""Examples in docstrings, and the code that has to run to see whether a function does as they say."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.completion.examples import MOST, MOST_TRIES, examples_of, may_have_examples, runnable


@pytest.mark.parametrize(
    ("docstring", "examples"),
    [
        (">>> f(1)\n2\n>>> f([1, 2], key='a')\n'b'", [("f(1)", 2), ("f([1, 2], key='a')", "b")]),
        (">>> f(1)\n[1,\n 2]", [("f(1)", [1, 2])]),
        (">>> round(f(1), 2)\n0.25\n>>> sorted(f(x) for x in [1])\n[]", [("round(f(1), 2)", 0.25)]),
        (">>> f(1) == 2\n>>> f(1) + 1\n3", [("f(1) == 2", True), ("f(1) + 1", 3)]),
        (">>> f(1) == 2\nTrue", [("f(1) == 2", True)]),
        (">>> f(1) == 2\nFalse", [("f(1) == 2", False)]),
        ("f(1) == 2", [("f(1)", 2)]),
        ("Input: a = [1, 2], k = 1\nOutput: [2]  # the last\n", [("f(a = [1, 2], k = 1)", [2])]),
        ("  Input: 3\n    Output: (1, 2)", [("f(3)", (1, 2))]),
        ("For example, f(1) => 2.", [("f(1)", 2)]),
        ("* f([1, 2]) -> [2, 1]   # turned round", [("f([1, 2])", [2, 1])]),
        ("- f(1) == 2", [("f(1)", 2)]),
        ("f('(') ➞ True", [("f('(')", True)]),
        ("f(1) ==> -2,", [("f(1)", -2)]),
        ("f(1) = 2.5 (rounded)", [("f(1)", 2.5)]),
        ("f(1) should return 2\nf(2) returns None", [("f(1)", 2), ("f(2)", None)]),
        ("f(1) # => 2\nf(2) # 3", [("f(1)", 2), ("f(2)", 3)]),
        ("f((1, 2), {'a': {1}}) is False", [("f((1, 2), {'a': {1}})", False)]),
    ],
)
def test_examples_come_in_many_forms(docstring: str, examples: list[tuple[str, object]]) -> None:
    assert list(examples_of("f", docstring)) == examples


@pytest.mark.parametrize(
    "docstring",
    [
        "",
        "f(x) == 2",
        "f(1) == g(2)",
        ">>> f(g(1))\n2",
        ">>> x + 1\n2",
        ">>> open(f(1))\n2",
        ">>> f(1).__class__\n2",
        "Input: a, b\nOutput: 3",
        "Input: 1) + g(2\nOutput: 3",
        ">>> f(1)\nTraceback (most recent call last):\nValueError: no",
        ">>> f(1)\n",
        ">>>f(1)\n2",
        "g(1) == 2",
        "of(1) == 2",
        "f(1) and f(2) are the same",
        "f(9) == 9 // 2",
        "f(10) = 10 // 3 = 3",
        "f(9) == 4, 'half'",
        "x != f(2) == 4",
        "It is not so that f(2) == 5",
        "It isn't that f(2) == 5",
        "There was a bug: f(2) == 5",
        ">>> print(f(2))\nNone",
        ">>> f(2)  # doctest: +SKIP\n5",
        ">>> assert f(2) == 5\nTraceback (most recent call last):\nAssertionError",
        ">>> (f := len)([1])\n1",
        "f(1) == 2\x0c",
        "2 * f(1) == 2",
        "-f(1) == 2",
        "a.f(1) == 2",
        "not f(1) == 2",
        "f(1) == [1, 2, ...]",
        ">>> f(1)\n[1, ..., 9]",
        "f(1",
        "f(1) == ...?",
        "f(1)",
        "f(*[1]) == 2",
    ],
)
def test_what_is_no_call_with_values_is_no_example(docstring: str) -> None:
    assert list(examples_of("f", docstring)) == []


@given(st.text(alphabet="f(1)=> -'\"[,]{:}#.\n\\", max_size=60))
def test_no_docstring_is_too_odd(docstring: str) -> None:
    for call, _ in examples_of("f", docstring):
        assert call.startswith("f(")


FILE = '''import math
import os

LEAST = 2
path = os.getcwd()


def half(number):
    return number // LEAST


def root(number):
    """The root of a half.

    >>> root(18)
    3
    """
    return math.isqrt(half(number))


def where():
    """
    >>> where()
    1
    """
    return path
'''


def line_of(text: str) -> int:
    return FILE.splitlines().index(text)


def test_a_function_comes_with_what_it_names_and_no_more() -> None:
    found = runnable(FILE, line_of("    return math.isqrt(half(number))"))
    assert found is not None
    assert found.modules == {"math"}
    assert found.wanted == (("root(18)", 3),)
    space: dict[str, object] = {}
    exec(found.definition, space)  # noqa: S102 - what was written above
    assert {"math", "LEAST", "half", "root"} <= space.keys()
    assert not {"os", "path", "where"} & space.keys()


@pytest.mark.parametrize("line", ["    return path", "    return number // LEAST", "LEAST = 2", "import math"])
def test_what_reaches_out_or_has_no_examples_is_not_run(line: str) -> None:
    assert runnable(FILE, line_of(line)) is None


@pytest.mark.parametrize(
    "other",
    [
        "from helpers import *",
        "from helpers import half",
        "if True:\n    half = abs",
        "half = 1\nhalf += 1",
        "async def half(n): ...",
        "def half(n): return open(n)",
        "def broken(:",
    ],
)
def test_what_comes_from_elsewhere_is_not_guessed(other: str) -> None:
    text = f'def f(n):\n    """f(1) == 2"""\n    return half(n)\n\n{other}\n'
    assert runnable(text, 2) is None
    assert runnable(text.replace("return half(n)", "return 2").replace(other, ""), 2) is not None


@pytest.mark.parametrize(
    "filling",
    [
        "for n in range(9):\n    TABLE[n] = n",
        "TABLE.update({1: 2})",
        "with_it(TABLE).add(1)",
        "if True:\n    TABLE.clear()",
        "TABLE += [1]",
        "del TABLE[0]",
    ],
)
def test_what_a_file_fills_by_and_by_is_not_taken_for_empty(filling: str) -> None:
    text = f'TABLE = {{}}\n{filling}\n\ndef f(n):\n    """f(1) == 2"""\n    return TABLE[n]\n'
    assert runnable(text, text.count("\n") - 1) is None


def test_what_is_set_in_a_plain_statement_comes_with_it() -> None:
    text = 'TABLE = {}\nTABLE[1] = 2\n\ndef f(n):\n    """f(1) == 2"""\n    return TABLE[n]\n'
    found = runnable(text, text.count("\n") - 1)
    assert found is not None
    assert "TABLE[1] = 2" in found.definition


def test_a_main_guard_does_not_stand_in_the_way() -> None:
    text = 'def f(n):\n    """f(1) == 2"""\n    return n\n\n\nif __name__ == "__main__":\n    print(f(1))\n'
    assert runnable(text, 2) is not None


@pytest.mark.parametrize("above", ["@cache\n", "@cache\n@cache\n", "# A comment.\n", "\n", "x = '\f\u2028'\n\n"])
def test_what_stands_above_a_function(above: str) -> None:
    text = f'{above}def f(n):\n    """f(1) == 2"""\n    return n\n'
    found = runnable(text, text.count("\n") - 1)
    assert found is not None
    assert found.definition.count("@cache") == above.count("@cache")


def test_a_decorator_of_several_lines_is_not_left_to_what_follows() -> None:
    text = '@cache(\n    size=None,\n)\ndef f(n):\n    """f(1) == 2"""\n    return n\n'
    assert runnable(text, text.count("\n") - 1) is None
    text = f"def g():\n    return 1\n{text[text.index('def') :]}"
    assert runnable(text, text.count("\n") - 1) is not None


@pytest.mark.parametrize(
    "docstring",
    [
        "\n" * 400 + "Input:" + " \n" * 400,
        "Input: [" + "\x0c".join(["1,"] * 400) + ")" * 500 + "\nOutput: 1",
        "f(1) == x" + " " * 400 + "x",
        "f(1) == 2" + " " * 600 + "#",
        "f(1) == x\n" * 5000,
        "f(" * 5000,
        "\n".join(["f([" + "1," * 120 + ")" * 250] * 20),
        ">>> f(1)\nx" + "\n#" * 2000,
        ">>> f(1) " + "#doctest:" * 50 + "'",
    ],
)
def test_a_hostile_docstring_is_not_parsed_again_and_again(docstring: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each took up to minutes, in the server."""
    parse, parsed = ast.parse, []

    def counted(source: str, mode: str = "exec") -> ast.AST:
        parsed.append(source)
        return parse(source, mode=mode)

    monkeypatch.setattr(ast, "parse", counted)
    assert not examples_of("f", docstring)
    assert len(parsed) <= MOST_TRIES * 20


def test_many_definitions_of_one_name_are_gone_through_once() -> None:
    """They took memory and time by the square of their number."""
    text = "a = a\n" * 1500 + 'def f(n):\n    """f(1) == 2"""\n    return a\n'
    assert runnable(text, text.count("\n") - 1) is not None


def test_what_a_function_sets_elsewhere_is_not_taken_for_constant() -> None:
    text = 'N = 3\ndef setup():\n    global N\n    N = 5\nsetup()\n\ndef f(n):\n    """f(1) == 2"""\n    return N\n'
    assert runnable(text, text.count("\n") - 1) is None


@pytest.mark.parametrize("line", ["    n;" + "n;" * 9000, "    return " + "+".join(["n"] * 9000)])
def test_what_is_too_large_is_not_run(line: str) -> None:
    assert runnable(f'def f(n):\n    """f(1) == 2"""\n{line}\n', 2) is None


def test_types_need_not_be_known() -> None:
    text = 'def f(n: "Unheard", m: Of = 1) -> Of:\n    """f(1) == 2"""\n    found: Of = n + m\n    return found\n'
    found = runnable("Of = 1\n" + text, 3)
    assert found is not None


def test_examples_are_not_run_without_end() -> None:
    text = "def f(n):\n    '''\n" + "".join(f"    f({n}) == {n}\n" for n in range(MOST * 2)) + "    '''\n    return n\n"
    found = runnable(text, text.count("\n") - 1)
    assert found is not None
    assert len(found.wanted) == MOST


@pytest.mark.parametrize(
    ("head", "may"),
    [
        ("def f(n):\n    '''f(1) == 2'''\n", True),
        ("def f(n):\n    '''Nothing.'''\n", False),
        ("def f(n):\n    '''f(1) == 2'''\n\n\ndef g(n):\n", False),
        ("def f (n):\n    '''\n    >>> f(1)\n", True),
        ("def f(n):\n    'Input: 1\n    Output: 2'\n", True),
        ("", False),
    ],
)
def test_a_quick_look_tells_where_it_is_worth_nothing_to_look(head: str, may: bool) -> None:
    assert may_have_examples(head) is may
