"""The commands `slm.refactor` and `slm.fix`: make one checked edit of an open document, and let the client apply it.

A document has at most one edit at a time. A newer edit replaces the older one, and a change of the document ends it.
"""

import asyncio
from textwrap import shorten
from typing import Any
from uuid import uuid4

from lsprotocol import types
from pygls.capabilities import get_capability

from slm_lsp.errors import SlmError, UsageError
from slm_lsp.features.verify.verdict import Verdict
from slm_lsp.server.apply_edit import annotation_of, apply_edit, workspace_edit
from slm_lsp.server.document import Document
from slm_lsp.server.edit_in_flight import EditInFlight
from slm_lsp.server.edit_making import EditTarget, Maker, fixed, refactored
from slm_lsp.server.edit_messages import EditArgument, EditOutcome, parse_argument
from slm_lsp.server.edit_progress import WorkDone
from slm_lsp.server.edit_steps import EditSteps
from slm_lsp.server.errors import lsp_error, stale, superseded
from slm_lsp.server.protocol import Server, work_done_token
from slm_lsp.server.services import Services

REFACTOR = "slm.refactor"
FIX = "slm.fix"

TITLE_CHARACTERS = 60
"""Maximum length of the name of an edit in the client's progress and undo list."""


class Edits:
    """Makes edits, with at most one per document. Use it on the event loop only."""

    def __init__(self, server: Server, services: Services) -> None:
        self._server = server
        self._services = services

    async def refactor(self, argument: Any) -> dict[str, Any]:
        """Rewrite the code at a range as instructed, and return the result of the command.

        Raises:
            JsonRpcException: the argument is invalid, or the edit failed or was cancelled.
        """
        parsed = parse_argument(argument)
        return await self._answer(parsed, parsed.instruction or "refactor", refactored)

    async def fix(self, argument: Any) -> dict[str, Any]:
        """Fix an error in the code at a range. Result and errors are as in `refactor`."""
        parsed = parse_argument(argument)
        title = f"fix {parsed.error}" if parsed.error else "fix the code"
        return await self._answer(parsed, title, fixed)

    async def close(self) -> None:
        """Cancel all edits, because the session ends."""
        running = [session.edit for session in self._services.sessions if session.edit is not None]
        for flight in running:
            flight.abort()
        for flight in running:
            await flight.ended()

    async def _answer(self, argument: EditArgument, title: str, make: Maker) -> dict[str, Any]:
        services, server = self._services, self._server
        try:
            session = services.sessions.get(argument.document.uri)
            target = self._target(argument, session.document, shorten(title, TITLE_CHARACTERS, placeholder="…"))
        except SlmError as error:
            raise lsp_error(error) from error
        if session.edit is not None:
            session.edit.cancel(superseded())
        flight = session.edit = EditInFlight()
        progress = WorkDone(server.work_done_progress, target.title, flight.cancel)
        supported = get_capability(server.client_capabilities, "window.work_done_progress", False)
        progress.start(work_done_token.get(), supported)
        reason, failed, ended = None, False, "cancelled"
        try:
            with services.status.editing():
                services.status.set("working")
                outcome = await self._make(target, make, flight, progress)
            reason = outcome.reason
            ended = reason or ("applied" if outcome.applied else "done")
        except asyncio.CancelledError:
            if flight.answer is not None:
                raise flight.answer from None
            raise
        except SlmError as error:
            reason = ended = str(error)
            failed = not isinstance(error, UsageError)
            raise lsp_error(error) from error
        finally:
            self._show_end(reason, failed=failed)
            progress.end(ended)
            if session.edit is flight:
                session.edit = None
        if argument.apply and reason:
            message = f"No edit was applied: {reason}."
            server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, message))
        return outcome.as_result(services.sessions.encoding)

    def _target(self, argument: EditArgument, document: Document, title: str) -> EditTarget:
        """Return the code that a command names.

        Raises:
            JsonRpcException: the document has another version.
            UsageError: the document has no such line.
        """
        if argument.document.version not in (None, document.version):
            raise stale(f"The document has version {document.version}, not {argument.document.version}.")
        span, encoding = argument.range, self._services.sessions.encoding
        if not document.has_line(span.start.line):
            count = len(document.lines.starts)
            raise UsageError(f"Line {span.start.line + 1} is outside the document, which has {count} lines.")
        start, end = (document.offset(each.position, encoding) for each in (span.start, span.end))
        _, path = self._services.sessions.place_of(document.uri)
        return EditTarget(document, path, (min(start, end), max(start, end)), argument, title)

    async def _make(self, target: EditTarget, make: Maker, flight: EditInFlight, progress: WorkDone) -> EditOutcome:
        """Make an edit, and apply it if the client wants this and no check failed."""
        services, document = self._services, target.document
        started_at = asyncio.get_running_loop().time()
        identifier = target.argument.id or uuid4().hex
        steps = EditSteps(services.status, progress, services.stream.edit(document, identifier))
        steps.show("preparing the edit")
        try:
            async with services.projects.project(document.uri) as project:
                made = await make(services, target, project, steps)
        finally:
            steps.end()
        if services.sessions.current(document.uri) is not document:
            raise stale("The document has changed while the edit was made.")
        reason, applied = made.reason, False
        if (found := made.candidate) is not None:
            reason = reason or _failed(found.verdict)
            if target.argument.apply and reason is None:
                steps.show("applying the edit")
                encoding, capabilities = services.sessions.encoding, self._server.client_capabilities
                annotation = annotation_of(target.label, found.verdict)
                edit = workspace_edit(document, found.hunks, annotation, encoding, capabilities)
                reason = await apply_edit(self._server, edit, target.label, document, found.text, flight)
                applied = reason is None
        seconds = asyncio.get_running_loop().time() - started_at
        return EditOutcome(identifier, document, made, applied, reason, seconds)

    def _show_end(self, reason: str | None, *, failed: bool = False) -> None:
        """Show in the status that an edit has ended."""
        if failed:
            self._services.status.set("failed", reason)
        else:
            self._services.status.set("working" if self._services.sessions.has_pending else "ready", reason)


def _failed(verdict: Verdict) -> str | None:
    """Return which checks failed, as a clause; None if no check failed."""
    if not verdict.failed:
        return None
    found = "; ".join(f"{each.check} ({each.evidence})" for each in verdict.failed)
    return f"a check failed: {found}"
