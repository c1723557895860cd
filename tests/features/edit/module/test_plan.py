"""`plan_module` derives the steps of a refactoring from the module and the instruction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.errors import StaleEditError, UsageError
from slm_lsp.features.edit.module.plan import (
    CLASS_LINES,
    MISSING,
    Plan,
    Step,
    check_plan,
    plan_module,
    plannable,
)
from slm_lsp.features.edit.module.plan_file import plan_text, read_plan
from slm_lsp.languages.registry import Language, languages

PYTHON = languages()["python"]

SHOP = '''"""A shop."""


def main(paths):
    for each in load(paths):
        print(each.total())


def load(paths) -> list["Order"]:
    """Load orders."""
    return [Order(parse(each)) for each in paths]


def parse(path: str) -> list[int]:
    def clean(line):
        return int(line)

    return [clean(each) for each in open(path)]


class Order:
    """One order."""

    def __init__(self, prices: list[int]):
        self.prices = prices

    def total(self):
        return sum(self.prices)
'''

TYPESCRIPT = """/** The sum. */
export function add(a: number, b: number): number {
  return a + b;
}

export const twice = (a) => add(a, a);

class Cart {
  items: number[] = [];
  push(item: number) {
    this.items.push(item);
  }
}
"""


@pytest.mark.parametrize(
    ("language", "text", "instruction", "symbols"),
    [
        ("python", SHOP, "Add type hints", ["load", "Order.total", "main"]),
        ("python", SHOP, "add docstrings", ["main", "parse", "Order.__init__", "Order.total"]),
        ("python", SHOP, "rename variables to be clear", ["parse", "Order", "load", "main"]),
        ("python", SHOP, "split long functions", []),
        ("typescript", TYPESCRIPT, "add missing type annotations", ["twice", "Cart.push"]),
        ("typescript", TYPESCRIPT, "document all functions", ["twice", "Cart", "Cart.push"]),
        ("typescript", TYPESCRIPT, "simplify", ["add", "twice", "Cart"]),
    ],
)  # fmt: skip
def test_steps_follow_from_module_and_instruction(
    language: str, text: str, instruction: str, symbols: list[str]
) -> None:
    plan = plan_module(text, languages()[language], instruction)
    assert [each.symbol for each in plan.steps] == symbols
    assert all(each.instruction == instruction for each in plan.steps)
    assert plan.notes == (() if symbols else (MISSING["shorter"],))


def test_steps_name_the_lines_of_their_member() -> None:
    steps = {each.symbol: each for each in plan_module(SHOP, PYTHON, "simplify").steps}
    lines = SHOP.splitlines()
    assert lines[steps["parse"].first - 1] == "def parse(path: str) -> list[int]:"
    assert lines[steps["parse"].last - 1] == "    return [clean(each) for each in open(path)]"
    assert (steps["parse"].extent, steps["Order"].extent) == ("function", "class")


def long_class(lines: int) -> str:
    body = "".join(f"        a{number} = {number}\n" for number in range(lines - 2))
    return f"class Big:\n    def work(self):\n{body}"


@pytest.mark.parametrize(("lines", "symbols"), [(CLASS_LINES, ["Big"]), (CLASS_LINES + 1, ["Big.work"])])
def test_only_small_classes_are_one_step(lines: int, symbols: list[str]) -> None:
    assert [each.symbol for each in plan_module(long_class(lines), PYTHON, "simplify").steps] == symbols


def test_large_class_that_needs_documentation_is_noted_and_not_planned() -> None:
    plan = plan_module(long_class(CLASS_LINES + 1), PYTHON, "add docstrings")
    assert [each.symbol for each in plan.steps] == ["Big.work"]
    assert len(plan.notes) == 1
    assert "`Big`" in plan.notes[0]


def test_long_functions_are_split() -> None:
    assert [each.symbol for each in plan_module(long_class(90), PYTHON, "split long methods").steps] == ["Big.work"]


def test_definitions_of_the_same_name_are_numbered() -> None:
    text = "def f():\n    return 1\n\n\ndef f():\n    return 2\n"
    assert [(each.symbol, each.first) for each in plan_module(text, PYTHON, "simplify").steps] == [("f", 1), ("f#2", 5)]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8))
def test_callees_come_before_their_callers(calls: list[set[int]]) -> None:
    # Function i calls only functions with a larger number, so there is no cycle.
    edges = {number: {each for each in called if number < each < len(calls)} for number, called in enumerate(calls)}
    text = "\n\n".join(
        f"def f{number}():\n" + "".join(f"    f{each}()\n" for each in sorted(called)) + "    return 0\n"
        for number, called in edges.items()
    )
    order = [int(each.symbol[1:]) for each in plan_module(text, PYTHON, "simplify").steps]
    assert sorted(order) == list(range(len(calls)))
    assert all(order.index(each) < order.index(caller) for caller, called in edges.items() for each in called)


def test_functions_that_call_each_other_are_planned_once() -> None:
    text = "def a():\n    return b()\n\n\ndef b():\n    return a()\n"
    assert [each.symbol for each in plan_module(text, PYTHON, "simplify").steps] == ["b", "a"]


NO_DEFINITIONS = next(each for each in languages().values() if each.level == "chunks")


@pytest.mark.parametrize("language", [None, NO_DEFINITIONS], ids=["unknown", NO_DEFINITIONS.name])
def test_language_without_definitions_is_refused(language: Language | None) -> None:
    with pytest.raises(UsageError, match="functions and classes"):
        plannable(language)


def test_empty_instruction_is_refused() -> None:
    with pytest.raises(UsageError, match="instruction is empty"):
        plan_module(SHOP, PYTHON, " ")


@given(st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_plan_file_contains_the_whole_plan(instruction: str, steps: list[tuple[str, str]]) -> None:
    plan = Plan("0" * 64, instruction, tuple(Step(symbol, text) for symbol, text in steps))
    assert read_plan(plan_text(plan), "PLAN.toml") == plan


def test_step_without_an_instruction_has_the_instruction_of_the_plan() -> None:
    text = 'format = 1\nsha256 = "0"\ninstruction = "simplify"\n\n[[step]]\nsymbol = "f"\n'
    assert read_plan(text, "PLAN.toml").steps == (Step("f", "simplify"),)


def test_edited_plan_runs_in_its_new_order() -> None:
    written = plan_text(plan_module(SHOP, PYTHON, "simplify"))
    head, *steps = written.split("\n[[step]]\n")
    edited = "\n[[step]]\n".join([head, steps[3], steps[0]]).replace('"simplify"', '"use pathlib"')
    plan = check_plan(read_plan(edited, "PLAN.toml"), SHOP, PYTHON)
    assert [(each.symbol, each.instruction) for each in plan.steps] == [
        ("main", "use pathlib"),
        ("parse", "use pathlib"),
    ]
    assert plan.steps[0].first == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = ", "not a plan"),
        ('format = 1\nsha256 = "0"\n', "not a plan.*instruction"),
        ('format = 1\nsha256 = "0"\ninstruction = "a"\nstep = 3\n', "not a plan"),
        ('format = 1\nsha256 = "0"\ninstruction = "a"\n[[step]]\nsymbol = "f"\nshell = "ls"\n', "not a plan.*shell"),
        ('format = 2\nsha256 = "0"\ninstruction = "a"\n', "format 2"),
    ],
)
def test_file_that_is_not_a_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_plan(text, "PLAN.toml")


def test_plan_for_another_version_of_the_file_is_refused() -> None:
    with pytest.raises(StaleEditError, match="changed since the plan was made"):
        check_plan(plan_module(SHOP, PYTHON, "simplify"), SHOP + "\n", PYTHON)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Step("lod", "simplify"), "no function or class `lod`"),
        (Step("Cart.total", "simplify"), "Did you mean `Order.total`"),
        (Step("load", "  "), "empty instruction"),
        (None, "no steps"),
    ],
)
def test_plan_that_does_not_fit_the_file_is_refused(step: Step | None, message: str) -> None:
    made = plan_module(SHOP, PYTHON, "simplify")
    plan = Plan(made.digest, made.instruction, () if step is None else (made.steps[0], step))
    with pytest.raises(UsageError, match=message):
        check_plan(plan, SHOP, PYTHON)


def test_key_depends_on_the_order_and_the_instructions_of_the_steps() -> None:
    plan = plan_module(SHOP, PYTHON, "simplify")
    others = [
        Plan(plan.digest, plan.instruction, plan.steps[::-1]),
        Plan(plan.digest, plan.instruction, plan.steps[1:]),
        plan_module(SHOP, PYTHON, "use pathlib"),
        plan_module(SHOP + "\n", PYTHON, "simplify"),
    ]
    assert len({plan.key, *(each.key for each in others)}) == 5
