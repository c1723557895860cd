"""`slm-lsp refactor FILE --plan | --run PLAN | --module`: refactors a whole module, one function or class at a time."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.cli.edits import EditTarget
    from slm_lsp.features.edit.module.plan import Plan

EXIT_NO_STEPS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for whole modules to the command `refactor`."""
    group = parser.add_argument_group("whole modules")
    modes = group.add_mutually_exclusive_group()
    modes.add_argument("--plan", action="store_true", help="print the plan for the whole file; edit it, then --run it")
    modes.add_argument("--run", dest="plan_file", metavar="PLAN", help="run a plan that --plan has printed")
    modes.add_argument("--module", action="store_true", help="make a plan for the whole file, and run it")
    group.add_argument("-o", "--output", metavar="FILE", help="with --plan: write the plan to a new file")
    group.add_argument(
        "--restart", action="store_true", help="run all steps again, also those that an earlier run has finished"
    )


def is_wanted(args: argparse.Namespace) -> bool:
    """Return whether the options ask for a whole module.

    Raises:
        UsageError: the options contradict each other.
    """
    if args.plan_file is not None and args.instruction is not None:
        raise UsageError("The plan contains the instructions, so -i is not allowed with --run.", "Edit the plan.")
    if (args.plan or args.module) and args.instruction is None:
        raise UsageError("No instruction is given.", "Say what to change, for example -i 'add type hints'.")
    if args.output is not None and not args.plan:
        raise UsageError("-o needs --plan.", "Without --plan, use --write to change the file.")
    if args.plan and args.write:
        raise UsageError("--plan changes no file.", "Use --module --write, or --run the plan with --write.")
    wanted = bool(args.plan or args.module or args.plan_file is not None)
    if args.restart and (args.plan or not wanted):
        raise UsageError("--restart needs --module or --run.")
    return wanted


def run(args: argparse.Namespace) -> int:
    """Print a plan or run it. Exit code: 0 all steps done, 1 no step done, 3 some steps not done."""
    from slm_lsp.cli.refactor_run import Module, run_module
    from slm_lsp.config import load_settings
    from slm_lsp.features.edit.module.plan import check_plan, plan_module, plannable
    from slm_lsp.languages.registry import language_of

    target = _whole_file(args)
    language = plannable(language_of(target.path, target.file.text.partition("\n")[0]))
    if args.plan_file is not None:
        plan = check_plan(_read_plan(Path(args.plan_file)), target.file.text, language)
    else:
        plan = plan_module(target.file.text, language, args.instruction)
    for each in plan.notes:
        note(args, each)
    if args.plan:
        return _print_plan(args, target, plan)
    if args.write and not os.access(target.file.path, os.W_OK):
        raise UsageError(f"{target.file.path} is read-only.", "Change its permissions, or run without --write.")
    settings = load_settings(target.workspace)
    for problem in settings.problems:
        note(args, problem)
    if args.model:
        settings = replace(settings, model=args.model)
    return run_module(args, Module(target, language, plan, settings))


def _whole_file(args: argparse.Namespace) -> "EditTarget":
    from slm_lsp.cli.edits import read_edit_target

    target = read_edit_target(args.file, args.workspace)
    if target.selection != (0, len(target.file.text)):
        raise UsageError("A plan is for a whole file, so lines are not allowed.", f"Use {target.file.path}.")
    return target


def _read_plan(path: Path) -> "Plan":
    from slm_lsp.features.edit.files import read_version
    from slm_lsp.features.edit.module.plan_file import read_plan

    return read_plan(read_version(path).text, str(path))


def _print_plan(args: argparse.Namespace, target: "EditTarget", plan: "Plan") -> int:
    from slm_lsp.features.edit.module.plan_file import plan_text

    if args.json:
        steps = [
            {
                "symbol": each.symbol,
                "extent": each.extent,
                "lines": [each.first, each.last],
                "instruction": each.instruction,
            }
            for each in plan.steps
        ]
        emit_json({"path": target.path, "sha256": plan.digest, "steps": steps, "notes": plan.notes})
    if not plan.steps:
        return EXIT_NO_STEPS
    if args.output is not None:
        try:
            with Path(args.output).open("x", encoding="utf-8") as file:
                file.write(plan_text(plan))
        except FileExistsError as error:
            raise UsageError(f"{args.output} exists already.", "Remove it, or choose another name.") from error
        except OSError as error:
            raise UsageError(f"{args.output} cannot be written: {error.strerror}.") from error
        note(args, f"{args.output}: a plan with {len(plan.steps)} steps")
    elif not args.json:
        emit(plan_text(plan).rstrip("\n"))
    return 0
