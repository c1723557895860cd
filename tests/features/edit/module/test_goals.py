"""Rules find the goal of an instruction, and decide whether an edit reaches the goal without changing more."""

import pytest

from slm_lsp.features.edit.module.execute import with_goal
from slm_lsp.features.edit.module.goals import Goal, check_goal, goal_of
from slm_lsp.features.edit.module.members import find_member
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.languages.registry import languages


@pytest.mark.parametrize(
    ("instruction", "goal"),
    [
        ("Add type hints", "types"),
        ("add type annotations to all functions that lack them", "types"),
        ("annotate the parameters and return values", "types"),
        ("Add missing docstrings.", "documentation"),
        ("add a short docstring in Google style to every public function", "documentation"),
        ("document all methods", "documentation"),
        ("Add doc comments to the class and its methods", "documentation"),
        ("split long functions", "shorter"),
        ("Break up long methods into smaller ones", "shorter"),
        ("add type hints and simplify", "other"),
        ("remove all docstrings", "other"),
        ("translate the docstrings", "other"),
        ("split the class into two types", "other"),
        ("use pathlib", "other"),
        ("document", "documentation"),
        ("", "other"),
    ],
)
def test_goal_is_known_only_if_the_instruction_wants_nothing_else(instruction: str, goal: str) -> None:
    assert goal_of(instruction, languages()["python"]) == goal


def test_types_are_not_a_goal_in_languages_that_require_them() -> None:
    assert goal_of("add type hints", languages()["java"]) == "other"


PLAIN = "def f(a, *rest, b=1):\n    # Add.\n    c = a + b\n    return c\n"
TYPED = "def f(a: int, *rest: int, b: int = 1) -> int:\n    # Add.\n    c: int = a + b\n    return c\n"
DOCUMENTED = 'def f(a, *rest, b=1):\n    """Add."""\n    # Add.\n    c = a + b\n    return c\n'
SCRIPT = "export function f(a, b) {\n  // Add.\n  return a + b;\n}\n"
SCRIPT_TYPED = "export function f(a: number, b: number): number {\n  // Add.\n  return a + b;\n}\n"
SCRIPT_DOCUMENTED = f"/** Adds. */\n{SCRIPT}"
LONG = "def f():\n" + "    work()\n" * 50
EXAMPLE = DOCUMENTED.replace("Add.", "Add.\n\n    >>> f(1)\n    3\n    ", 1)
FIELD = "class A:\n    x = 1\n    def f(self, a):\n        return a\n"


@pytest.mark.parametrize(
    ("language", "instruction", "old", "new", "result", "evidence"),
    [
        ("python", "add type hints", PLAIN, TYPED, "passed", "types added"),
        ("python", "add type hints", PLAIN, TYPED.replace("rest: int", "rest"), "failed", "still lacks types"),
        ("python", "add type hints", PLAIN, TYPED.replace(" -> int", ""), "failed", "still lacks types"),
        ("python", "add type hints", PLAIN, TYPED.replace("b: int = 1", "b: int = 2"), "failed", "changes code"),
        ("python", "add type hints", PLAIN, TYPED.replace("    # Add.\n", ""), "failed", "the comment `# Add.`"),
        ("python", "add type hints", PLAIN, TYPED.replace("def f", "def g"), "failed", "no longer defined"),
        ("python", "add docstrings", PLAIN, DOCUMENTED, "passed", "documentation added"),
        ("python", "add docstrings", PLAIN, PLAIN.replace("# Add.", "# Adds."), "failed", "still lacks documentation"),
        ("python", "add docstrings", PLAIN, DOCUMENTED.replace("Add.", "", 1), "failed", "still lacks documentation"),
        ("python", "add docstrings", PLAIN, DOCUMENTED.replace("a + b", "b + a"), "failed", "changes code"),
        ("python", "add docstrings", PLAIN, DOCUMENTED.replace("    # Add.\n", ""), "failed", "removes the comment"),
        ("python", "add docstrings", PLAIN, EXAMPLE, "failed", "an example"),
        ("typescript", "add types", SCRIPT, SCRIPT_TYPED, "passed", "types added"),
        ("typescript", "add types", SCRIPT, SCRIPT_TYPED.replace("a + b", "b + a"), "failed", "changes code"),
        ("typescript", "add docs", SCRIPT, SCRIPT_DOCUMENTED, "passed", "documentation added"),
        ("javascript", "add jsdoc", SCRIPT, SCRIPT_DOCUMENTED, "passed", "documentation added"),
        ("javascript", "add jsdoc", SCRIPT, SCRIPT_DOCUMENTED.replace("a + b", "a - b"), "failed", "changes code"),
        ("python", "split long functions", LONG, LONG.replace("    work()\n", "", 30), "passed", "21 lines, 51 before"),
        ("python", "split long functions", LONG, LONG + "    work()\n", "failed", "52 lines, 51 before"),
    ],
)  # fmt: skip
def test_goal_check_passes_only_if_the_goal_is_reached_without_other_changes(
    language: str, instruction: str, old: str, new: str, result: str, evidence: str
) -> None:
    known = languages()[language]
    member = find_member(old, known, "f")
    assert member is not None
    check = check_goal(goal_of(instruction, known), member, known, old, new)
    assert check is not None
    assert (check.check, check.result) == ("goal", result)
    assert evidence in check.evidence


def test_annotation_of_a_class_variable_is_a_change_of_code() -> None:
    python = languages()["python"]
    member = find_member(FIELD, python, "A.f")
    assert member is not None
    new = FIELD.replace("(self, a)", "(self, a: int) -> int")
    passed = check_goal("types", member, python, FIELD, new)
    failed = check_goal("types", member, python, FIELD, new.replace("x = 1", "x: int = 1"))
    assert passed is not None
    assert failed is not None
    assert (passed.result, failed.result) == ("passed", "failed")


def test_existing_docstrings_must_stay() -> None:
    python = languages()["python"]
    old = 'class A:\n    def f(self):\n        """Old."""\n'
    member = find_member(old, python, "A")
    assert member is not None
    kept = check_goal("documentation", member, python, old, old.replace("A:\n", 'A:\n    """New."""\n'))
    lost = check_goal(
        "documentation", member, python, old, 'class A:\n    """New."""\n    def f(self):\n        pass\n'
    )
    assert kept is not None
    assert lost is not None
    assert (kept.result, lost.result) == ("passed", "failed")
    assert "docstring `Old.`" in lost.evidence


def test_instruction_without_a_known_goal_is_not_checked() -> None:
    python = languages()["python"]
    member = find_member(PLAIN, python, "f")
    assert member is not None
    assert check_goal("other", member, python, PLAIN, PLAIN) is None


def test_file_that_python_cannot_parse_is_not_compared() -> None:
    python = languages()["python"]
    old = "def f():\n    print 1\n"
    member = find_member(old, python, "f")
    assert member is not None
    check = check_goal("documentation", member, python, old, 'def f():\n    """Print."""\n    print 1\n')
    assert check is not None
    assert check.result == "not available"


@pytest.mark.parametrize(("goal", "result"), [("types", "passed"), ("shorter", "failed")])
def test_signature_check_ignores_callers_in_other_files_only_if_the_goal_is_types(goal: Goal, result: str) -> None:
    verdict = Verdict((Check("names", "passed"), Check("signature", "failed", "`f` has changed and is used in b.py:1")))
    after = with_goal(verdict, goal, Check("goal", "passed"))
    assert [(each.check, each.result) for each in after.checks] == [
        ("names", "passed"),
        ("signature", result),
        ("goal", "passed"),
    ]


def test_signature_check_that_did_not_run_does_not_count_as_passed() -> None:
    verdict = Verdict((Check("signature", "not available", "no index"),))
    assert not with_goal(verdict, "types", Check("goal", "passed")).passed("signature")
