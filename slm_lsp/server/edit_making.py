"""Makes the edits of `slm.refactor` and `slm.fix`, without applying them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from slm_lsp.engine.api import Provider
from slm_lsp.features.edit.prepare import edit_request, project_checks
from slm_lsp.features.edit.propose import propose
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.fix.fix import FixProgress, make_fix
from slm_lsp.features.fix.plan import FixJob
from slm_lsp.index.project import Project
from slm_lsp.routing.choose import best
from slm_lsp.routing.policy import Choice
from slm_lsp.server.document import Document
from slm_lsp.server.edit_messages import EditArgument, MadeEdit
from slm_lsp.server.edit_steps import EditSteps
from slm_lsp.server.services import Services

FIX = "Fix the error. Change nothing else."
FIX_BUG = "Find the bug in this code and fix it. Change nothing else."


@dataclass(frozen=True, slots=True)
class EditTarget:
    """The code to edit, the argument of the command, and the title of the edit."""

    document: Document
    path: str
    """Path of the document in its workspace folder, with `/`; outside every folder, its name."""
    selection: tuple[int, int]
    """Start and end offset in the text. They are equal for a cursor."""
    argument: EditArgument
    title: str

    @property
    def label(self) -> str:
        """The name of the edit in the client's undo list."""
        return f"slm-lsp: {self.title}"


Maker = Callable[[Services, EditTarget, Project, EditSteps], Awaitable[MadeEdit]]
"""Makes an edit.

Raises:
    SlmError: the edit cannot be made.
"""


async def refactored(services: Services, target: EditTarget, project: Project, steps: EditSteps) -> MadeEdit:
    """Rewrite the selected code as instructed. Errors are as in `Maker`."""
    instruction = target.argument.instruction or ""
    request = await asyncio.to_thread(_request, target, project, target.selection, instruction)
    return await _proposed(services, target, request, project, steps)


async def fixed(services: Services, target: EditTarget, project: Project, steps: EditSteps) -> MadeEdit:
    """Fix an error by rules, or rewrite the code around the start of the selection. Errors are as in `Maker`."""
    error, cursor = target.argument.error or "", target.selection[0]
    root = services.sessions.workspace_of(target.document.uri)
    if error and root is not None:
        return await _fixed_by_rules_first(services, target, project, steps, root)
    # Without an error, no rule applies. Without a workspace folder, the files that an error names are not known.
    request = await asyncio.to_thread(_request, target, project, (cursor, cursor), FIX if error else FIX_BUG)
    return await _proposed(services, target, replace(request, error=error), project, steps)


async def _fixed_by_rules_first(
    services: Services, target: EditTarget, project: Project, steps: EditSteps, root: Path
) -> MadeEdit:
    """Fix an error of a document in a workspace folder: by rules, otherwise by the model."""
    settings = await services.settings(target.document.uri)
    document, cursor = target.document, target.selection[0]
    job = FixJob(
        root,
        target.path,
        document.text,
        (cursor, cursor),
        target.argument.error or "",
        elsewhere=False,
        isolation=settings.sandbox,
    )

    async def open_model() -> tuple[Provider, Choice]:
        choice = await best(services.engine, settings)
        steps.chosen(choice)
        return services.engine, choice

    result = await make_fix(job, project, open_model, FixProgress(steps.progress, steps.show))
    changed = () if result.candidate is None else result.candidate.hunks
    span = (cursor, cursor) if not changed else (changed[0].start, changed[-1].end)
    return MadeEdit(
        unit=span if result.unit is None else (result.unit.start, result.unit.end),
        candidate=result.candidate,
        reason=None if result.accepted else result.reason,
        choice=result.choice,
        prompt_tokens=result.prompt_tokens,
        reused_tokens=result.reused_tokens,
        generated_tokens=result.generated_tokens,
    )


def _request(target: EditTarget, project: Project, selection: tuple[int, int], instruction: str) -> EditRequest:
    language = target.document.syntax.language
    return edit_request(project, target.path, target.document.text, selection, instruction, language=language)


async def _proposed(
    services: Services, target: EditTarget, request: EditRequest, project: Project, steps: EditSteps
) -> MadeEdit:
    """Return the best edit that the best installed model proposes."""
    settings = await services.settings(target.document.uri)
    choice = await best(services.engine, settings)
    steps.chosen(choice)
    request = replace(request, model=choice.model)
    checks = steps.checking(project_checks(request, project, settings.sandbox))
    proposal = await propose(request, services.engine, checks, steps.progress)
    return MadeEdit(
        unit=(request.unit.start, request.unit.end),
        candidate=proposal.best,
        reason=proposal.reason,
        choice=choice,
        prompt_tokens=proposal.prompt_tokens,
        reused_tokens=proposal.reused_tokens,
        generated_tokens=proposal.generated_tokens,
    )
