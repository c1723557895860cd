"""Whether a suggestion cuts off the statement below it, in several languages."""

import pytest

from slm_lsp.features.around import surroundings
from slm_lsp.features.choose import Fault, Site

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
def test_what_leaves_a_function_cuts_off_the_rest_of_it(path: str, marked: str) -> None:
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
def test_so_does_what_jumps_and_what_lines_below_do_not_hang_on(path: str, marked: str, text: str) -> None:
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
def test_what_is_still_reached_or_begun_by_the_user_is_none_of_it(path: str, marked: str, text: str) -> None:
    assert fault(path, marked, text) is Fault.NONE
