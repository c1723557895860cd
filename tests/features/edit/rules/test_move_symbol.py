"""`move_symbol` moves a definition with its imports, and the project still runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from slm_lsp.features.edit.changes import ProjectChange, apply_change
from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.features.edit.rules.move_needs import Move
from slm_lsp.features.edit.rules.move_symbol import move_symbol
from slm_lsp.features.edit.rules.source import Refused

PROJECT = {
    "shop/__init__.py": "from .cart import total\n",
    "shop/cart.py": (
        "import math\nimport sys\n\nfrom .rates import RATE\n\nLIMIT = 100\n\n\n"
        "# Rounds up.\ndef total(prices):\n    return math.ceil(sum(prices) * RATE)\n\n\n"
        "def limited(prices):\n    return min(len(prices), LIMIT)\n\n\ndef version():\n    return sys.version_info[0]\n"
    ),
    "shop/rates.py": "RATE = 2\n",
    "shop/sums.py": '"""Sums."""\n\n\ndef twice(value):\n    return value * 2\n',
    "shop/report.py": (
        "from shop.cart import limited, total\n\n\ndef report(prices):\n"
        "    return f'{total(prices)} {limited(prices)}'\n"
    ),
    "shop/local.py": (
        "def late(prices):\n    from shop.cart import limited, total as t\n\n    return t(prices) + limited(prices)\n"
    ),
    "main.py": "from shop.local import late\nfrom shop.report import report\n\nprint(report([1, 2.5]), late([4]))\n",
}


def moved(name: str, path: str, target: str, **more: str) -> ProjectChange | Refused:
    return move_symbol(Move(PROJECT | more, path, name, target, Layout(frozenset({"shop", "main"}))))


def files_of(change: ProjectChange | Refused) -> dict[str, str]:
    assert isinstance(change, ProjectChange), change
    return {each.path: each.new for each in change.files}


def written(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def output(folder: Path) -> str:
    # `-B`: Python would take a file of compiled code for the changed file if both have the same size and second.
    command = [sys.executable, "-B", "main.py"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return found.stdout + found.stderr


def test_function_moves_with_its_imports_and_its_comment() -> None:
    change = moved("total", "shop/cart.py", "shop/sums.py")
    files = files_of(change)
    assert files["shop/sums.py"] == (
        '"""Sums."""\n\nimport math\n\nfrom shop.rates import RATE\n\n\ndef twice(value):\n    return value * 2\n\n\n'
        "# Rounds up.\ndef total(prices):\n    return math.ceil(sum(prices) * RATE)\n"
    )
    assert files["shop/cart.py"] == (
        "import sys\n\nLIMIT = 100\n\n\ndef limited(prices):\n    return min(len(prices), LIMIT)\n\n\n"
        "def version():\n    return sys.version_info[0]\n"
    )
    assert files["shop/__init__.py"] == "from .sums import total\n"
    assert files["shop/report.py"].startswith("from shop.cart import limited\nfrom shop.sums import total\n")
    assert "    from shop.cart import limited\n    from shop.sums import total as t\n" in files["shop/local.py"]
    assert "main.py" not in files
    assert isinstance(change, ProjectChange)
    assert change.notes == ()


@pytest.mark.parametrize("target", ["shop/sums.py", "shop/new.py", "shop/more/deep.py"])
def test_moved_project_prints_the_same(tmp_path: Path, target: str) -> None:
    folder = written(tmp_path, PROJECT)
    expected = output(folder)
    assert expected == "7 2 9\n"
    change = moved("total", "shop/cart.py", target)
    assert isinstance(change, ProjectChange), change
    apply_change(folder, change)
    assert "def total" in (folder / target).read_text()
    assert output(folder) == expected


def test_old_module_imports_a_symbol_that_it_still_uses(tmp_path: Path) -> None:
    folder = written(tmp_path, PROJECT)
    change = moved("RATE", "shop/rates.py", "shop/sums.py")
    assert isinstance(change, Refused)
    used = {"shop/cart.py": PROJECT["shop/cart.py"] + "\n\nTWO = total([1])\n"}
    change = moved("total", "shop/cart.py", "shop/sums.py", **used)
    assert "from shop.sums import total\n" in files_of(change)["shop/cart.py"]
    written(folder, used)
    assert isinstance(change, ProjectChange)
    apply_change(folder, change)
    assert output(folder) == "7 2 9\n"


def test_sorted_imports_stay_sorted() -> None:
    more = {"shop/page.py": "from shop.cart import total\nfrom shop.rates import RATE\n\nprint(total, RATE)\n"}
    new = files_of(moved("total", "shop/cart.py", "shop/sums.py", **more))["shop/page.py"]
    assert new == "from shop.rates import RATE\nfrom shop.sums import total\n\nprint(total, RATE)\n"


def test_import_in_the_target_is_removed() -> None:
    more = {"shop/sums.py": "from shop.cart import limited, total\n\nprint(total, limited)\n"}
    new = files_of(moved("total", "shop/cart.py", "shop/sums.py", **more))["shop/sums.py"]
    assert new.startswith("import math\n\nfrom shop.cart import limited\nfrom shop.rates import RATE\n")
    assert new.count("import") == 3


def test_definition_comes_before_the_main_program() -> None:
    more = {"shop/sums.py": 'if __name__ == "__main__":\n    print(1)\n'}
    new = files_of(moved("total", "shop/cart.py", "shop/sums.py", **more))["shop/sums.py"]
    assert new.index("def total") < new.index("if __name__")


def test_uses_through_the_module_are_listed() -> None:
    more = {
        "a.py": "import shop.cart\n\nprint(shop.cart.total([1]))\n",
        "b.py": "from shop import cart\n\nprint(cart.total([1]))\n",
        "c.py": "from shop.cart import *\n\nprint(total([1]))\n",
        "d.py": 'patch("shop.cart.total")\n',
    }
    change = moved("total", "shop/cart.py", "shop/sums.py", **more)
    assert isinstance(change, ProjectChange)
    assert [each.partition(": ")[0] for each in change.notes] == ["a.py:3", "b.py:3", "c.py:1", "d.py:1"]
    assert not {"a.py", "b.py", "c.py", "d.py"} & files_of(change).keys()


@pytest.mark.parametrize(
    ("name", "path", "target", "more", "reason"),
    [
        ("limited", "shop/cart.py", "shop/sums.py", {}, "`LIMIT`, which would stay"),
        ("nothing", "shop/cart.py", "shop/sums.py", {}, "does not define `nothing`"),
        ("LIMIT", "shop/cart.py", "shop/sums.py", {}, "does not define `LIMIT`"),
        ("total", "shop/cart.py", "shop/cart.py", {}, "already in"),
        ("total", "shop/cart.py", "shop/sums.py", {"shop/sums.py": "total = 1\n"}, "already has the name"),
        ("total", "shop/cart.py", "shop/sums.py", {"shop/sums.py": "def total(:\n"}, "syntax errors"),
        ("total", "shop/cart.py", "shop/sums.py", {"shop/rates.py": "import shop.sums\nRATE = 2\n"}, "a cycle"),
        (
            "total",
            "shop/cart.py",
            "shop/sums.py",
            {
                "shop/sums.py": "import shop.cart\n",
                "shop/cart.py": "def total(a):\n    return a\n\n\nprint(total(1))\n",
            },
            "a cycle",
        ),
        ("total", "shop/cart.py", "shop/sums.py", {"shop/sums.py": "import shop.report\n"}, "a cycle"),
        # Importing `shop.rates` runs `shop/__init__.py`, which would import the target.
        ("total", "shop/cart.py", "top.py", {}, "a cycle"),
        ("f", "a.py", "b.py", {"a.py": "def f():\n    return __file__\n"}, "`__file__`"),
        ("f", "a.py", "b.py", {"a.py": "__all__ = ['f']\n\n\ndef f():\n    pass\n"}, "`__all__`"),
        ("f", "a.py", "b.py", {"a.py": "def f():\n    pass\n\n\nf = print(f)\n"}, "also assigned"),
        ("f", "a.py", "b.py", {"a.py": "def f():\n    from . import c\n"}, "relative import"),
    ],
)
def test_unsafe_move_is_refused_with_a_reason(
    name: str, path: str, target: str, more: dict[str, str], reason: str
) -> None:
    found = moved(name, path, target, **more)
    assert isinstance(found, Refused), found
    assert reason in found.reason
