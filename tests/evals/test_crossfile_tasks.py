"""Tasks of `eval crossfile`: they use only names that imports lead to, and they are reproducible."""

from pathlib import Path

import pytest

from slm_lsp.evals.crossfile_names import Code, Imported, dotted
from slm_lsp.evals.crossfile_tasks import Task, choose, occurrences, tasks_of, usable
from slm_lsp.evals.crossfile_uses import Use, uses
from slm_lsp.evals.packages import Project
from tests.evals import shop

MADE = Project("shop", Path(), shop.FILES)


@pytest.fixture(scope="module")
def code() -> Code:
    return Code(shop.FILES)


def found(code: Code) -> list[tuple[str, str, str]]:
    """Return the text after the cursor, the name and the defining file for each use in `shop/cart.py`."""
    module = code.module("shop/cart.py")
    assert module
    return [(module.lines.line(use.line - 1)[use.start :], use.name, use.defined_in) for use in uses(code, module)]


def test_uses_are_names_of_other_files_in_statements_that_are_alone_on_a_line(code: Code) -> None:
    assert found(code) == [
        ("Price(LOWEST_PRICE)", "Price", "shop/money.py"),
        ("LOWEST_PRICE)", "LOWEST_PRICE", "shop/money.py"),
        ("price.amount_in_cents * count", "amount_in_cents", "shop/money.py"),
        ("self.store_for_good(amount, text)", "store_for_good", "shop/base.py"),
        ("reduced(amount, coins.whole_percent(count))", "reduced", "shop/sales.py"),
        ("coins.whole_percent(count))", "whole_percent", "shop/money.py"),
    ]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (Imported("shop", "Cart"), "shop/cart.py"),
        (Imported("shop", "reduced_again"), "shop/money.py"),
        (Imported("shop", "money"), "shop/money.py"),
        (Imported("shop.prices", "reduced"), "shop/sales.py"),
        (Imported("shop.money", None), "shop/money.py"),
        (Imported("shop.money", "nothing"), None),
        (Imported("elsewhere", "Cart"), None),
        (Imported("shop.broken", "anything"), None),
    ],
)
def test_import_is_resolved_to_the_definition(code: Code, wanted: Imported, path: str | None) -> None:
    definition = code.find(wanted)
    assert (definition and definition.path) == path


def test_cyclic_imports_and_bases_are_handled() -> None:
    turning = Code(
        {
            "a/one.py": "from .two import thing, Base\nclass Turn(Base):\n    pass\n",
            "a/two.py": "from .one import thing, Turn\nclass Base(Turn):\n    pass\n",
        }
    )
    assert turning.find(Imported("a.one", "thing")) is None
    owner = turning.find(Imported("a.one", "Turn"))
    assert owner
    assert turning.member(owner, "nothing") is None


def test_dotted_name_of_a_file_follows_from_its_path() -> None:
    assert (dotted("shop/money.py"), dotted("shop/__init__.py")) == ("shop.money", "shop")


def test_occurrences_of_a_name_in_the_file_are_ranked(code: Code) -> None:
    module = code.module("shop/cart.py")
    assert module
    by_name = {use.name: use for use in uses(code, module)}
    assert occurrences(module, by_name["reduced"]) == occurrences(module, by_name["store_for_good"]) == 0
    first = next(use for use in uses(code, module) if use.name == "LOWEST_PRICE")
    assert occurrences(module, first) == 1
    assert occurrences(module, Use(1000, 0, 0, "rounded", "shop/money.py")) == 2


def test_task_removes_the_rest_of_the_line_from_the_file() -> None:
    for seed in range(8):
        for task in tasks_of(MADE, 10, seed):
            assert task.path == "shop/cart.py"
            assert task.name in task.wanted
            assert task.typed + task.wanted == task.text.splitlines()[task.line - 1].strip()
            cursor = task.cursor
            assert cursor.text[: task.offset] + task.wanted + cursor.text[task.offset :] == task.text
            assert cursor.text[task.offset] == "\n"


def test_cursor_is_after_typed_text_and_before_the_expression() -> None:
    typed = {task.typed for seed in range(8) for task in tasks_of(MADE, 10, seed)}
    assert "return " in typed
    assert typed <= {"return ", "return reduced(amount, ", "amount = ", "self.price = price or "}


def test_file_has_at_most_two_tasks_with_names_that_occur_nowhere_else() -> None:
    tasks = tasks_of(MADE, 10, seed=1)
    assert len(tasks) == 2
    assert len({task.name for task in tasks}) == 2
    assert {task.name for task in tasks} <= {"reduced", "whole_percent", "store_for_good", "amount_in_cents"}


def test_opened_files_are_imported_files_and_siblings() -> None:
    task = tasks_of(MADE, 1, seed=1)[0]
    assert {"shop/money.py", "shop/base.py", "shop/sales.py"} <= set(task.opened)
    assert set(task.opened) <= {path for path in shop.FILES if path.startswith("shop/")} - {"shop/cart.py"}


def test_choice_is_reproducible_and_evenly_distributed_over_projects() -> None:
    projects = [Project(name, Path(), shop.FILES) for name in ("one", "two", "three")]
    chosen = choose(projects, 6, seed=1)
    assert chosen == choose(projects, 6, seed=1)
    assert chosen != choose(projects, 6, seed=2)
    assert sorted(task.package for task in chosen) == ["one", "one", "three", "three", "two", "two"]
    assert {task.package for task in chosen[:3]} == {"one", "two", "three"}
    assert len(choose(projects, 100, seed=1)) == 6
    assert choose([], 100, seed=1) == []


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("shop/cart.py", "x = 1\n" * 40, True),
        ("shop/cart.py", "x = 1\n" * 39, False),
        ("shop/cart.py", "x = 1\n" * 801, False),
        ("shop/cart.py", "# Generated by a tool. DO NOT EDIT!\n" + "x = 1\n" * 40, False),
        ("shop/cart_pb2.py", "x = 1\n" * 40, False),
        ("shop/latest.py", "x = 1\n" * 40, True),
        ("tests/cart.py", "x = 1\n" * 40, False),
        ("shop/test_cart.py", "x = 1\n" * 40, False),
        ("shop/conftest.py", "x = 1\n" * 40, False),
    ],
)
def test_tests_and_generated_files_are_not_used(path: str, text: str, expected: bool) -> None:
    assert usable(path, text) is expected


def test_windows_line_break_stays_after_the_cursor() -> None:
    task = Task("p", "a.py", "def f():\r\n    return rounded(1)\r\n", 14, "return rounded(1)", "rounded", "b.py", ())
    assert task.cursor.text == "def f():\r\n    \r\n"
    assert (task.line, task.typed) == (2, "")
