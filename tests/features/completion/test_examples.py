"""Examples are found in docstrings, together with the code that is needed to run them."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.completion.examples import MAX_ATTEMPTS, MAX_EXAMPLES, examples_of, may_have_examples, runnable


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
def test_examples_are_recognized_in_many_forms(docstring: str, examples: list[tuple[str, object]]) -> None:
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
def test_other_text_is_not_taken_for_an_example(docstring: str) -> None:
    assert list(examples_of("f", docstring)) == []


@given(st.text(alphabet="f(1)=> -'\"[,]{:}#.\n\\", max_size=60))
def test_random_docstrings_yield_only_calls_of_the_function(docstring: str) -> None:
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


def test_definition_contains_the_function_and_its_dependencies_only() -> None:
    found = runnable(FILE, line_of("    return math.isqrt(half(number))"))
    assert found is not None
    assert found.modules == {"math"}
    assert found.examples == (("root(18)", 3),)
    space: dict[str, object] = {}
    exec(found.definition, space)  # noqa: S102 - code of this test
    assert {"math", "LEAST", "half", "root"} <= space.keys()
    assert not {"os", "path", "where"} & space.keys()


@pytest.mark.parametrize("line", ["    return path", "    return number // LEAST", "LEAST = 2", "import math"])
def test_impure_functions_and_functions_without_examples_are_not_run(line: str) -> None:
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
def test_function_is_not_run_if_the_definition_of_a_name_cannot_be_run_alone(other: str) -> None:
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
def test_function_is_not_run_if_other_statements_change_a_value_it_uses(filling: str) -> None:
    text = f'TABLE = {{}}\n{filling}\n\ndef f(n):\n    """f(1) == 2"""\n    return TABLE[n]\n'
    assert runnable(text, text.count("\n") - 1) is None


def test_plain_assignments_to_an_element_are_included() -> None:
    text = 'TABLE = {}\nTABLE[1] = 2\n\ndef f(n):\n    """f(1) == 2"""\n    return TABLE[n]\n'
    found = runnable(text, text.count("\n") - 1)
    assert found is not None
    assert "TABLE[1] = 2" in found.definition


def test_function_in_a_file_with_a_main_guard_can_be_run() -> None:
    text = 'def f(n):\n    """f(1) == 2"""\n    return n\n\n\nif __name__ == "__main__":\n    print(f(1))\n'
    assert runnable(text, 2) is not None


@pytest.mark.parametrize("above", ["@cache\n", "@cache\n@cache\n", "# A comment.\n", "\n", "x = '\f\u2028'\n\n"])
def test_definition_includes_decorators_but_no_other_lines_above(above: str) -> None:
    text = f'{above}def f(n):\n    """f(1) == 2"""\n    return n\n'
    found = runnable(text, text.count("\n") - 1)
    assert found is not None
    assert found.definition.count("@cache") == above.count("@cache")


def test_function_with_a_decorator_of_several_lines_is_not_run() -> None:
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
def test_hostile_docstring_is_parsed_a_limited_number_of_times(docstring: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the limits, each of these docstrings blocked the server, some of them for minutes."""
    parse, parsed = ast.parse, []

    def counted(source: str, mode: str = "exec") -> ast.AST:
        parsed.append(source)
        return parse(source, mode=mode)

    monkeypatch.setattr(ast, "parse", counted)
    assert not examples_of("f", docstring)
    assert len(parsed) <= MAX_ATTEMPTS * 20


def test_many_definitions_of_one_name_are_each_visited_once() -> None:
    """If they were visited repeatedly, time and memory would grow with the square of their number."""
    text = "a = a\n" * 1500 + 'def f(n):\n    """f(1) == 2"""\n    return a\n'
    assert runnable(text, text.count("\n") - 1) is not None


def test_function_is_not_run_if_another_function_changes_a_global_it_uses() -> None:
    text = 'N = 3\ndef setup():\n    global N\n    N = 5\nsetup()\n\ndef f(n):\n    """f(1) == 2"""\n    return N\n'
    assert runnable(text, text.count("\n") - 1) is None


@pytest.mark.parametrize("line", ["    n;" + "n;" * 9000, "    return " + "+".join(["n"] * 9000)])
def test_too_large_function_is_not_run(line: str) -> None:
    assert runnable(f'def f(n):\n    """f(1) == 2"""\n{line}\n', 2) is None


def test_function_with_unknown_types_in_its_annotations_can_be_run() -> None:
    text = 'def f(n: "Unheard", m: Of = 1) -> Of:\n    """f(1) == 2"""\n    found: Of = n + m\n    return found\n'
    found = runnable("Of = 1\n" + text, 3)
    assert found is not None


def test_number_of_examples_is_limited() -> None:
    text = (
        "def f(n):\n    '''\n"
        + "".join(f"    f({n}) == {n}\n" for n in range(MAX_EXAMPLES * 2))
        + "    '''\n    return n\n"
    )
    found = runnable(text, text.count("\n") - 1)
    assert found is not None
    assert len(found.examples) == MAX_EXAMPLES


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
def test_may_have_examples_finds_calls_and_outputs(head: str, may: bool) -> None:
    assert may_have_examples(head) is may
