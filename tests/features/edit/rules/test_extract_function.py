"""`extract_function` moves statements to a function, and refuses this if the data flow is not certain."""

import pytest

from slm_lsp.features.edit.rules.extract_function import extract_function
from slm_lsp.features.edit.rules.source import Refused
from tests.features.edit.rules.marked import has_errors, marked, parsed

EXTRACTED = [
    (
        "python",
        "def f(a, b):\n    «total = a + b\n    total *= 2»\n    return total\n",
        "def g(a, b):\n    total = a + b\n    total *= 2\n    return total\n\n\n"
        "def f(a, b):\n    total = g(a, b)\n    return total\n",
    ),
    ("python", "def f(a):\n    «print(a)»\n", "def g(a):\n    print(a)\n\n\ndef f(a):\n    g(a)\n"),
    (
        "python",
        "def f(a):\n    «b = a\n    c = 1»\n    return b + c\n",
        "def g(a):\n    b = a\n    c = 1\n    return b, c\n\n\ndef f(a):\n    b, c = g(a)\n    return b + c\n",
    ),
    (
        "python",
        "def f(a):\n    «if a:\n        return 1\n    return 2»\n",
        "def g(a):\n    if a:\n        return 1\n    return 2\n\n\ndef f(a):\n    return g(a)\n",
    ),
    (
        "python",
        "def f(a):\n    «for b in a:\n        if b:\n            break»\n    print()\n",
        "def g(a):\n    for b in a:\n        if b:\n            break\n\n\ndef f(a):\n    g(a)\n    print()\n",
    ),
    # The old value is needed where the statements assign a variable on some paths only.
    (
        "python",
        "def f(a):\n    b = 1\n    «if a:\n        b = 2»\n    return b\n",
        "def g(a, b):\n    if a:\n        b = 2\n    return b\n\n\n"
        "def f(a):\n    b = 1\n    b = g(a, b)\n    return b\n",
    ),
    # A variable of a loop goes from one iteration to the next.
    (
        "python",
        "def f(a):\n    t = 0\n    for b in a:\n        «t += b»\n    return t\n",
        "def g(t, b):\n    t += b\n    return t\n\n\n"
        "def f(a):\n    t = 0\n    for b in a:\n        t = g(t, b)\n    return t\n",
    ),
    # A variable that is assigned again before it is read is not returned.
    (
        "python",
        "def f(a):\n    «i = a\n    print(i)»\n    i = 2\n    return i\n",
        "def g(a):\n    i = a\n    print(i)\n\n\ndef f(a):\n    g(a)\n    i = 2\n    return i\n",
    ),
    # Methods.
    (
        "python",
        "class A:\n    def f(self, a):\n        «self.b = a\n        self.c = a»\n\n    def h(self):\n        pass\n",
        "class A:\n    def f(self, a):\n        self.g(a)\n\n"
        "    def g(self, a):\n        self.b = a\n        self.c = a\n\n"
        "    def h(self):\n        pass\n",
    ),
    (
        "python",
        "class A:\n    @classmethod\n    def f(cls):\n        «cls.b = 1\n        cls.c = 2»\n",
        "class A:\n    @classmethod\n    def f(cls):\n        cls.g()\n\n"
        "    @classmethod\n    def g(cls):\n        cls.b = 1\n        cls.c = 2\n",
    ),
    (
        "python",
        "class A:\n    def __new__(cls):\n        «cls.b = 1»\n        return object()\n",
        "class A:\n    def __new__(cls):\n        cls.g()\n        return object()\n\n"
        "    @classmethod\n    def g(cls):\n        cls.b = 1\n",
    ),
    (
        "python",
        "class A:\n    def f(a, b):\n        «a.b = b»\n",
        "def g(a, b):\n    a.b = b\n\n\nclass A:\n    def f(a, b):\n        g(a, b)\n",
    ),
    (
        "python",
        "# About A.\nclass A:\n    def f(self, a):\n        «b = a + 1»\n        return b\n",
        "def g(a):\n    b = a + 1\n    return b\n\n\n"
        "# About A.\nclass A:\n    def f(self, a):\n        b = g(a)\n        return b\n",
    ),
    # The lines of a text keep their indentation.
    (
        "python",
        "def f(a):\n    if a:\n        «b = '''\n        x\n'''\n        print(b)»\n",
        "def g():\n    b = '''\n        x\n'''\n    print(b)\n\n\ndef f(a):\n    if a:\n        g()\n",
    ),
    (
        "python",
        "async def f(a):\n    «b = await a\n    print(b)»\n",
        "async def g(a):\n    b = await a\n    print(b)\n\n\nasync def f(a):\n    await g(a)\n",
    ),
    (
        "python",
        "def f(a):\n    def h(b):\n        «c = a + b»\n        return c\n    return h\n",
        "def g(a, b):\n    c = a + b\n    return c\n\n\n"
        "def f(a):\n    def h(b):\n        c = g(a, b)\n        return c\n    return h\n",
    ),
    (
        "python",
        "def f(a):\n    with open(a) as b:\n        «c = b.read()\n        c = c.strip()»\n    return c\n",
        "def g(b):\n    c = b.read()\n    c = c.strip()\n    return c\n\n\n"
        "def f(a):\n    with open(a) as b:\n        c = g(b)\n    return c\n",
    ),
    (
        "python",
        "def f(a):\n    «# Add one.\n    b = a + 1  # here»\n    return b\n",
        "def g(a):\n    b = a + 1  # here\n    return b\n\n\ndef f(a):\n    # Add one.\n    b = g(a)\n    return b\n",
    ),
    ("python", "«print(1)\nprint(2)»\n", "def g():\n    print(1)\n    print(2)\n\n\ng()\n"),
    (
        "python",
        "def f(a):\r\n\t«b = a\r\n\tprint(b)»\r\n",
        "def g(a):\r\n\tb = a\r\n\tprint(b)\r\n\r\n\r\ndef f(a):\r\n\tg(a)\r\n",
    ),
    # JavaScript and TypeScript
    (
        "javascript",
        "function f(a) {\n  «const b = a + 1;\n  console.log(b);»\n  return b;\n}\n",
        "function g(a) {\n  const b = a + 1;\n  console.log(b);\n  return b;\n}\n\n"
        "function f(a) {\n  const b = g(a);\n  return b;\n}\n",
    ),
    (
        "javascript",
        "function f(a) {\n  «const b = a;\n  const c = 1;»\n  return b + c;\n}\n",
        "function g(a) {\n  const b = a;\n  const c = 1;\n  return { b, c };\n}\n\n"
        "function f(a) {\n  const { b, c } = g(a);\n  return b + c;\n}\n",
    ),
    (
        "javascript",
        "function f(a) {\n  let t = 0;\n  for (const b of a) {\n    «t += b;»\n  }\n  return t;\n}\n",
        "function g(t, b) {\n  t += b;\n  return t;\n}\n\n"
        "function f(a) {\n  let t = 0;\n  for (const b of a) {\n    t = g(t, b);\n  }\n  return t;\n}\n",
    ),
    (
        "javascript",
        "class A {\n  f(a) {\n    «this.b = a;\n    this.c = a;»\n  }\n}\n",
        "class A {\n  f(a) {\n    this.g(a);\n  }\n\n  g(a) {\n    this.b = a;\n    this.c = a;\n  }\n}\n",
    ),
    (
        "javascript",
        "class A {\n  static f() {\n    «this.b = 1;»\n  }\n}\n",
        "class A {\n  static f() {\n    this.g();\n  }\n\n  static g() {\n    this.b = 1;\n  }\n}\n",
    ),
    (
        "javascript",
        "const f = async (a) => {\n  «const b = await a.c();\n  return b;»\n};\n",
        "async function g(a) {\n  const b = await a.c();\n  return b;\n"
        "}\n\nconst f = async (a) => {\n  return await g(a);\n};\n",
    ),
    (
        "javascript",
        "function f(a) {\n  «a.b()\n  a.c()»\n}\n",
        "function g(a) {\n  a.b()\n  a.c()\n}\n\nfunction f(a) {\n  g(a)\n}\n",
    ),
    (
        "typescript",
        "function f(a: string): string {\n  «const b = a + 1;»\n  return b;\n}\n",
        "function g(a: string) {\n  const b = a + 1;\n  return b;\n}\n\n"
        "function f(a: string): string {\n  const b = g(a);\n  return b;\n}\n",
    ),
]


@pytest.mark.parametrize(("language", "case", "expected"), EXTRACTED)
def test_statements_become_a_function(language: str, case: str, expected: str) -> None:
    text, selection = marked(case)
    assert not has_errors(language, text)
    assert extract_function(parsed(language, text), selection, "g") == expected
    assert not has_errors(language, expected)


REFUSED = [
    ("python", "def f(a):\n    «if a:\n        return 1»\n    return 2\n", "some paths only"),
    ("python", "def f(a):\n    for b in a:\n        «if b:\n            break»\n        print(b)\n", "`break`"),
    ("python", "def f(a):\n    «yield a»\n", "`yield`"),
    ("python", "def f(a):\n    try:\n        g()\n    except E:\n        «raise»\n", "exception handler"),
    ("python", "for a in b:\n    «print(a)»\n", "at the top level"),
    ("python", "def f(a):\n    global n\n    «n = a»\n", "outside the function"),
    ("python", "def f(a):\n    «global n\n    n = a»\n", "`global`"),
    ("python", "def f(a):\n    «del a»\n", "`del`"),
    ("python", "def f(a):\n    «if a:\n        b = 1»\n    return b\n", "`b` may have no value"),
    ("python", "def f(a):\n    if a:\n        b = 1\n    «print(b)»\n", "`b` may have no value"),
    ("python", "def f(a):\n    «print(locals())»\n", "`locals`"),
    ("python", "class A:\n    def f(self):\n        «super().f()»\n", "`super`"),
    ("python", "class A:\n    def f(self):\n        «self.__b = 1»\n", "private name"),
    ("python", "class A:\n    «b = 1\n    c = 2»\n", "members of a class"),
    ("python", "«n = 1\nprint(n)»\n", "top level"),
    ("python", "def f(a):\n    «b = lambda: a»\n    a = 2\n    return b()\n", "`a`, which is assigned later"),
    ("python", "def f(a):\n    b = 0\n    h = lambda: b\n    «b = a\n    print(h())»\n", "`b`, which they assign"),
    ("python", "def f(a):\n    match a:\n        case 1:\n            «print(a)»\n", "`match`"),
    ("python", "def f(a):\n    return «a + 1»\n", "whole statements"),
    ("python", "def f(a):\n    b =« a\n    c» = 1\n", "whole statements"),
    ("python", "def f(a): «print(a)»\n", "share a line"),
    ("python", "def f(a:\n    «print(a)»\n", "syntax errors"),
    ("javascript", "function f(a) {\n  «if (a) return 1;»\n  return 2;\n}\n", "some paths only"),
    (
        "javascript",
        "function f(a) {\n  for (const b of a) {\n    «if (b) continue;»\n    c(b);\n  }\n}\n",
        "`continue`",
    ),
    ("javascript", "function f(a) {\n  «g(this.b);»\n}\n", "`this`"),
    ("javascript", "function f() {\n  «h(arguments);»\n}\n", "`arguments`"),
    ("javascript", "function* f(a) {\n  «yield a;»\n}\n", "`yield`"),
    (
        "javascript",
        "function f(a) {\n  let b = 0;\n  const h = () => b;\n  «b = a;»\n  return h();\n}\n",
        "Another function",
    ),
    ("javascript", "let b = 0;\n«b = 1;»\nh(b);\n", "top level"),
    ("javascript", "function f(a) {\n  «h(() => b);»\n  const b = a;\n}\n", "`b` is declared after them"),
    ("javascript", "function f() {\n  h();\n  «function h() {}»\n}\n", "`h` is used before"),
    ("typescript", "function f(a: string, b: C) {\n  const c = b.d;\n  «h(c);»\n}\n", "type of `c`"),
    ("typescript", "function f(a: string | null) {\n  if (a) {\n    «h(a);»\n  }\n}\n", "type of `a`"),
    ("typescript", "function f<T>(a: T) {\n  «h(a);»\n}\n", "type parameters"),
    ("go", "package a\n\nfunc f(a int) {\n\t«g(a)»\n}\n", "only in Python"),
]


@pytest.mark.parametrize(("language", "case", "reason"), REFUSED)
def test_unclear_data_flow_is_refused_with_a_reason(language: str, case: str, reason: str) -> None:
    text, selection = marked(case)
    found = extract_function(parsed(language, text), selection, "g2")
    assert isinstance(found, Refused), found
    assert reason in found.reason


def test_name_that_is_already_used_is_refused() -> None:
    text, selection = marked("def f(a):\n    «print(a)»\n")
    found = extract_function(parsed("python", text), selection, "f")
    assert isinstance(found, Refused)
    assert "already used" in found.reason


def test_name_is_chosen_if_none_is_given() -> None:
    text, selection = marked("def extracted(a):\n    «print(a)»\n")
    found = extract_function(parsed("python", text), selection)
    assert isinstance(found, str)
    assert found.startswith("def extracted_2(a):\n")
