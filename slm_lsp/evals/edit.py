"""`eval edit`: the share of edits that pass hidden tests, if the bare model makes them and if slm-lsp makes them.

Arms:

- `bare`: the model gets the file in one prompt and answers with the whole file, greedily. Fences are removed.
- `ours`: `slm-lsp refactor FILE -i INSTRUCTION`, without tests.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from slm_lsp.engine.api import ModelInfo, ModelRef, Provider
from slm_lsp.errors import UsageError
from slm_lsp.evals.arms import (
    Answered,
    Arm,
    Attempt,
    EditedFile,
    arm_lines,
    arm_of,
    bare,
    fault_line,
    faults_of,
    judged,
)
from slm_lsp.evals.edit_tasks import PATH, EditTask
from slm_lsp.evals.own_tasks import RefactoringTask
from slm_lsp.features.completion.request import nothing_known
from slm_lsp.features.edit.prepare import edit_request
from slm_lsp.features.edit.propose import Checks, propose
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import find_unit
from slm_lsp.features.verify.compiled import check_compiled
from slm_lsp.features.verify.names import check_names
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Verdict
from slm_lsp.harness.engine import private_engine
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.index.project import open_project
from slm_lsp.languages.registry import languages
from slm_lsp.routing.policy import Choice

ARMS = ("bare", "ours")
LANGUAGE = "python"


class LanguageReport(msgspec.Struct, frozen=True):
    """Results of one language."""

    n: int
    bare: Arm
    ours: Arm


class EditReport(msgspec.Struct, frozen=True):
    """The result of `eval edit`."""

    name: str
    n: int
    bare: Arm
    ours: Arm
    languages: dict[str, LanguageReport]
    outside_unit: int
    """Edits that changed text outside their unit."""
    parse_breaks: int
    """Edits after which a file that parsed no longer parses."""
    fenced: int
    """Edits that added a Markdown fence."""
    model: str
    backend: str
    seconds: float
    passed: dict[str, list[str]]
    """Names of the tasks whose tests pass, by arm."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield from arm_lines({arm: getattr(self, arm) for arm in ARMS})
        yield fault_line(self.outside_unit, self.parse_breaks, self.fenced)


class Result(msgspec.Struct, frozen=True):
    """The results of all arms for one task."""

    task: str
    language: str
    attempts: dict[str, Attempt]


async def run(
    choice: Choice, tasks: Sequence[EditTask | RefactoringTask], backend: str, on_progress: OnProgress
) -> EditReport:
    """Run all tasks in a private engine.

    Args:
        choice: the model.
        tasks: at least one.
        backend: the setting `engine.backend`.
        on_progress: called after each task.

    Raises:
        SlmError: the engine or the sandbox failed.
    """
    if not tasks:
        raise UsageError("There are no tasks.")
    began = time.monotonic()
    async with private_engine(backend) as engine:
        info = await engine.describe(choice.model, explicit=True)

        async def attempt_all(task: EditTask | RefactoringTask) -> Result:
            return await _attempt_all(task, choice.model, info, engine)

        results = await run_tasks(tasks, attempt_all, Progress(len(tasks), on_progress))
    return report(results, choice.name, info.backend, time.monotonic() - began)


def report(results: Sequence[Result], model: str, backend: str, seconds: float) -> EditReport:
    """Summarize the results; there is at least one."""
    return EditReport(
        name="edit",
        n=len(results),
        bare=arm_of([each.attempts["bare"] for each in results]),
        ours=arm_of([each.attempts["ours"] for each in results]),
        languages={
            name: LanguageReport(len(own), *(arm_of([each.attempts[arm] for each in own]) for arm in ARMS))
            for name in sorted({each.language for each in results})
            if (own := [each for each in results if each.language == name])
        },
        **faults_of([each.attempts["ours"] for each in results]),
        model=model,
        backend=backend,
        seconds=seconds,
        passed={arm: [each.task for each in results if each.attempts[arm].passed] for arm in ARMS},
    )


async def _attempt_all(
    task: EditTask | RefactoringTask, model: ModelRef, info: ModelInfo, provider: Provider
) -> Result:
    request = replace(_request(task), model=model)
    language = request.language
    file = EditedFile("" if language is None else language.name, task.text, request.unit)

    async def with_one_prompt() -> Answered:
        question = f"{request.instruction}\nReply with the whole changed file."
        return await bare(question, file, model, info, provider)

    async def with_our_edit() -> Answered:
        proposal = await propose(request, provider, _checks(request))
        return Answered(None if proposal.best is None else proposal.best.text, proposal.generated_tokens)

    return Result(
        task.name,
        file.language,
        {
            "bare": await judged(file, with_one_prompt, task.passes),
            "ours": await judged(file, with_our_edit, task.passes),
        },
    )


def _request(task: EditTask | RefactoringTask) -> EditRequest:
    """Return the request that `slm-lsp refactor FILE[:A-B] -i INSTRUCTION` makes. The caller sets the model."""
    if isinstance(task, RefactoringTask):
        project, unit = open_project(task.project.root), task.unit
        selection = (0, len(task.text)) if unit is None else (unit.start, unit.end)
        return edit_request(project, task.refactoring.file, task.text, selection, task.refactoring.instruction)
    selection = (0, len(task.text))
    unit = find_unit(task.text, selection, languages()[LANGUAGE])
    return EditRequest(PATH, task.text, unit, task.instruction, ModelRef(""), languages()[LANGUAGE])


def _checks(request: EditRequest) -> Checks:
    """Return the checks of `slm-lsp refactor`, without knowledge of other files."""

    async def checks(text: str) -> Verdict:
        parsed = check_parsed(request.language, request.text, text)
        names = check_names(request.language, request.text, text, nothing_known, lambda _: ())
        compiled = await check_compiled(request.language, request.path, request.text, text)
        return Verdict((parsed, *names, compiled))

    return checks
