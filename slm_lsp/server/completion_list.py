"""Answers `textDocument/completion`, for editors without inline completion: one item, sorted after all others."""

from lsprotocol import types

from slm_lsp.features.completion.complete import Completion
from slm_lsp.server.document import Document
from slm_lsp.text import Encoding

LAST = "\uffff"
"""Sort key of the item. It places the item after the items of all other servers."""

LABEL_CHARACTERS = 60
"""Maximum length of the item's label, in characters."""


def supports_inline_completion(capabilities: types.ClientCapabilities) -> bool:
    """Return whether a client announced `textDocument/inlineCompletion`."""
    document = capabilities.text_document
    return document is not None and document.inline_completion is not None


def completion_list(document: Document, found: Completion, encoding: Encoding) -> types.CompletionList:
    """Return a list with the suggestion. It is marked incomplete, so that each key press causes a new request.

    Args:
        document: the version of the document that the suggestion is for.
        found: the suggestion; its text may be empty.
        encoding: the unit in which positions count columns.
    """
    if not found.text:
        return types.CompletionList(is_incomplete=True, items=[])
    start, end = (document.position(each, encoding) for each in (found.start, found.end))
    first, *rest = found.text.strip().splitlines()
    label = first[:LABEL_CHARACTERS] + ("…" if rest or len(first) > LABEL_CHARACTERS else "")
    item = types.CompletionItem(
        label=label,
        label_details=types.CompletionItemLabelDetails(description="slm"),
        kind=types.CompletionItemKind.Text,
        detail=found.text if rest else None,
        sort_text=LAST,
        filter_text=found.text,
        text_edit=types.TextEdit(types.Range(start, end), found.text),
        preselect=False,
    )
    return types.CompletionList(is_incomplete=True, items=[item])
