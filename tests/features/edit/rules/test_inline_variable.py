"""`inline_variable` replaces a variable by its value, and refuses this if the value may be different at a use."""

import pytest

from slm_lsp.features.edit.rules.inline_variable import inline_variable
from slm_lsp.features.edit.rules.source import Refused
from tests.features.edit.rules.marked import has_errors, marked, parsed

INLINED = [
    ("python", "def f(a, b):\n    ‸x = a + b\n    return x * 2\n", "def f(a, b):\n    return (a + b) * 2\n"),
    ("python", "def f(a, b):\n    x = a + b\n    return ‸x + 2\n", "def f(a, b):\n    return a + b + 2\n"),
    ("python", "def f(a, b):\n    ‸x = a + b\n    return 2 + x\n", "def f(a, b):\n    return 2 + (a + b)\n"),
    ("python", "def f(a, b):\n    ‸x = a * b\n    return 2 + x\n", "def f(a, b):\n    return 2 + a * b\n"),
    ("python", "def f(a, b):\n    ‸x = a == b\n    return x == a\n", "def f(a, b):\n    return (a == b) == a\n"),
    ("python", "def f(a, b):\n    ‸x = a or b\n    return not x\n", "def f(a, b):\n    return not (a or b)\n"),
    (
        "python",
        "def f(a, b):\n    ‸x = a + b\n    return max(x, key=x)\n",
        "def f(a, b):\n    return max(a + b, key=a + b)\n",
    ),
    ("python", "def f(a):\n    ‸x = -a\n    return x**2\n", "def f(a):\n    return (-a)**2\n"),
    ("python", "def f(a):\n    ‸x = 5\n    return x.real\n", "def f(a):\n    return (5).real\n"),
    ("python", "def f(a):\n    ‸x = g(a)\n    return x.b\n", "def f(a):\n    return g(a).b\n"),
    ("python", "def f(a):\n    ‸x = a.b\n    return x\n", "def f(a):\n    return a.b\n"),
    ("python", "def f(a, b):\n    ‸x = a, b\n    return x[0]\n", "def f(a, b):\n    return (a, b)[0]\n"),
    ("python", "def f(a):\n    ‸x = a\n    x.append(1)\n    return x\n", "def f(a):\n    a.append(1)\n    return a\n"),
    ("python", "def f(a):\n    ‸x = (a +\n         1)\n    return x\n", "def f(a):\n    return (a +\n         1)\n"),
    ("python", "def f(a):\n    ‸x = 1  # one\n    return x\n", "def f(a):\n    # one\n    return 1\n"),
    ("python", "def f(a):\n    ‸x = a + 1\n    return f'{x}'\n", "def f(a):\n    return f'{a + 1}'\n"),
    (
        "python",
        "def f(a):\n    ‸x = 3\n    for b in a:\n        print(x)\n    return lambda: x\n",
        "def f(a):\n    for b in a:\n        print(3)\n    return lambda: 3\n",
    ),
    (
        "python",
        "def f(a):\n    for b in a:\n        ‸x = b + 1\n        print(x)\n",
        "def f(a):\n    for b in a:\n        print(b + 1)\n",
    ),
    ("python", "def f(a):\r\n\t‸x = a + 1\r\n\treturn x\r\n", "def f(a):\r\n\treturn a + 1\r\n"),
    (
        "javascript",
        "function f(a, b) {\n  const ‸x = a + b;\n  return x * 2;\n}\n",
        "function f(a, b) {\n  return (a + b) * 2;\n}\n",
    ),
    (
        "javascript",
        "function f(a) {\n  const ‸x = a + 1;\n  return { x };\n}\n",
        "function f(a) {\n  return { x: a + 1 };\n}\n",
    ),
    (
        "javascript",
        "function f(a, b) {\n  const ‸x = a ?? b;\n  return x || 1;\n}\n",
        "function f(a, b) {\n  return (a ?? b) || 1;\n}\n",
    ),
    (
        "javascript",
        "function f(a) {\n  const ‸x = a?.b;\n  return x.c;\n}\n",
        "function f(a) {\n  return (a?.b).c;\n}\n",
    ),
    (
        "javascript",
        "function f(a) {\n  const ‸x = a ? 1 : 2;\n  return `${x}`;\n}\n",
        "function f(a) {\n  return `${a ? 1 : 2}`;\n}\n",
    ),
    (
        "java",
        "class A {\n    int f(int a, int b) {\n        int ‸x = a + b;\n        return x * 2;\n    }\n}\n",
        "class A {\n    int f(int a, int b) {\n        return (a + b) * 2;\n    }\n}\n",
    ),
    (
        "java",
        "class A {\n    boolean f(int a) {\n        boolean ‸x = a > 1;\n        return !x;\n    }\n}\n",
        "class A {\n    boolean f(int a) {\n        return !(a > 1);\n    }\n}\n",
    ),
    (
        "go",
        "package a\n\nfunc f(a int) int {\n\t‸x := a + 1\n\treturn x * 2\n}\n",
        "package a\n\nfunc f(a int) int {\n\treturn (a + 1) * 2\n}\n",
    ),
]


@pytest.mark.parametrize(("language", "case", "expected"), INLINED)
def test_variable_is_replaced_by_its_value(language: str, case: str, expected: str) -> None:
    text, (at, _) = marked(case)
    assert not has_errors(language, text)
    assert inline_variable(parsed(language, text), at) == expected
    assert not has_errors(language, expected)


REFUSED = [
    ("python", "def f(a):\n    ‸x = a + 1\n    a = 2\n    return x\n", "`a` is assigned in line 3"),
    ("python", "def f(a):\n    ‸x = a + c\n    a.append(2)\n    return x\n", "`a` may be changed in line 3"),
    ("python", "def f(a):\n    ‸x = a + c\n    g(a)\n    return x\n", "`a` may be changed in line 3"),
    (
        "python",
        "def f(a):\n    ‸x = a + c\n    b = a\n    b.append(1)\n    return x\n",
        "`a` may be changed in line 3",
    ),
    ("python", "def f(a):\n    ‸x = a\n    a = 2\n    return x\n", "`a` is assigned in line 3"),
    (
        "python",
        "def f(a):\n    ‸x = a + 1\n    while x:\n        print(x)\n        a = 1\n",
        "`a` is assigned in line 5",
    ),
    ("python", "def f(a):\n    ‸x = 1\n    x = 2\n    return x\n", "assigned 2 times"),
    ("python", "def f(a):\n    ‸x = 1\n    x += 1\n    return x\n", "assigned 2 times"),
    ("python", "def f(a):\n    if a:\n        ‸x = 1\n    return x\n", "outside the block"),
    ("python", "def f(a):\n    for b in a:\n        print(x)\n        ‸x = b\n", "outside the block"),
    ("python", "def f(‸a):\n    return a\n", "not declared by a statement"),
    ("python", "def f(a):\n    for ‸b in a:\n        print(b)\n", "not declared by a statement"),
    ("python", "def f(a):\n    ‸x, y = a\n    return x\n", "not declared by a statement"),
    ("python", "def f(a):\n    ‸x = y = a\n    return x\n", "not declared by a statement"),
    ("python", "def f(a):\n    ‸x = 1\n", "never used"),
    ("python", "‸x = 1\nprint(x)\n", "not a local variable"),
    ("python", "def f(a):\n    ‸x = g(a)\n    return x + x\n", "several times"),
    ("python", "def f(a):\n    ‸x = g(a)\n    h()\n    return x\n", "Other statements run between"),
    ("python", "def f(a):\n    ‸x = g(a)\n    return h() + x\n", "`h()` is evaluated before it"),
    ("python", "def f(a):\n    ‸x = g(a)\n    return a and x\n", "left side of `and`"),
    ("python", "def f(a):\n    ‸x = []\n    x.append(1)\n    return x\n", "several times"),
    ("python", "def f(a, b):\n    ‸x = a + b\n    x.append(1)\n    return x\n", "object may be changed"),
    ("python", "def f(a):\n    ‸x = a + 1\n    return lambda: x\n", "inside the function"),
    ("python", "def f(a):\n    ‸x = a + 1\n    return [x for a in range(3)]\n", "`a` is another variable"),
    ("python", "def f(a):\n    ‸x = a + 1\n    return f'{x=}'\n", "shows its name"),
    ("python", "def f(a):\n    ‸x = a['b']\n    return f'{x}'\n", "f-string"),
    ("python", "def f(a):\n    ‸x = 1\n    print(locals())\n    return x\n", "names as text"),
    ("python", "def f(a):\n    ‸return a\n", "cursor on the name"),
    ("python", "def f(a:\n    ‸x = 1\n    return x\n", "syntax errors"),
    ("javascript", "function f(a) {\n  const ‸x = a.b;\n  x();\n}\n", "another object"),
    ("javascript", "function f(a) {\n  let ‸x = 1;\n  x++;\n  return x;\n}\n", "assigned 2 times"),
    ("javascript", "function f(a) {\n  const { ‸x } = a;\n  return x;\n}\n", "not declared by a statement"),
    ("typescript", "function f(a: A) {\n  const ‸x: B = a;\n  return x;\n}\n", "declared type"),
    (
        "java",
        "class A {\n    long f(int a) {\n        long ‸x = a * a;\n        return x * a;\n    }\n}\n",
        "declared type",
    ),
    ("go", "package a\n\nfunc f() float64 {\n\t‸x := 1\n\treturn float64(x / 2)\n}\n", "another type"),
]


@pytest.mark.parametrize(("language", "case", "reason"), REFUSED)
def test_unsafe_inlining_is_refused_with_a_reason(language: str, case: str, reason: str) -> None:
    text, (at, _) = marked(case)
    found = inline_variable(parsed(language, text), at)
    assert isinstance(found, Refused), found
    assert reason in found.reason
