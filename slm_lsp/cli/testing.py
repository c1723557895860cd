"""The options `--test` and `--no-test`: find the user's test command, and run it before the edit and on candidates."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from slm_lsp.cli.output import note
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.cli.edits import EditTarget
    from slm_lsp.cli.stages import StageDisplay
    from slm_lsp.features.edit.propose import Checks
    from slm_lsp.features.verify.tests import TestCommand
    from slm_lsp.features.verify.verdict import Check, Verdict
    from slm_lsp.sandbox.isolation import Setting


def add_test_options(parser: argparse.ArgumentParser) -> None:
    """Add `--test` and `--no-test`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--test",
        metavar="CMD",
        help="also check the edit with this command, run in the sandbox on a copy of the project, for example "
        "'pytest -q'. The command is remembered for the project and used from then on; --test '' forgets it",
    )
    group.add_argument("--no-test", action="store_true", help="do not run the remembered test command")


def chosen_test_command(args: argparse.Namespace, target: "EditTarget") -> "TestCommand | None":
    """Return the command of `--test`, or else the remembered command; None without any command or with `--no-test`.

    Args:
        args: the parsed arguments.
        target: the file to edit. If it is outside the workspace, the tests of the workspace cannot check it.

    Raises:
        UsageError: `--test` is used for a file outside the workspace.
    """
    from slm_lsp.features.edit.test_commands import remember, remembered
    from slm_lsp.features.verify.tests import TestCommand

    root, file = target.workspace, target.file.path
    if args.no_test:
        return None
    if args.test is not None and not args.test.strip():
        remember(root, "")
        note(args, f"The test command of {root} is forgotten.")
        return None
    if not file.resolve().is_relative_to(root):
        if args.test:
            raise UsageError(f"{file} is not in {root}, so the tests there cannot check it.", "Use --workspace DIR.")
        return None
    line = args.test or remembered(root)
    return TestCommand(line) if line else None


async def checks_with_tests(
    args: argparse.Namespace, target: "EditTarget", isolation: "Setting", display: "StageDisplay"
) -> "Checks | None":
    """Run the test command before the edit, and return the check of a candidate; None if there is no command.

    The command of `--test` is remembered if it could run.

    Args:
        args: the parsed arguments.
        target: the file to edit.
        isolation: the user's setting `sandbox`.
        display: shows what the command is waiting for.
    """
    from slm_lsp.features.edit.test_commands import remember
    from slm_lsp.features.verify.tests import check_tests, judge, run_before, with_notes
    from slm_lsp.features.verify.verdict import Verdict

    command, root = chosen_test_command(args, target), target.workspace
    if command is None:
        return None
    display.begin("running the tests before the edit")
    before = await run_before(command, root, isolation)
    if before is not None:
        check = await asyncio.to_thread(with_notes, judge(command, before), root, before)
        if args.test and check.result != "not available":
            remember(root, args.test)
        if check.result != "passed":
            note(args, shown(check, "tests before the edit"))
        if check.result == "failed":
            note(args, "slm-lsp does not write an edit if the tests fail with it. Use --no-test to skip the tests.")

    async def checks(text: str) -> "Verdict":
        display.begin("running the tests")
        return Verdict((await check_tests(command, root, {target.path: text}, isolation, before),))

    return checks


def shown(check: "Check", name: str = "") -> str:
    """Return a check as text for the user. Lines of evidence after the first one are indented below."""
    sentence, _, rest = check.evidence.partition("\n")
    first = f"{name or check.check}: {check.result}" + (f" ({sentence})" if sentence else "")
    return "\n".join([first, *(f"    {line}" for line in rest.splitlines())])
