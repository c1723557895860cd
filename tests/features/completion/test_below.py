"""Finds suggestions that make the code below unreachable or wrongly indented, or that end with an unused variable."""

import pytest

from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Fault, Site

BODIES = {
    "a.py": "def f(a):\n    ▌\n    a += 2\n    return a\n",
    "a.js": "function f(a) {\n  ▌\n  a += 2;\n  return a;\n}\n",
    "a.ts": "function f(a: number) {\n  ▌\n  a += 2;\n  return a;\n}\n",
    "a.c": "int f(int a) {\n  ▌\n  a += 2;\n  return a;\n}\n",
    "a.cpp": "int f(int a) {\n  ▌\n  a += 2;\n  return a;\n}\n",
    "a.go": "func f(a int) int {\n\t▌\n\ta += 2\n\treturn a\n}\n",
    "a.rs": "fn f(a: i32) -> i32 {\n    ▌\n    let b = a + 2;\n    b\n}\n",
    "A.java": "class A {\n  int f(int a) {\n    ▌\n    a += 2;\n    return a;\n  }\n}\n",
    "A.cs": "class A {\n  int f(int a) {\n    ▌\n    a += 2;\n    return a;\n  }\n}\n",
    "a.php": "<?php\nfunction f($a) {\n    ▌\n    $b = 2;\n    return $b;\n}\n",
}


def fault(path: str, marked: str, text: str) -> Fault:
    before, after = marked.split("▌")
    return Site(surroundings(before + after, len(before), path), lambda _: True).fault(text)


@pytest.mark.parametrize(("path", "marked"), BODIES.items())
def test_return_in_the_middle_of_a_function_cuts_off_the_rest(path: str, marked: str) -> None:
    end = "" if path in ("a.py", "a.go") else ";"
    name = "$a" if path == "a.php" else "a"
    assert fault(path, marked, f"return {name}{end}") is Fault.CUTS_OFF
    assert fault(path, marked, f"f({name}){end}") is Fault.NONE


@pytest.mark.parametrize(
    ("path", "marked", "text"),
    [
        ("a.py", "for x in y:\n    ▌\n    print(x)\n", "continue"),
        ("a.py", "def f(a):\n    # why\n    ▌\n\n    # because\n    return a\n", "raise ValueError(a)  # no"),
        ("a.py", "def f(a):\n    ▌\n        b = 2\n    return a\n", "b = 1"),
        ("a.js", "function f(a) {\n  ▌\n  return a;\n}\n", "throw new Error(a);"),
        ("a.rs", "fn f() {\n    loop {\n        ▌\n        g();\n    }\n}\n", "break;"),
    ],
)
def test_jump_or_unexpected_indentation_cuts_off_the_lines_below(path: str, marked: str, text: str) -> None:
    assert fault(path, marked, text) is Fault.CUTS_OFF


@pytest.mark.parametrize(
    ("path", "marked", "text"),
    [
        ("a.py", "def f(a):\n    if a:\n        ▌\n    return 1\n", "return a"),
        ("a.py", "def f(a):\n    ▌\n        b = 2\n    return a\n", "for b in a:"),
        ("a.py", "def f(a):\n    return max(a,\n    ▌\n        3)\n", "2,"),
        ("a.py", "def f(a):\n    retu▌\n    return 1\n", "rn a"),
        ("a.py", "try:\n    ▌\nexcept KeyError:\n    pass\n", "raise OSError"),
        ("a.py", "def f(a):\n    ▌\n", "return a"),
        ("a.js", "function f() {\n  ▌\n  function g() {}\n}\n", "return g();"),
        ("a.js", "switch (a) {\n  case 1:\n    ▌\n  case 2:\n    b();\n}\n", "break;"),
        ("a.c", "int f(int a) {\n  ▌\nout:\n  return a;\n}\n", "goto out;"),
        ("a.c", "int f(int a) {\n  switch (a) {\n  case 1:\n    ▌\n    break;\n  }\n}\n", "return a;"),
        ("a.rb", "def f(a)\n  ▌\n  a + 1\nend\n", "return a if a > 1"),
    ],
)
def test_code_below_that_stays_reachable_and_statements_of_the_user_are_no_fault(
    path: str, marked: str, text: str
) -> None:
    assert fault(path, marked, text) is Fault.NONE


@pytest.mark.parametrize(
    ("path", "marked", "text"),
    [
        ("a.py", "def f(a):\n    g(a)\n    ▌\n", "b = a"),
        ("a.py", "def f(a):\n    g(a)\n    ▌\n    # done\n\n\ndef g(b): ...\n", "b: int = a"),
        ("a.py", "def f(a):\n    ▌\n", "b, c = a, a"),
        ("a.js", "const f = (a) => {\n  ▌\n};\n", "const b = a;"),
        ("a.ts", "class A {\n  f(a: number) {\n    ▌\n  }\n}\n", "const b: number = a;"),
        ("a.c", "void f(int a) {\n  ▌\n}\n", "int b = a;"),
        ("a.go", "func f(a int) {\n\t▌\n}\n", "b := a"),
        ("a.rs", "fn f(a: i32) {\n    ▌\n}\n", "let mut b: i32 = a;"),
        ("A.java", "class A {\n  void f(int a) {\n    ▌\n  }\n}\n", "int b = a;"),
        ("A.cs", "class A {\n  void f(int a) {\n    ▌\n  }\n}\n", "var b = a;"),
    ],
)
def test_unused_variable_at_the_end_of_a_function_is_a_fault(path: str, marked: str, text: str) -> None:
    assert fault(path, marked, text) is Fault.UNUSED_VARIABLE


@pytest.mark.parametrize(
    ("path", "marked", "text"),
    [
        ("a.py", "def f(a):\n    ▌\n    return a\n", "b = a"),
        ("a.py", "def f(a):\n    for b in a:\n        ▌\n", "c = b"),
        ("a.py", "def f(a):\n    global b\n    ▌\n", "b = a"),
        ("a.py", "def f(a):\n    h(lambda: b)\n    ▌\n", "b, c = a"),
        ("a.py", "def f(a):\n    ▌\n", "a.b = 1"),
        ("a.py", "def f(a):\n    ▌\n", "a['b'] = 1"),
        ("a.py", "def f(a):\n    ▌\n", "a.b(c=1)"),
        ("a.py", "def f(a):\n    b = ▌\n", "a"),
        ("a.py", "class A:\n    ▌\n", "b = 1"),
        ("a.py", "▌\n", "b = 1"),
        ("a.c", "void f(int a) {\n  ▌\n}\n", "int g(int b);"),
        ("a.rb", "def f(a)\n  ▌\nend\n", "b = a"),
        ("a.rs", "fn f(a: i32) -> i32 {\n    ▌\n    a\n}\n", "let b = a;"),
    ],
)
def test_assignment_to_a_variable_that_may_be_read_is_no_fault(path: str, marked: str, text: str) -> None:
    assert fault(path, marked, text) is Fault.NONE
