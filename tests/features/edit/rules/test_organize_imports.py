"""`organize_imports` sorts like Ruff; `remove_unused_imports` removes only what is certainly unused."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from slm_lsp.features.edit.rules.imports import organize_imports, remove_unused_imports
from slm_lsp.features.edit.rules.layout import Layout, layout_of
from slm_lsp.features.edit.rules.source import Refused
from tests.features.edit.rules.marked import has_errors, parsed

ROOT = Path(__file__).parents[4]
OURS = Layout(frozenset({"slm_lsp", "tests"}), 120)

ORGANIZED = [
    ("python", "import sys\nimport os\n", "import os\nimport sys\n"),
    ("python", "import sys, os\n", "import os\nimport sys\n"),
    ("python", "import numpy\nimport os\n", "import os\n\nimport numpy\n"),
    ("python", "from b import d, c\nfrom b import a\n", "from b import a, c, d\n"),
    ("python", "from b import z as y, a\n", "from b import a\nfrom b import z as y\n"),
    ("python", "from b import f, C, MAX\n", "from b import MAX, C, f\n"),
    ("python", "from b import a10, a9\n", "from b import a9, a10\n"),
    (
        "python",
        "from .a import b\nfrom ..c import d\nimport os\n",
        "import os\n\nfrom ..c import d\nfrom .a import b\n",
    ),
    ("python", "import os\nimport os\n", "import os\n"),
    ("python", "import b\nimport a  # noqa\nimport c\n", "import b\nimport a  # noqa\nimport c\n"),
    (
        "python",
        "def f():\n    import b\n    import a\n\n    return a\n",
        "def f():\n    import a\n    import b\n\n    return a\n",
    ),
    ("python", "import b\r\nimport a\r\n", "import a\r\nimport b\r\n"),
    ("python", "import b; import a\n", "import b; import a\n"),
    (
        "javascript",
        'import { b } from "./x";\nimport z from "z";\nimport { a } from "./x";\n',
        'import z from "z";\nimport { a, b } from "./x";\n',
    ),
    ("javascript", 'import "b";\nimport "a";\n', 'import "b";\nimport "a";\n'),
    (
        "javascript",
        'import b from "b";\n\nimport c from "./c";\nimport a from "a";\n',
        'import b from "b";\n\nimport a from "a";\nimport c from "./c";\n',
    ),
    ("javascript", "import b from 'b'\nimport a from 'a'\n", "import a from 'a'\nimport b from 'b'\n"),
    (
        "javascript",
        'import b from "b"; // why\nimport a from "a";\n',
        'import b from "b"; // why\nimport a from "a";\n',
    ),
    (
        "typescript",
        'import type { B } from "./x";\nimport { a } from "./x";\n',
        'import { a } from "./x";\nimport type { B } from "./x";\n',
    ),
    (
        "java",
        "package a;\n\nimport java.util.Map;\nimport java.io.File;\n"
        "import java.util.Map;\n\nimport static b.C.d;\n\nclass X {}\n",
        "package a;\n\nimport java.io.File;\nimport java.util.Map;\n\nimport static b.C.d;\n\nclass X {}\n",
    ),
]


@pytest.mark.parametrize(("language", "text", "expected"), ORGANIZED)
def test_imports_are_sorted_and_merged(language: str, text: str, expected: str) -> None:
    new = organize_imports(parsed(language, text))
    assert new == expected
    assert not has_errors(language, expected)
    assert organize_imports(parsed(language, expected)) == expected


def test_file_with_directives_for_isort_is_refused() -> None:
    assert isinstance(organize_imports(parsed("python", "import b  # isort: skip\nimport a\n")), Refused)


def own_files() -> list[Path]:
    return [each for folder in ("slm_lsp", "tests") for each in sorted((ROOT / folder).rglob("*.py"))]


def test_files_that_ruff_has_sorted_stay_as_they_are() -> None:
    changed = [
        str(path)
        for path in own_files()
        if organize_imports(parsed("python", text := path.read_text(encoding="utf-8")), OURS) != text
    ]
    assert changed == []


def ruff(text: str, path: Path) -> str:
    """Return a text as Ruff's rules `I` sort it."""
    command = [sys.executable, "-m", "ruff", "check", "--select", "I", "--fix", "--quiet", "-n", "--stdin-filename"]
    found = subprocess.run(
        [*command, str(path), "-"], input=text, capture_output=True, text=True, cwd=ROOT, check=False
    )
    return found.stdout


@pytest.mark.parametrize("seed", range(12))
def test_shuffled_imports_are_sorted_as_ruff_sorts_them(seed: int) -> None:
    shuffle = random.Random(seed)
    names = ["os", "sys", "re", "json.decoder", "collections.abc", "numpy", "httpx", "slm_lsp.text", "tests.tiny"]
    members = ["MAX_SIZE", "Reader", "read", "write10", "write9", "_private", "X", "iPhone", "HTTPError"]
    lines = []
    for _ in range(8):
        module = shuffle.choice([*names, ".local", "..outer"])
        several = shuffle.sample(members, shuffle.randint(1, 4))
        if shuffle.random() < 0.4 and not module.startswith("."):
            lines.append(f"import {module}")
        else:
            aliases = [f"{each} as other" if shuffle.random() < 0.1 else each for each in several]
            lines.append(f"from {module} import {', '.join(aliases)}")
    text = "\n".join(lines) + "\n\nprint(1)\n"
    assert organize_imports(parsed("python", text), OURS) == ruff(text, ROOT / "tests" / "shuffled.py")


REMOVED = [
    ("import os\nimport sys\n\nprint(sys.path)\n", "import sys\n\nprint(sys.path)\n"),
    ("from os import path, sep\n\nprint(sep)\n", "from os import sep\n\nprint(sep)\n"),
    ("from os import (\n    path,\n    sep,\n)\n\nprint(sep)\n", "from os import (\n    sep,\n)\n\nprint(sep)\n"),
    ("from a import b as c\n\nprint(1)\n", "print(1)\n"),
    ("import os.path\n\nprint(1)\n", "print(1)\n"),
    (
        "import os\n\nfrom a import b\nfrom a.c import d\n\nfrom e import f\n\nprint(os, f)\n",
        "import os\n\nfrom e import f\n\nprint(os, f)\n",
    ),
]


@pytest.mark.parametrize(("text", "expected"), REMOVED)
def test_unused_imports_are_removed(text: str, expected: str) -> None:
    assert remove_unused_imports(parsed("python", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "import os  # noqa: F401\n",
        "import plugins\n",
        "import readline\n",
        "from __future__ import annotations\n",
        "from a import b as b\n",
        "from a import *\n",
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n",
        "if True:\n    import os\n",
        "from a import B\n\nx: 'list[B]' = []\n",
        "from a import B\n\nx = []  # type: list[B]\n",
        'from a import f\n\n\ndef g():\n    """Doc.\n\n    >>> f()\n    """\n',
        "import os.path\n\nprint(os.sep)\n",
    ],
)
def test_import_that_may_be_used_stays(text: str) -> None:
    assert remove_unused_imports(parsed("python", text)) == text


def test_name_in_a_docstring_does_not_count_as_a_use() -> None:
    assert remove_unused_imports(parsed("python", '"""About os."""\n\nimport os\n')) == '"""About os."""\n\n'


def test_name_that_another_file_imports_stays() -> None:
    assert remove_unused_imports(parsed("python", "from a import b\n"), {"b"}) == "from a import b\n"


def test_file_that_defines_all_is_refused() -> None:
    assert isinstance(remove_unused_imports(parsed("python", "from a import b\n\n__all__ = ['b']\n")), Refused)


def test_layout_knows_the_modules_of_a_project_and_its_line_length() -> None:
    found = layout_of(["src/shop/cart.py", "tests/test_cart.py", "setup.py"], "[tool.ruff]\nline-length = 100\n")
    assert found == Layout(frozenset({"shop", "tests", "setup"}), 100)
    assert layout_of(["a.py"], "not toml [").line_length == 88
