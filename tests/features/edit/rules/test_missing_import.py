"""`missing_import` finds the module of a name that the project defines once."""

from pathlib import Path

import pytest

from slm_lsp.features.edit.rules.imports import add_import
from slm_lsp.features.edit.rules.missing import missing_import
from slm_lsp.features.edit.rules.project_files import imported_from, project_layout, python_files
from slm_lsp.index.extract import extract
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import language_of

FILES = {
    "src/shop/__init__.py": "",
    "src/shop/cart.py": "class Cart:\n    def pay(self):\n        pass\n\n\ndef twice():\n    pass\n",
    "src/shop/order.py": "def twice():\n    pass\n",
    "web/cart.ts": "export class WebCart {}\nclass Hidden {}\n",
    "web/lib/index.ts": "export function helper() {}\n",
    "web/main.ts": "",
    "web/js.ts": 'import { x } from "./x.js";\n',
    "app/src/main/java/com/shop/Cart.java": "package com.shop;\n\nclass JavaCart {}\n",
    "app/src/main/java/com/web/Main.java": "package com.web;\n\nclass Main {}\n",
}


@pytest.fixture
def project() -> Project:
    return Project(None, {path: rows for path, text in FILES.items() if (rows := extract(path, text.encode()))})


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("src/shop/order.py", "Cart", ("shop.cart", "Cart")),
        ("src/shop/cart.py", "Cart", None),
        ("src/shop/__init__.py", "twice", None),
        ("src/shop/order.py", "pay", None),
        ("src/shop/order.py", "Nothing", None),
        ("src/shop/order.py", "WebCart", None),
        ("web/main.ts", "WebCart", ("./cart", "WebCart")),
        ("web/js.ts", "WebCart", ("./cart.js", "WebCart")),
        ("web/main.ts", "helper", ("./lib", "helper")),
        ("web/main.ts", "Hidden", None),
        ("app/src/main/java/com/web/Main.java", "JavaCart", ("com.shop", "JavaCart")),
    ],
)
def test_module_of_a_name_is_found_if_one_file_defines_it(
    project: Project, path: str, name: str, expected: tuple[str, str] | None
) -> None:
    language = language_of(path)
    assert language is not None
    found = missing_import(project, path, FILES[path], language, name)
    assert found == expected
    if found is not None:
        assert name in add_import(FILES[path], language, *found)


def test_ignored_files_of_a_project_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    (tmp_path / "b.py").write_text("from pkg.a import x, y\nimport pkg.a\n\nprint(pkg.a.z)\n")
    (tmp_path / "c.txt").write_text("")
    (tmp_path / ".slmignore").write_text("skipped.py\n")
    (tmp_path / "skipped.py").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.black]\nline-length = 79\n")
    files = python_files(tmp_path)
    assert files == {"b.py": (tmp_path / "b.py").read_text(), "pkg/a.py": "x = 1\n"}
    assert imported_from("pkg/a.py", files) >= {"x", "y", "z"}
    layout = project_layout(tmp_path, files)
    assert layout.own == {"pkg", "b"}
    assert layout.line_length == 79
