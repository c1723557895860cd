"""The document that is completed and the position of the cursor in it."""

from dataclasses import dataclass, field

from slm_lsp.languages.syntax_tree import SyntaxTree


@dataclass(frozen=True, slots=True)
class Cursor:
    """A document and the position of the cursor in it.

    Args:
        repository: name of the workspace folder.
        path: path of the document in its workspace, with `/` between folders.
        text: the whole document.
        offset: position of the cursor in `text`, in characters.
        language: the editor's identifier of the document's language; empty when unknown.
        syntax: the tree of the document, or of an earlier version of it; None: the document is parsed when its tree is
            needed.
    """

    repository: str
    path: str
    text: str
    offset: int
    language: str = ""
    syntax: SyntaxTree | None = field(default=None, compare=False, repr=False)
