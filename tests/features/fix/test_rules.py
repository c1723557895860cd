"""Rules propose fixes for errors whose message implies the fix. Each case is an error and the expected change."""

from collections.abc import Mapping

import pytest

from slm_lsp.features.fix.problem import Problem
from slm_lsp.features.fix.rules import fixes
from slm_lsp.index.extract import extract
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import language_of


def project_of(files: Mapping[str, str]) -> Project:
    """Return a project of open files, which needs no index."""
    return Project(None, {path: extract(path, text.encode()) for path, text in files.items()})


def proposed(path: str, text: str, line: int, message: str, others: Mapping[str, str] | None = None) -> list[str]:
    language = language_of(path)
    assert language is not None
    project = project_of({path: text, **(others or {})})
    return [each.text for each in fixes(Problem(path, text, language, line, message, project))]


CASES = {
    "suggested name": (
        "def f(values):\n    return sun(values)\n",
        2,
        "NameError: name 'sun' is not defined. Did you mean: 'sum'?",
        "def f(values):\n    return sum(values)\n",
    ),
    "suggested name is replaced in the whole function": (
        "def f(values):\n    if totl(values):\n        return totl(values)\n\n\ndef totl_of():\n    pass\n",
        2,
        "NameError: name 'totl' is not defined. Did you mean: 'total'?",
        "def f(values):\n    if total(values):\n        return total(values)\n\n\ndef totl_of():\n    pass\n",
    ),
    "suggested attribute, and not the variable of the same name": (
        "totl = 1\nprint(cart.totl + totl)\n",
        2,
        "AttributeError: 'Cart' object has no attribute 'totl'. Did you mean: 'total'?",
        "totl = 1\nprint(cart.total + totl)\n",
    ),
    "suggested name in an import is replaced everywhere": (
        "from shop import totl\n\nprint(totl([1]))\n",
        1,
        "ImportError: cannot import name 'totl' from 'shop' (/home/ann/shop.py). Did you mean: 'total'?",
        "from shop import total\n\nprint(total([1]))\n",
    ),
    "suggested member of self": (
        "class Cart:\n    def total(self):\n        return add(self)\n\n    def add(self):\n        return 1\n",
        3,
        "NameError: name 'add' is not defined. Did you mean: 'self.add'?",
        "class Cart:\n    def total(self):\n        return self.add(self)\n\n    def add(self):\n        return 1\n",
    ),
    "strings and comments are left alone": (
        "def f():\n    # sun\n    return sun('sun')\n",
        3,
        "NameError: name 'sun' is not defined. Did you mean: 'sum'?",
        "def f():\n    # sun\n    return sum('sun')\n",
    ),
    "mypy": (
        "import shop\n\nshop.totl(1)\n",
        3,
        'Module has no attribute "totl"; maybe "total"?  [attr-defined]',
        "import shop\n\nshop.total(1)\n",
    ),
    "similar name without a suggestion": (
        "def f(values):\n    return valeus[0]\n",
        2,
        "F821 Undefined name `valeus`",
        "def f(values):\n    return values[0]\n",
    ),
    "exchanged letters": (
        "def f(values):\n    return smu(values)\n",
        2,
        "NameError: name 'smu' is not defined",
        "def f(values):\n    return sum(values)\n",
    ),
    "member of the class without a suggestion": (
        "class Cart:\n    def total(self):\n        return add()\n\n    def add(self):\n        return 1\n",
        3,
        "NameError: name 'add' is not defined",
        "class Cart:\n    def total(self):\n        return self.add()\n\n    def add(self):\n        return 1\n",
    ),
    "module of the standard library": (
        "def area(r):\n    return math.pi * r\n",
        2,
        "NameError: name 'math' is not defined",
        "import math\n\n\ndef area(r):\n    return math.pi * r\n",
    ),
    "module that the message names": (
        "def area(r):\n    return math.pi * r\n",
        2,
        "NameError: name 'math' is not defined. Did you forget to import 'math'?",
        "import math\n\n\ndef area(r):\n    return math.pi * r\n",
    ),
    "name of the standard library": (
        '"""Counts."""\n\nimport os\n\nx = defaultdict(list)\n',
        5,
        "NameError: name 'defaultdict' is not defined",
        '"""Counts."""\n\nimport os\nfrom collections import defaultdict\n\nx = defaultdict(list)\n',
    ),
    "class datetime": (
        "import os\n\nx = datetime.now()\n",
        3,
        "F821 Undefined name `datetime`",
        "import os\nfrom datetime import datetime\n\nx = datetime.now()\n",
    ),
    "module datetime": (
        "import os\n\nx = datetime.datetime.now()\n",
        3,
        "F821 Undefined name `datetime`",
        "import datetime\nimport os\n\nx = datetime.datetime.now()\n",
    ),
    "missing self in a method without parameters": (
        "class Cart:\n    def total():\n        return 1\n",
        0,
        "TypeError: Cart.total() takes 0 positional arguments but 1 was given",
        "class Cart:\n    def total(self):\n        return 1\n",
    ),
    "missing self in a method with parameters": (
        "class Cart:\n    def add(item, count=1):\n        return 1\n",
        0,
        "TypeError: Cart.add() takes 1 positional argument but 2 were given",
        "class Cart:\n    def add(self, item, count=1):\n        return 1\n",
    ),
    "missing self that the method uses": (
        "class Cart:\n    def total(rate):\n        return self.sum * rate\n",
        3,
        "NameError: name 'self' is not defined",
        "class Cart:\n    def total(self, rate):\n        return self.sum * rate\n",
    ),
    "keyword argument that the message suggests": (
        "def paint(color):\n    pass\n\n\ncolour = 1\npaint(colour=colour)\n",
        6,
        "TypeError: paint() got an unexpected keyword argument 'colour'. Did you mean 'color'?",
        "def paint(color):\n    pass\n\n\ncolour = 1\npaint(color=colour)\n",
    ),
    "keyword argument that is similar to a parameter": (
        "def paint(item, color=None):\n    pass\n\n\npaint(\n    1,\n    colour=2,\n)\n",
        5,
        "TypeError: paint() got an unexpected keyword argument 'colour'",
        "def paint(item, color=None):\n    pass\n\n\npaint(\n    1,\n    color=2,\n)\n",
    ),
    "missing colon": (
        "def f(x)  # a: comment\n    return x\n",
        1,
        "SyntaxError: expected ':'",
        "def f(x):  # a: comment\n    return x\n",
    ),
    "bracket that was never closed": (
        "x = f(1, g(2)\ny = 3\n",
        1,
        "SyntaxError: '(' was never closed",
        "x = f(1, g(2))\ny = 3\n",
    ),
    "bracket in a header": (
        "def f(x:\n    return x\n",
        1,
        "SyntaxError: '(' was never closed",
        "def f(x):\n    return x\n",
    ),
    "unmatched bracket": ("x = f(1))\n", 1, "SyntaxError: unmatched ')'", "x = f(1)\n"),
    "wrong bracket": (
        "x = f(1]\n",
        1,
        "SyntaxError: closing parenthesis ']' does not match opening parenthesis '('",
        "x = f(1)\n",
    ),
    "unterminated string": (
        'print("a)\n',
        1,
        "SyntaxError: unterminated string literal (detected at line 1)",
        'print("a")\n',
    ),
    "assignment in a condition": (
        "if x = 1:\n    pass\n",
        1,
        "SyntaxError: invalid syntax. Maybe you meant '==' or ':=' instead of '='?",
        "if x == 1:\n    pass\n",
    ),
    "print of Python 2": (
        "print 'a', b\n",
        1,
        "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
        "print('a', b)\n",
    ),
    "unused import": (
        "import os\nimport sys\n\nsys.exit()\n",
        1,
        "F401 [*] `os` imported but unused",
        "import sys\n\nsys.exit()\n",
    ),
    "unused name of an import": (
        "from os.path import join, split\n\njoin()\n",
        1,
        "F401 `os.path.split` imported but unused",
        "from os.path import join\n\njoin()\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_first_fix_of_a_python_error(name: str) -> None:
    text, line, message, fixed = CASES[name]
    assert proposed("a.py", text, line, message)[:1] == [fixed]


@pytest.mark.parametrize(
    ("path", "text", "line", "message", "fixed"),
    [
        (
            "a.ts",
            "const total = 1;\nconsole.log(totl);\n",
            2,
            "TS2552: Cannot find name 'totl'. Did you mean 'total'?",
            "const total = 1;\nconsole.log(total);\n",
        ),
        (
            "a.ts",
            "cart.totl();\n",
            1,
            "TS2551: Property 'totl' does not exist on type 'Cart'. Did you mean 'total'?",
            "cart.total();\n",
        ),
        (
            "a.js",
            "function f(values) {\n  return valeus[0];\n}\n",
            2,
            "ReferenceError: valeus is not defined",
            "function f(values) {\n  return values[0];\n}\n",
        ),
        (
            "a.go",
            'package a\n\nimport "fmt"\n\nfunc F() { fmt.Println(strings.ToUpper("a")) }\n',
            5,
            "undefined: strings",
            'package a\n\nimport (\n\t"fmt"\n\t"strings"\n)\n\nfunc F() { fmt.Println(strings.ToUpper("a")) }\n',
        ),
        (
            "a.go",
            'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc F() { fmt.Println() }\n',
            5,
            '"os" imported and not used',
            'package a\n\nimport (\n\t"fmt"\n)\n\nfunc F() { fmt.Println() }\n',
        ),
        (
            "A.java",
            "package a;\n\nclass A {\n    List<String> x;\n}\n",
            4,
            "cannot find symbol; symbol: class List",
            "package a;\n\nimport java.util.List;\n\nclass A {\n    List<String> x;\n}\n",
        ),
        (
            "a.c",
            "int f(int total) {\n    return totl;\n}\n",
            2,
            "\u2018totl\u2019 undeclared (first use in this function); did you mean \u2018total\u2019?",
            "int f(int total) {\n    return total;\n}\n",
        ),
        (
            "a.c",
            '#include <stdlib.h>\n\nint f(void) { return printf("a"); }\n',
            1,
            "include \u2018<stdio.h>\u2019 or provide a declaration of \u2018printf\u2019",
            '#include <stdio.h>\n#include <stdlib.h>\n\nint f(void) { return printf("a"); }\n',
        ),
        (
            "a.rs",
            "fn f() -> HashMap<u8, u8> { HashMap::new() }\n",
            1,
            "cannot find type `HashMap` in this scope; use std::collections::HashMap;",
            "use std::collections::HashMap;\n\nfn f() -> HashMap<u8, u8> { HashMap::new() }\n",
        ),
        (
            "a.rs",
            "fn f(total: u8) -> u8 {\n    totl\n}\n",
            2,
            "cannot find value `totl` in this scope; help: a local variable with a similar name exists: `total`",
            "fn f(total: u8) -> u8 {\n    total\n}\n",
        ),
    ],
)
def test_first_fix_in_other_languages(path: str, text: str, line: int, message: str, fixed: str) -> None:
    assert proposed(path, text, line, message)[:1] == [fixed]


CART = "def total(prices):\n    return sum(prices)\n"


@pytest.mark.parametrize(
    ("others", "added"),
    [
        ({"shop/cart.py": CART, "shop/__init__.py": ""}, "from shop.cart import total\n"),
        ({"src/shop/cart.py": CART, "src/shop/__init__.py": ""}, "from shop.cart import total\n"),
        ({"cart.py": CART}, "from cart import total\n"),
    ],
)
def test_name_that_one_file_of_the_project_defines_is_imported(others: dict[str, str], added: str) -> None:
    text = "print(total([1]))\n"
    found = proposed("app.py", text, 1, "NameError: name 'total' is not defined", others)
    assert found == [f"{added}\n{text}"]


@pytest.mark.parametrize(
    "others",
    [
        {"cart.py": CART, "stock.py": CART},
        {"tests/test_cart.py": CART},
        {"cart.js": "export function total() {}\n"},
        {"cart.py": "class Cart:\n    def total(self):\n        pass\n"},
    ],
    ids=["two definitions", "only in a test", "other language", "method"],
)
def test_name_without_one_suitable_definition_is_not_imported(others: dict[str, str]) -> None:
    assert proposed("app.py", "print(total([1]))\n", 1, "NameError: name 'total' is not defined", others) == []


def test_exported_name_of_the_project_is_imported_in_typescript() -> None:
    others = {"src/lib/cart.ts": "export function total(prices: number[]): number {\n  return 0;\n}\n"}
    text = 'import { a } from "./a";\n\nconsole.log(total([1]), a);\n'
    found = proposed("src/app.ts", text, 3, "TS2304: Cannot find name 'total'.", others)
    assert found[0].startswith('import { a } from "./a";\nimport { total } from "./lib/cart";\n')


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\n", 1, "ValueError: too small"),
        ("x = 1\n", 99, "SyntaxError: expected ':'"),
        ("x = 1\n", 0, "SyntaxError: '(' was never closed"),
        ("x = first\n", 1, "NameError: name 'first' is not defined"),
        # Two names are equally similar.
        ("def f(aab, aac):\n    return aad\n", 2, "NameError: name 'aad' is not defined"),
        # Only a built-in name is similar, and not very much.
        ("x = item\n", 1, "NameError: name 'item' is not defined"),
        ("x = row\n", 1, "NameError: name 'row' is not defined"),
        # The method has `self`, or needs none.
        (
            "class A:\n    def f(self):\n        pass\n",
            0,
            "TypeError: A.f() takes 1 positional argument but 2 were given",
        ),
        (
            "class A:\n    @staticmethod\n    def f():\n        pass\n",
            0,
            "TypeError: A.f() takes 0 positional arguments but 1 was given",
        ),
        ("paint(colour=1)\n", 1, "TypeError: paint() got an unexpected keyword argument 'colour'"),
        ("import os\n", 1, "F401 `sys` imported but unused"),
    ],
)
def test_rules_propose_nothing_if_the_message_does_not_imply_a_fix(text: str, line: int, message: str) -> None:
    assert proposed("a.py", text, line, message) == []


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_are_kept(end: str) -> None:
    text = f"import os{end}{end}def f(){end}    return math.pi{end}"
    colon = proposed("a.py", text, 3, "SyntaxError: expected ':'")[0]
    assert colon == text.replace("f()", "f():")
    imported = proposed("a.py", colon, 4, "NameError: name 'math' is not defined")[0]
    assert imported == f"import math{end}{colon}"
