"""A snippet: a piece of another file that the model gets to read before the file at the cursor."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file of the workspace.

    Args:
        path: of that file in its workspace, with `/`; the model reads it above the text.
        text: whole lines, each with its end.
        reason: why it was chosen, for people.
        score: how much it is worth beside other snippets of the same choice; higher is better.
        version: tells one content of the file from another; empty where it is not known.
    """

    path: str
    text: str
    reason: str
    score: float
    version: str = ""
