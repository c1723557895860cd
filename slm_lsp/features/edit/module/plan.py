"""The plan of a refactoring: which members of a module are rewritten, in which order, with which instruction."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slm_lsp.errors import StaleEditError, UsageError
from slm_lsp.features.edit.module.goals import LONG_LINES, goal_of, needs
from slm_lsp.features.edit.module.members import Member, members_of
from slm_lsp.languages.registry import Language

CLASS_LINES = 40
"""A class with at most this many lines is rewritten in one step. Small models lose parts of longer texts."""

MISSING = {
    "types": "No function lacks types.",
    "documentation": "Every function and class is documented.",
    "shorter": f"No function has more than {LONG_LINES} lines.",
    "other": "The file has no function and no class that can be rewritten.",
}
"""Why a plan has no steps, by the goal of its instruction."""


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of a plan."""

    symbol: str
    """The member to rewrite (`Member.symbol`)."""
    instruction: str
    extent: str = "function"
    """`function` or `class`."""
    first: int = 0
    """Number of the member's first line when the plan was made, counted from 1."""
    last: int = 0
    """Number of the member's last line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in the order in which they run. They are made for one version of a file."""

    digest: str
    """SHA-256 of the file's text (`digest_of`)."""
    instruction: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    """Sentences about members that are not in the plan, with the reason."""

    @property
    def key(self) -> str:
        """A digest of everything in the plan that affects the result of a run."""
        steps = [[each.symbol, each.instruction] for each in self.steps]
        return hashlib.sha256(json.dumps([self.digest, steps]).encode()).hexdigest()


def digest_of(text: str) -> str:
    """Return the digest by which a plan recognizes the version of a file."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def plannable(language: Language | None) -> Language:
    """Return a language in which slm-lsp finds functions and classes.

    Raises:
        UsageError: slm-lsp cannot find functions and classes in this language.
    """
    if language is None or language.level == "chunks":
        raise UsageError(
            "A plan needs the functions and classes of a file, and slm-lsp cannot find them in this language.",
            "Refactor one part of the file: slm-lsp refactor FILE:A-B -i TEXT.",
        )
    return language


def plan_module(text: str, language: Language, instruction: str) -> Plan:
    """Return the plan that the rules derive from a module and an instruction.

    If the rules know the goal of the instruction, only members that have not reached it are in the plan. Otherwise all
    functions and methods are in the plan, and a small class is one step. Called functions come before their callers,
    because the edit of a function can use the new versions of the functions that it calls.

    Args:
        text: the whole file.
        language: language of the file (`plannable`).
        instruction: what to change.

    Raises:
        UsageError: the instruction is empty.
        ParseTimeoutError: parsing the file takes too long.
    """
    if not instruction.strip():
        raise UsageError("The instruction is empty.", "Say what to change, for example -i 'add type hints'.")
    members = members_of(text, language)
    goal = goal_of(instruction, language)
    notes: list[str] = []
    if goal == "other":
        chosen = _grouped(members)
    else:
        wanted = [each for each in members if needs(goal, each, language)]
        chosen = [each for each in wanted if not each.is_class or each.lines <= CLASS_LINES]
        notes += [_left_out(each) for each in wanted if each.is_class and each.lines > CLASS_LINES]
    # For documentation, the order of the text puts a class before its methods.
    ordered = chosen if goal == "documentation" else _callees_first(chosen, members)
    steps = tuple(_step(each, instruction.strip()) for each in ordered)
    return Plan(digest_of(text), instruction.strip(), steps, tuple(notes) if steps or notes else (MISSING[goal],))


def check_plan(plan: Plan, text: str, language: Language) -> Plan:
    """Return the plan with the current place of each member.

    Raises:
        StaleEditError: the file has changed since the plan was made.
        UsageError: the plan has no steps, names a member that the file does not have, or has an empty instruction.
    """
    if plan.digest != digest_of(text):
        raise StaleEditError(
            "The file has changed since the plan was made.", "Make a new plan: slm-lsp refactor FILE -i TEXT --plan."
        )
    if not plan.steps:
        raise UsageError("The plan has no steps.")
    members = {each.symbol: each for each in members_of(text, language)}
    placed = []
    for number, each in enumerate(plan.steps, 1):
        if not each.instruction.strip():
            raise UsageError(f"Step {number} of the plan (`{each.symbol}`) has an empty instruction.")
        if each.symbol not in members:
            close = [symbol for symbol in members if symbol.rpartition(".")[2] == each.symbol.rpartition(".")[2]]
            hint = f"Did you mean `{close[0]}`?" if close else "Use the names that `--plan` prints."
            raise UsageError(f"The file has no function or class `{each.symbol}` (step {number} of the plan).", hint)
        placed.append(_step(members[each.symbol], each.instruction))
    return replace(plan, steps=tuple(placed))


def _step(member: Member, instruction: str) -> Step:
    extent = "class" if member.is_class else "function"
    return Step(member.symbol, instruction, extent, member.first, member.last)


def _left_out(member: Member) -> str:
    return (
        f"The class `{member.symbol}` is not in the plan: it has {member.lines} lines, and classes of more than "
        f"{CLASS_LINES} lines are not rewritten as a whole. Its methods are separate steps."
    )


def _grouped(members: Sequence[Member]) -> list[Member]:
    """Return small classes as a whole, and the functions and methods outside of them."""
    small = [each for each in members if each.is_class and each.lines <= CLASS_LINES]
    outermost = [each for each in small if not any(other.contains(each) for other in small)]
    functions = [each for each in members if not each.is_class]
    alone = [each for each in functions if not any(other.contains(each) for other in outermost)]
    return sorted([*outermost, *alone], key=lambda each: each.unit.start)


def _callees_first(chosen: Sequence[Member], members: Sequence[Member]) -> list[Member]:
    """Return the chosen members in text order, except that called members come before their callers.

    In a cycle of calls, the member that comes first in the text is last.
    """
    by_name: dict[str, list[Member]] = {}
    for each in chosen:
        for inner in (each, *(other for other in members if each.contains(other))):
            by_name.setdefault(inner.definition.name, []).append(each)
    ordered: list[Member] = []
    seen: set[str] = set()
    # Iterative depth-first search, because chains of calls may be longer than Python's recursion limit.
    for root in chosen:
        pending = [(root, False)]
        while pending:
            member, expanded = pending.pop()
            if expanded:
                ordered.append(member)
            elif member.symbol not in seen:
                seen.add(member.symbol)
                pending.append((member, True))
                called = [each for name in member.calls for each in _called(member, by_name.get(name, []))]
                pending += [(each, False) for each in sorted(called, key=lambda each: -each.unit.start)]
    return ordered


def _called(caller: Member, found: Sequence[Member]) -> Sequence[Member]:
    """Return the members with a called name that are in the caller's class, or all of them if the class has none."""
    own = [each for each in found if each.definition.parent == caller.definition.parent]
    return own or found
