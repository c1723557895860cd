"""The request for an edit: which unit of which document is rewritten, and how."""

from dataclasses import dataclass, field

from slm_lsp.engine.api import ModelRef
from slm_lsp.features.edit.cleaning import Surrounding, surrounding_of
from slm_lsp.features.edit.units import Unit
from slm_lsp.languages.registry import Language

CANDIDATES = 4
"""Number of answers to generate together, including the greedy one."""


@dataclass(frozen=True, slots=True)
class EditRequest:
    """All inputs of an edit."""

    path: str
    """Path of the document in its project, with `/`."""
    text: str
    """The whole document."""
    unit: Unit
    instruction: str
    model: ModelRef
    language: Language | None = None
    keep_signature: bool = False
    """Whether the answer starts with the old signature, so that the model cannot change it."""
    context: str = ""
    """Code of the project on which the unit depends, such as signatures of the functions that it calls. Secrets are
    masked."""
    error: str = ""
    """Message of the error to fix: a diagnostic, a stack trace or the output of a failing test."""
    tests: str = ""
    """Source of the tests that the new code must pass. It is part of the prompt."""
    candidates: int = CANDIDATES
    first_pass: bool = False
    """Whether the first candidate that passes the tests is proposed at once. The generation of the other candidates
    then stops."""
    temperature: float = 0.8
    seed: int = 0
    max_tokens: int = field(default=1024)
    """Maximum number of tokens of one answer. For a short unit the limit is lower."""

    @property
    def surrounding(self) -> Surrounding:
        """The unit and the text around it."""
        return surrounding_of(self.text, self.unit.start, self.unit.end)

    def applied(self, new_unit: str) -> str:
        """Return the document with new text in place of the unit."""
        return self.text[: self.unit.start] + new_unit + self.text[self.unit.end :]
