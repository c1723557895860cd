"""A snippet: a piece of another file that the prompt contains before the file at the cursor."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file of the workspace.

    Args:
        path: path of that file in its workspace, with `/` between folders; the prompt shows it above the text.
        text: whole lines, each with its line end.
        reason: why the snippet was chosen, in words for the user.
        score: rank among the snippets of the same retrieval; higher is better.
        version: hash of the file's content, to notice that the file has changed; empty when unknown.
    """

    path: str
    text: str
    reason: str
    score: float
    version: str = ""
