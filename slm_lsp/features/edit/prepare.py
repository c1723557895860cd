"""Prepare an edit of a file of a project: choose the unit, collect its context, and combine the checks."""

import asyncio

from slm_lsp.engine.api import ModelRef
from slm_lsp.features.completion.request import nothing_known
from slm_lsp.features.edit.context import signatures, uses_in
from slm_lsp.features.edit.propose import Checks
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import Extent, find_unit
from slm_lsp.features.verify.compiled import check_compiled
from slm_lsp.features.verify.names import check_names
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.sandbox.isolation import Setting

CONTEXT_TOKENS = 400
"""Maximum number of tokens for signatures from other files in the prompt."""


def edit_request(
    project: Project,
    path: str,
    text: str,
    selection: tuple[int, int],
    instruction: str,
    least: Extent = Extent.STATEMENTS,
    language: Language | None = None,
) -> EditRequest:
    """Return the request to rewrite the code at a selection. The caller sets its model.

    Args:
        project: the project of the file.
        path: path of the file in the project, with `/`.
        text: the whole file.
        selection: start and end offset in `text`, in characters. They are equal for a cursor.
        instruction: what to change.
        least: the smallest extent that the unit may have.
        language: language of the file; None to detect it from the path and the first line.

    Raises:
        ParseTimeoutError: parsing the file takes too long.
    """
    language = language or language_of(path, text.partition("\n")[0])
    unit = find_unit(text, selection, language, least)
    context = signatures(project, path, text, unit, language, CONTEXT_TOKENS)
    return EditRequest(path, text, unit, instruction, ModelRef(""), language, context=context)


def project_checks(request: EditRequest, project: Project, isolation: Setting) -> Checks:
    """Return the checks of an edit that need no command of the user: `parsed`, `names`, `signature` and `compiled`.

    Args:
        request: the edit.
        project: the project of the file. Without an index, `signature` is not available.
        isolation: the user's setting `sandbox`.
    """
    is_known = project.reader.defines if project.reader else nothing_known
    uses = uses_in(project, request.path)

    def by_rules(text: str) -> tuple[Check, ...]:
        parsed = check_parsed(request.language, request.text, text)
        return parsed, *check_names(request.language, request.text, text, is_known, uses)

    async def checks(text: str) -> Verdict:
        # The rules parse the file and query the index. In the event loop, this would delay the server's other requests.
        found = await asyncio.to_thread(by_rules, text)
        compiled = await check_compiled(request.language, request.path, request.text, text, isolation)
        return Verdict((*found, compiled))

    return checks
