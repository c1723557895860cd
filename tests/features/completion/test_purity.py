"""`modules_of` accepts code that only computes, and refuses code that may do anything else."""

import ast

import pytest

from slm_lsp.features.completion.purity import modules_of


def modules(text: str) -> frozenset[str] | None:
    return modules_of(ast.parse(text).body)


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("def f(n): return sorted(n, key=len)[::-1]", set()),
        ("import math\nfrom collections import Counter as C", {"math", "collections"}),
        ("from typing import List\ndef f(n: List[int]) -> None: ...", set()),
        ("from collections.abc import Iterable", {"collections.abc"}),
        ("class A:\n def __init__(self): self._a = 1\n def f(self): return A.__name__", set()),
        ("'{} {}'.format(1, 2)", set()),
        ("raise ValueError('no') from None", set()),
        ("class A:\n def __init__(self): self.__a = 1\n def __eq__(self, other): return True", set()),
        ("match 1:\n case [first, *rest]: first\n case {'a': 1, **rest}: rest\n case str(): 1", set()),
        ("_, x = 1, 2", set()),
        ("open_files = 3\nopen_files + 1", set()),
    ],
)
def test_code_that_only_computes_is_accepted(text: str, imported: set[str]) -> None:
    assert modules(text) == imported


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "import os.path",
        "import collections.abc",
        "from . import settings",
        "from .math import sqrt",
        "from subprocess import run",
        "from math import *",
        "from operator import attrgetter",
        "import operator\noperator.methodcaller('x')",
        "import string\nstring.Formatter().get_field('0.__class__', (1,), {})",
        "from string import Formatter as F",
        "open('x')",
        "eval('1')",
        "exec('1')",
        "compile('1', '', 'eval')",
        "getattr(1, 'real')",
        "read = open\nread('x')",
        "globals()",
        "vars()",
        "breakpoint()",
        "input()",
        "exit()",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "__import__('os')",
        "__builtins__",
        "__loader__",
        "().__class__",
        "f.__globals__",
        "def f(): yield\nf().gi_frame.f_back",
        "try: 1 / 0\nexcept ZeroDivisionError as e: e.__traceback__.tb_frame",
        "f.func_globals",
        "match 1:\n case object(__class__=kind): kind",
        "match 1:\n case object(gi_frame=kind): kind",
        "match 1:\n case object(value): value",
        "match 1:\n case __match_args__: pass",
        "class A:\n def __instancecheck__(self, other): return True",
        "class A:\n __match_args__ = ('a',)",
        "try: 1 / 0\nexcept Exception as __loader__: pass",
        "def f(__builtins__): pass",
        "f(__class__=1)",
        "from math import pi as __builtins__",
        "def f():\n global __builtins__",
        "int.mro()",
        "error.obj",
        "import functools\nfunctools.update_wrapper(1, 2)",
        "from functools import wraps",
        "import re\nre.RegexFlag",
        "E._convert_('X', 'posix', None)",
        "'{0.x}'.format_map({})",
        "async def f(): pass",
        "def f():\n import socket",
        "def f():\n def g(): return open('x')",
        "class A:\n x = open('x')",
        "@open\ndef f(): pass",
        "lambda: open('x')",
        "def f(n=open('x')): pass",
    ],
)
def test_code_that_may_do_more_than_compute_is_refused(text: str) -> None:
    assert modules(text) is None
