"""Printed paths are matched to files of the project."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.fix.locate import Place, is_test, located, place_to_fix, project_path
from slm_lsp.features.fix.trace import Frame
from slm_lsp.index.resolve import ProjectFiles

PATHS = (
    "main.py",
    "backend/shop/cart.py",
    "backend/shop/__init__.py",
    "backend/stock/cart.py",
    "backend/tests/test_cart.py",
    "src/main/java/com/acme/Cart.java",
    "src/main/java/com/acme/List.java",
    "web/index.js",
    ".env/config.py",
    "deploy/secrets.py",
)
FILES = ProjectFiles.of(PATHS)
ROOT = "/home/ann/proj"
NEAR = "main.py"


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ("backend/shop/cart.py", "backend/shop/cart.py"),
        ("./backend/shop/cart.py", "backend/shop/cart.py"),
        ("/home/ann/proj/backend/shop/cart.py", "backend/shop/cart.py"),
        # Run in a subfolder
        ("shop/cart.py", "backend/shop/cart.py"),
        ("../shop/cart.py", "backend/shop/cart.py"),
        # From another machine, in a folder with another name
        ("/builds/ci/42/proj/backend/shop/cart.py", "backend/shop/cart.py"),
        (r"C:\work\proj\backend\shop\cart.py", "backend/shop/cart.py"),
        ("/app/shop/cart.py", "backend/shop/cart.py"),
        ("file:///app/web/index.js", "web/index.js"),
        # A Java class
        ("com/acme/Cart.java", "src/main/java/com/acme/Cart.java"),
        ("/elsewhere/main.py", "main.py"),
        # Not in the project, although a file has the same name
        ("/home/ann/proj/.venv/lib/python3.12/site-packages/shop/cart.py", None),
        ("/home/ann/proj/node_modules/web/index.js", None),
        ("/usr/lib/python3.12/shop/cart.py", None),
        ("/usr/local/go/src/shop/cart.py", None),
        ("java/util/List.java", None),
        ("/home/ann/proj/generated/cart.py", None),
        ("<string>", None),
        ("/app/other/index.js", None),
        # Two files fit
        ("cart.py", None),
        # Secret files
        ("deploy/secrets.py", None),
        ("/app/deploy/secrets.py", None),
        (".env/config.py", None),
        ("../../etc/passwd", None),
    ],
)
def test_printed_path_is_matched_to_at_most_one_file(printed: str, found: str | None) -> None:
    assert project_path(printed, ROOT, FILES, NEAR) == found


def test_file_that_the_user_named_is_preferred_if_two_files_fit() -> None:
    assert project_path("cart.py", ROOT, FILES, "backend/stock/cart.py") == "backend/stock/cart.py"


@given(st.text(alphabet="ab/.\\:~ ", max_size=30))
def test_no_printed_path_leads_out_of_the_project(printed: str) -> None:
    files = ProjectFiles.of(["a/b.a", "a.b", "b/a/a.b"])
    found = project_path(printed, "/a", files, "a.b")
    assert found is None or found in files


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_cart.py", True),
        ("test_cart.py", True),
        ("shop/cart_test.go", True),
        ("src/cart.spec.ts", True),
        ("src/test/java/com/acme/CartTest.java", True),
        ("conftest.py", True),
        ("shop/cart.py", False),
        ("shop/contest.py", False),
        ("src/main.rs", False),
        ("lib/latest.js", False),
    ],
)
def test_files_with_tests_are_recognized(path: str, expected: bool) -> None:
    assert is_test(path) is expected


TRACE = (
    Place("backend/shop/cart.py", 4, "total", "TypeError: x"),
    Place("main.py", 9, "run", "TypeError: x"),
    Place("backend/tests/test_cart.py", 12, "test_total", "TypeError: x"),
)


@pytest.mark.parametrize(
    ("path", "elsewhere", "line"),
    [
        ("backend/shop/cart.py", True, 4),
        ("main.py", True, 9),
        # The error comes from code that the test calls.
        ("backend/tests/test_cart.py", True, 4),
        ("backend/tests/test_cart.py", False, 12),
        ("web/index.js", True, None),
    ],
)
def test_innermost_place_of_the_named_file_is_fixed(path: str, elsewhere: bool, line: int | None) -> None:
    place = place_to_fix(TRACE, path, elsewhere=elsewhere)
    assert (None if place is None else place.line) == line


def test_frames_outside_the_project_are_left_out() -> None:
    found = located([Frame("/usr/lib/python3.12/json/decoder.py", 3), Frame("main.py", 2, "run")], ROOT, FILES, NEAR)
    assert found == (Place("main.py", 2, "run", ""),)
