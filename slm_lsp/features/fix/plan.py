"""Plan a fix from the error: which file and which unit to rewrite, and what rules propose."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slm_lsp.context.fim import CHARACTERS_PER_TOKEN
from slm_lsp.errors import UsageError
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import Unit
from slm_lsp.features.fix.locate import Place, is_test, located, place_to_fix
from slm_lsp.features.fix.problem import Problem, RuleFix
from slm_lsp.features.fix.request import Read, failing_tests, fix_request
from slm_lsp.features.fix.rules import fixes
from slm_lsp.features.fix.spectrum import Called
from slm_lsp.features.fix.suspects import definitions_of, in_test, names_up_from, suspects
from slm_lsp.features.fix.trace import frames
from slm_lsp.features.verify.tests import TestCommand
from slm_lsp.index.project import Project
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.index.walk import Rules, Skipped, SourceFile, read_source, walk
from slm_lsp.languages.registry import language_of
from slm_lsp.languages.symbols import Definition
from slm_lsp.sandbox.isolation import Setting
from slm_lsp.text import Lines

MAX_UNITS = 2
"""Maximum number of units that are tried, one after the other, if tests fail and no stack trace names the unit."""

MAX_FILE_TOKENS = 600
"""Up to this estimated number of tokens, the whole file is the unit if the error names no line of it."""

MAX_RULE_FIXES = 6
"""Maximum number of fixes by rules that are checked."""

_ASSERTION = re.compile(r"\b[Aa]ssert|^expect|[Ee]xpected|\bwant\b")

_Target = tuple[str, str, list[tuple[int, int]]]
"""The file to fix, its text, and the selections in it, the most likely first."""

_SHORT_ERROR = 1_000
"""Up to this length, in characters, an error without a place is treated as a single message."""


@dataclass(frozen=True, slots=True)
class FixJob:
    """The error that the user wants to have fixed."""

    root: Path
    """Folder of the project."""
    path: str
    """Path of the file in the project, with `/`."""
    text: str
    """The whole file."""
    selection: tuple[int, int] | None = None
    """Start and end offset of the code to fix. They are equal for a cursor. None: the error determines the code."""
    error: str = ""
    """The error message, or an output that contains it."""
    command: TestCommand | None = None
    """The command that runs the tests."""
    elsewhere: bool = True
    """Whether another file may be fixed: if `path` is a file with tests, the code that the tests call."""
    isolation: Setting = "auto"
    """The user's setting `sandbox`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The fixes by rules, which are tried first, and the requests to the model, which are tried in order."""

    path: str
    """The file to fix."""
    text: str
    """Its text before the fix."""
    requests: tuple[EditRequest, ...]
    """At least one request."""
    fixes: tuple[RuleFix, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """The places of an error in the project."""

    places: tuple[Place, ...]
    """The innermost first."""
    target: "_Target | None"
    """The place to fix, if the user or the output names it; None if the output names only places in tests."""
    read: Read


def read_scene(job: FixJob, project: Project, output: str) -> Scene:
    """Find the places of an error. This reads files, so a server calls it in a thread.

    Args:
        job: what to fix.
        project: the project of the file. Without an index, the files are searched in the folder.
        output: the error, and the output of the failing tests or of the compiler.
    """
    rules = Rules(job.root)

    def read(path: str) -> str | None:
        if path == job.path:
            return job.text
        raw = Skipped.OUTSIDE if rules.refuses(path) else read_source(job.root, path)
        return None if isinstance(raw, Skipped) else raw.decode("utf-8-sig", errors="replace")

    files = project.files() if project.reader else ProjectFiles.of(_paths(job.root, rules))
    if job.path not in files:
        files = ProjectFiles.of([*files, job.path])
    places = located(frames(output), job.root.resolve().as_posix(), files, job.path)
    return Scene(places, _named_target(job, places, read), read)


def make_plan(job: FixJob, project: Project, output: str, scene: Scene, ranking: Sequence[Called] = ()) -> Plan:
    """Plan a fix. This reads files and parses texts, so a server calls it in a thread.

    Args:
        job: what to fix.
        project: the project of the file.
        output: as in `read_scene`.
        scene: the places of the error.
        ranking: the functions of the project that failing tests call, the most suspicious first.

    Raises:
        ParseTimeoutError: parsing the file takes too long.
        UsageError: the error names no line of the file, and the file is too large to rewrite as a whole.
    """
    places, read = scene.places, scene.read
    path, text, selections = scene.target or _suspected_targets(job, scene, ranking, project)
    tests = failing_tests(places, path, read) if job.command else ""
    requests = tuple(fix_request(project, path, text, each, output, tests) for each in selections)
    unit = None if job.selection is None else requests[0].unit
    selected = None if job.selection is None else job.selection[0]
    messages = _messages(places, path, text, unit, selected, output)
    return Plan(path, text, requests, _fixes(path, text, messages, project))


def further_fixes(job: FixJob, project: Project, output: str, path: str, text: str) -> tuple[RuleFix, ...]:
    """Return the fixes that rules propose for the next error, after rules have fixed an earlier error.

    Args:
        job: what to fix.
        project: the project of the file.
        output: the output of the tests or of the compiler with the new text.
        path: the file that is fixed.
        text: its new text.
    """
    scene = read_scene(replace(job, path=path, text=text, selection=None), project, output)
    return _fixes(path, text, _messages(scene.places, path, text, None, None, output), project)


def _fixes(path: str, text: str, messages: Sequence[tuple[int, str]], project: Project) -> tuple[RuleFix, ...]:
    language = language_of(path, text.partition("\n")[0])
    if language is None:
        return ()
    problems = (Problem(path, text, language, line, message, project) for line, message in messages)
    found = {each.text: each for problem in problems for each in fixes(problem)}
    return tuple(found.values())[:MAX_RULE_FIXES]


def _paths(root: Path, rules: Rules) -> Iterator[str]:
    return (each.path for each in walk(root, rules) if isinstance(each, SourceFile))


def _named_target(job: FixJob, places: Sequence[Place], read: Read) -> _Target | None:
    """Return the place that the user or the output names; None if the output names only places in tests."""
    if job.selection is not None:
        return job.path, job.text, [job.selection]
    place = place_to_fix(places, job.path, elsewhere=job.elsewhere)
    text = None if place is None else read(place.path)
    if place is None or text is None or in_test(place, text):
        return None
    return place.path, text, [_cursor(text, place.line)]


def _suspected_targets(job: FixJob, scene: Scene, ranking: Sequence[Called], project: Project) -> _Target:
    """Return the functions that are probably wrong if an assertion failed in a test: those that the test uses.

    If no such functions are found, return the place in the test, or the whole file.
    """
    places, read = scene.places, scene.read
    path, text = job.path, job.text
    code = [each for each in ranking if not is_test(each.path)]
    if is_test(path) and job.elsewhere and (found := _tested(places, project, read, code)):
        path, text = found
    if not is_test(path):
        listed = definitions_of(text, language_of(path, text.partition("\n")[0]))
        named = [_definition(each, listed) for each in code if each.path == path]
        used = [each for each in named if each is not None] or suspects(path, text, places, read)
        if used:
            return path, text, [_cursor(text, each.first_line + 1) for each in used[:MAX_UNITS]]
    place = next((each for each in places if each.line and each.path == path), None)
    if place is not None:
        return path, text, [_cursor(text, place.line)]
    if len(text) > MAX_FILE_TOKENS * CHARACTERS_PER_TOKEN:
        raise UsageError(
            f"The error names no line of {path}, and the file is too large to rewrite as a whole.",
            "Say which lines to fix, for example FILE:10-20.",
        )
    return path, text, [(0, len(text))]


def _definition(called: Called, listed: Sequence[Definition]) -> Definition | None:
    """Return the definition of a called function. Its first line is after its decorators."""
    after = [each for each in listed if each.name == called.name and each.first_line + 1 >= called.line]
    return min(after, key=lambda each: each.first_line, default=None)


def _tested(places: Sequence[Place], project: Project, read: Read, code: Sequence[Called]) -> tuple[str, str] | None:
    """Return the file that defines what a failed assertion of a test uses, with its text; None if this is not clear."""
    asserted = [each for each in places if each.line and _ASSERTION.search(each.message)]
    if asserted and code and (text := read(code[0].path)) is not None:
        return code[0].path, text
    for each in asserted:
        for name in names_up_from(each, read(each.path) or ""):
            found = project.named([name], 1)
            if found and not is_test(found[0].path) and (text := read(found[0].path)) is not None:
                return found[0].path, text
    return None


def _cursor(text: str, line: int) -> tuple[int, int]:
    lines = Lines(text)
    start = lines.starts[min(line, len(lines.starts)) - 1]
    return start, start


def _messages(
    places: Sequence[Place], path: str, text: str, unit: Unit | None, selected: int | None, output: str
) -> list[tuple[int, str]]:
    """Return the messages from which rules propose fixes, each with its line.

    The line is 0 if the message is about another file, or about a line outside the unit that the user selected: rules
    may then add an import, but change no line. A message without a place belongs to the first selected line.

    Args:
        places: the places of the output.
        path: the file to fix.
        text: its text.
        unit: the unit that the user selected, if any.
        selected: start of the user's selection, if any, as an offset in `text`.
        output: the output.
    """
    lines = Lines(text)
    ends = (0, len(text)) if unit is None else (unit.start, unit.end)
    first, last = (lines.position(at).line + 1 for at in ends)
    found = [
        (each.line if each.path == path and first <= each.line <= last else 0, each.message)
        for each in places
        if each.message
    ]
    if not found and len(output) <= _SHORT_ERROR:
        named = re.search(r"\bline (\d+)\b", output)
        line = 0 if selected is None else lines.position(selected).line + 1
        found = [(line or int(named[1] if named else 0), output.strip())]
    return list(dict.fromkeys(found))
