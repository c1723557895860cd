"""Sends an edit to the client as `workspace/applyEdit`, and checks that the document then has the intended text."""

import asyncio
from collections.abc import Sequence

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException

from slm_lsp.features.edit.hunks import Hunk
from slm_lsp.features.verify.verdict import Verdict
from slm_lsp.server.document import Document
from slm_lsp.server.edit_in_flight import EditInFlight
from slm_lsp.server.protocol import Server
from slm_lsp.server.sessions import Sessions
from slm_lsp.text import Encoding

READ_BACK_S = 3.0
"""Maximum seconds to wait for the change that the client reports after it has applied an edit. Some clients collect
changes: eglot for 0.5 s, Neovim for 0.15 s."""

ANNOTATION = "slm-lsp"
"""Identifier of the only change annotation in an edit."""

CANNOT_APPLY = "the editor does not support `workspace/applyEdit`"
DIFFERENT = "the editor reported that it applied the edit, but the document does not have the intended text"


def workspace_edit(
    document: Document,
    hunks: Sequence[Hunk],
    annotation: types.ChangeAnnotation | None,
    encoding: Encoding,
    capabilities: types.ClientCapabilities,
) -> types.WorkspaceEdit:
    """Return an edit in the form that the client supports.

    If possible, the edit names the version of the document, so that the client refuses it for any other version, and
    has the annotation. Clients may show annotations before they apply the edit.
    """
    edits = [
        types.TextEdit(
            types.Range(document.position(each.start, encoding), document.position(each.end, encoding)), each.new
        )
        for each in hunks
    ]
    if not get_capability(capabilities, "workspace.workspace_edit.document_changes", False):
        return types.WorkspaceEdit(changes={document.uri: edits})
    target = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    can_annotate = get_capability(capabilities, "workspace.workspace_edit.change_annotation_support") is not None
    if annotation is None or not can_annotate:
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(target, edits)])
    annotated = [types.AnnotatedTextEdit(ANNOTATION, each.range, each.new_text) for each in edits]
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(target, annotated)], change_annotations={ANNOTATION: annotation}
    )


def annotation_of(label: str, verdict: Verdict) -> types.ChangeAnnotation:
    """Return an annotation with the verdict. It needs no confirmation."""
    description = ", ".join(f"{each.check}: {each.result}" for each in verdict.checks)
    return types.ChangeAnnotation(label, needs_confirmation=False, description=description)


async def apply_edit(
    server: Server, edit: types.WorkspaceEdit, label: str, document: Document, intended: str, flight: EditInFlight
) -> str | None:
    """Apply an edit of one document. Return None if the document then has the intended text, otherwise the reason.

    The reason is a clause, such as "the editor did not apply the edit".

    Args:
        server: the connection to the client.
        edit: the edit.
        label: name of the edit in the client's undo list.
        document: the version of the document that the edit was made for.
        intended: the text of the document after the edit.
        flight: receives the changes of the document.
    """
    if not get_capability(server.client_capabilities, "workspace.apply_edit", False):
        return CANNOT_APPLY
    flight.is_applying = True
    request = types.ApplyWorkspaceEditParams(edit, label)
    # Cancelling a request to the client would make pygls fail when the client answers it.
    answer = asyncio.ensure_future(server.workspace_apply_edit_async(request))
    try:
        result = await asyncio.shield(answer)
    except JsonRpcException as error:
        return f"the editor could not apply the edit: {error}"
    if not result.applied:
        return f"the editor did not apply the edit: {result.failure_reason or 'it gave no reason'}"
    return None if await _has_text(server.protocol.sessions, document.uri, intended, flight) else DIFFERENT


async def _has_text(sessions: Sessions, uri: str, intended: str, flight: EditInFlight) -> bool:
    """Wait until a document has a text; False if it does not have the text after `READ_BACK_S`."""
    try:
        async with asyncio.timeout(READ_BACK_S):
            while (current := sessions.current(uri)) is not None and current.text != intended:
                await flight.change()
    except TimeoutError:
        return False
    return current is not None
