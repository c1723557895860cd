"""`textDocument/completion`, for editors that know no inline completion: one item, behind all others."""

from lsprotocol import types

from slm_lsp.features.completion.complete import Completion
from slm_lsp.server.documents import Document
from slm_lsp.text import Encoding

LAST = "\uffff"
"""Sorts behind what any other server says."""

LABEL_CHARACTERS = 60


def knows_inline(capabilities: types.ClientCapabilities) -> bool:
    """Whether a client says that it knows inline completion."""
    document = capabilities.text_document
    return document is not None and document.inline_completion is not None


def completion_list(document: Document, found: Completion, encoding: Encoding) -> types.CompletionList:
    """A list with the suggestion; it is never complete, so that the editor asks again with the next key."""
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
