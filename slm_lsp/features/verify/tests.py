"""The check `tests`: run the user's test command on a view of the project that contains an edit, in the sandbox."""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from slm_lsp.errors import SlmError
from slm_lsp.features.verify.failing import compare, failing_tests, no_test_ran, summary
from slm_lsp.features.verify.project_view import CACHES, view_of
from slm_lsp.features.verify.toolchain import Toolchain, toolchain
from slm_lsp.features.verify.verdict import Check
from slm_lsp.privacy.secrets import mask
from slm_lsp.sandbox.isolation import Setting, home
from slm_lsp.sandbox.outcome import GIB, MIB, explain
from slm_lsp.sandbox.run import Limits, Outcome, View, run

LIMITS = Limits(
    cpu_s=300,
    wall_s=120,
    memory_bytes=4 * GIB,
    processes=256,
    open_files=4096,
    file_bytes=512 * MIB,
    disk_bytes=2 * GIB,
    files=100_000,
    output_bytes=8 * MIB,
    returned_bytes=16 * MIB,
)
"""Limits on the resources of a test command."""

TIMES, MORE_S = 4.0, 10.0
"""After an edit, the tests may take `TIMES` the time that they took before it, plus `MORE_S` seconds."""

SHOWN = 5
"""Maximum number of tests or files that a sentence lists."""

EVIDENCE_LINES, EVIDENCE_COLUMNS = 15, 200
"""Maximum number of lines of the end of the output that the evidence quotes, and of characters of each line."""

COMMAND_NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit statuses of a shell that cannot start a program (POSIX)."""

_NETWORK = re.compile(
    r"network is unreachable|temporary failure in name resolution|could not resolve host|name or service not known"
    r"|getaddrinfo|EAI_AGAIN|ENETUNREACH|failed to establish a new connection|no route to host",
    re.IGNORECASE,
)
"""Messages of programs that could not reach the network."""

_SCRIPT = """[ "$(pwd -P)" = "$0" ] || { PYTHONPATH="$PWD/src:$PWD"; export PYTHONPATH; }
eval "$1"
"""
"""Runs the command line `$1`. If the working folder is a copy of the project `$0` at another place, Python must search
modules in the copy first: packages that are installed in editable mode name the original."""


@dataclass(frozen=True, slots=True)
class TestCommand:
    """The user's command that runs the tests of a project."""

    __test__: ClassVar[bool] = False  # pytest would collect a class of this name as a test

    argv_line: str
    """The command line as the user wrote it. `/bin/sh` runs it in the root folder of the project."""


async def run_tests(
    command: TestCommand,
    root: Path,
    files: Mapping[str, str],
    isolation: Setting = "auto",
    limits: Limits = LIMITS,
) -> Outcome:
    """Run a test command on a view of a project in which some files have another text.

    Args:
        command: the test command.
        root: root folder of the project. The command cannot change it, except without isolation.
        files: new text of files by their path in the project, with `/`. Empty: the project as it is.
        isolation: the user's setting `sandbox`.
        limits: what the command may use.

    Raises:
        SandboxUnavailableError: programs cannot be isolated on this machine.
        UsageError: the project contains the user's home, or is too large to copy.
    """
    view, tools = await asyncio.to_thread(_surroundings, root, files)
    return await run(
        ["/bin/sh", "-c", _SCRIPT, str(view.root), command.argv_line],
        files=view,
        limits=limits,
        readable=tools.readable,
        environ=tools.environ,
        isolation=isolation,
    )


async def run_before(command: TestCommand, root: Path, isolation: Setting = "auto") -> Outcome | None:
    """Run a test command on the project as it is. Return None if it cannot run; `check_tests` then says why."""
    try:
        return await run_tests(command, root, {}, isolation)
    except SlmError:
        return None


async def check_tests(
    command: TestCommand,
    root: Path,
    files: Mapping[str, str],
    isolation: Setting = "auto",
    before: Outcome | None = None,
) -> Check:
    """Return the check `tests`: the test command passes on the project with an edit.

    Args:
        command: the test command.
        root: root folder of the project.
        files: the edit: new text of files by their path in the project, with `/`.
        isolation: the user's setting `sandbox`.
        before: the outcome of `run_tests` without the edit; None: not known.
    """
    limits = limits_after(before)
    try:
        after = await run_tests(command, root, files, isolation, limits)
    except SlmError as error:
        return Check("tests", "not available", str(error))
    return await asyncio.to_thread(with_notes, judge(command, after, before, limits), root, after)


def with_notes(check: Check, root: Path, outcome: Outcome) -> Check:
    """Return the check with notes on what the user cannot see: files that were hidden or changed. Reads the project."""
    notes = []
    written = _written(root, outcome)
    if written:
        notes.append(f"In its copy of the project, the command also changed {_listed(written)}.")
    hidden = sorted(view_of(root, {}).hidden) if check.result != "passed" else []
    if hidden:
        notes.append(f"The command did not see these files, because they may hold secrets: {_listed(hidden)}.")
    sentence, *rest = check.evidence.split("\n", 1)
    return replace(check, evidence="\n".join([" ".join([sentence, *notes]), *rest]))


def _surroundings(root: Path, files: Mapping[str, str]) -> tuple[View, Toolchain]:
    root = root.resolve()
    return view_of(root, files), toolchain(root, os.environ, home())


def limits_after(before: Outcome | None) -> Limits:
    """Return the limits of a test command after an edit. An edit that makes a test hang is noticed early."""
    if before is None or not before.ok:
        return LIMITS
    return replace(LIMITS, wall_s=min(LIMITS.wall_s, before.wall_s * TIMES + MORE_S))


def judge(command: TestCommand, after: Outcome, before: Outcome | None = None, limits: Limits = LIMITS) -> Check:
    """Return the check `tests` for the outcome of a test command.

    The check is not available if the command itself cannot work, with or without the edit: it is missing, or exceeds a
    limit, or runs no test.

    Args:
        command: the test command.
        after: its outcome with the edit.
        before: its outcome without the edit; None: not known.
        limits: the limits of the run whose outcome is `after`.
    """
    output = output_of(after)
    if after.ok and no_test_ran(output):
        return Check("tests", "not available", f"`{command.argv_line}` ran no test: {summary(output)}")
    if after.ok:
        failed_before = "" if before is None or before.ok else " It failed before the edit."
        return Check("tests", "passed", f"`{command.argv_line}`: {summary(output) or 'exit status 0'}.{failed_before}")
    worked_before = before is not None and before.ok
    problem = _problem(command, after, limits)
    if problem and not worked_before:
        return Check("tests", "not available", _with_end(problem, output))
    if problem:
        return Check("tests", "failed", _with_end(f"{problem} It passed before the edit.", output))
    return Check("tests", "failed", _with_end(_failures(command, after, before), output))


def output_of(outcome: Outcome) -> str:
    """Return standard output and standard error of a test command as text."""
    return (outcome.stdout + b"\n" + outcome.stderr).decode("utf-8", errors="replace")


def _problem(command: TestCommand, outcome: Outcome, limits: Limits) -> str:
    """Say why a command could not run to its end, and what the user can do; empty if it did."""
    if outcome.why is not None:
        what = explain(outcome.why, limits, f"`{command.argv_line}`")
        return f"{what} Use a command that runs only the tests of this code."
    if outcome.exit in (COMMAND_NOT_FOUND, NOT_EXECUTABLE):
        return (
            f"`{command.argv_line}` names a program that the sandbox does not have. The program must be in /usr, on "
            "your PATH or in the project, for example in `.venv` or `node_modules`."
        )
    return ""


def _failures(command: TestCommand, after: Outcome, before: Outcome | None) -> str:
    """Say which tests fail, compared with those that failed before the edit."""
    output = output_of(after)
    failing = failing_tests(output)
    status = f"`{command.argv_line}`: exit status {after.exit}"
    hint = " It may need the network, which the sandbox does not have." if _NETWORK.search(output) else ""
    if before is None or before.ok:
        passed = "" if before is None else "; it passed before the edit"
        return f"{status}{passed}.{_counted(' Failing:', failing)}{hint}"
    if not failing:
        return f"{status}; it failed before the edit too, with exit status {before.exit}.{hint}"
    found = compare(output_of(before), output)
    new = _counted(" New failures:", found.new) or " No new failures."
    return (
        f"{status}; it failed before the edit too.{new}{_counted(' Still failing:', found.still)}"
        f"{_counted(' No longer failing:', found.fixed)}{hint}"
    )


def _counted(title: str, names: frozenset[str]) -> str:
    return f"{title} {_listed(sorted(names))}." if names else ""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _with_end(sentence: str, output: str) -> str:
    """Return the sentence, and below it the end of the output. Keys and passwords in the output are masked."""
    lines = [line.rstrip()[:EVIDENCE_COLUMNS] for line in mask(output).splitlines() if line.strip()]
    return "\n".join([sentence, *lines[-EVIDENCE_LINES:]])


def _written(root: Path, outcome: Outcome) -> list[str]:
    """Return the files of the project that the command changed in its copy, without caches and hidden files."""
    found = []
    for path in outcome.files:
        parts = path.split("/")
        usual = any(each.startswith(".") or each in CACHES or each == "node_modules" for each in parts)
        if not usual and (root / path).is_file():
            found.append(path)
    return sorted(found)
