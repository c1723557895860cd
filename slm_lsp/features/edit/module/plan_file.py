"""Plan files: a plan as TOML text that the user can edit before it runs."""

import json
import tomllib

import msgspec

from slm_lsp.errors import UsageError
from slm_lsp.features.edit.module.plan import Plan, Step

FORMAT = 1
"""Version of the format of plan files."""


class _StepEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbol: str
    instruction: str | None = None


class _PlanFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    sha256: str
    instruction: str
    step: tuple[_StepEntry, ...] = ()


def plan_text(plan: Plan) -> str:
    """Return a plan as a TOML file that users can edit."""
    head = [
        "# Plan of a refactoring by slm-lsp. You can remove steps, change their order, and change their instructions.",
        "# Run it: slm-lsp refactor FILE --run PLAN.toml",
        *(f"# {each}" for each in plan.notes),
        "",
        f"format = {FORMAT}",
        f"sha256 = {_quoted(plan.digest)}  # the plan is valid only for this version of the file",
        f"instruction = {_quoted(plan.instruction)}",
    ]
    for each in plan.steps:
        lines = f"line {each.first}" if each.first == each.last else f"lines {each.first}-{each.last}"
        head += [
            "",
            "[[step]]",
            f"symbol = {_quoted(each.symbol)}  # {each.extent}, {lines}",
            f"instruction = {_quoted(each.instruction)}",
        ]
    return "\n".join(head) + "\n"


def read_plan(text: str, name: str) -> Plan:
    """Return the plan in a TOML file. A step without an instruction has the instruction of the plan.

    Args:
        text: the file.
        name: path of the file, for error messages.

    Raises:
        UsageError: the text is not a plan.
    """
    try:
        found = msgspec.convert(tomllib.loads(text), _PlanFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        why = str(error).rstrip(".")
        raise UsageError(f"{name} is not a plan of a refactoring: {why}.", "Make one with --plan -o FILE.") from error
    if found.format != FORMAT:
        raise UsageError(f"{name} has format {found.format}, but this slm-lsp reads format {FORMAT}.")
    steps = (
        Step(each.symbol, found.instruction if each.instruction is None else each.instruction) for each in found.step
    )
    return Plan(found.sha256, found.instruction, tuple(steps))


def _quoted(text: str) -> str:
    """Return a TOML string. JSON's escapes are valid in TOML; only the character DEL needs one more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
