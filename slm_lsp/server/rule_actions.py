"""Refactorings by rules as code actions. The change of an action is computed only when the client requests it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from slm_lsp.errors import UsageError
from slm_lsp.features.edit.hunks import Hunk, hunks
from slm_lsp.features.edit.rules.actions import RuleAction, actions_at
from slm_lsp.features.edit.rules.project_files import imported_from, project_layout, python_files
from slm_lsp.features.edit.rules.source import Refused
from slm_lsp.server.document import Document

OWN = ".slm-lsp"
"""Suffix of the kinds of actions for a whole file. Users can switch off these actions and keep other servers' ones."""


@dataclass(frozen=True)
class RulePlace:
    """A selection or a cursor in a document. Its methods parse the document, so call them in a thread."""

    document: Document
    path: str
    """Path of the document in its workspace folder, with `/`; outside every folder, its name."""
    root: Path | None
    """The workspace folder; None if the document is outside every folder."""
    selection: tuple[int, int]

    def actions(self) -> Iterator[tuple[str, RuleAction]]:
        """Yield the possible refactorings with their kinds. Rules that read other files need a workspace folder."""
        kept = self._kept_imports if self.root is not None else None
        document = self.document
        for each in actions_at(self.path, document.text, self.selection, document.syntax.language, None, kept):
            yield kind_of(each.kind), each

    def change(self, name: str) -> tuple[Hunk, ...]:
        """Return the changes that a rule makes. Rules for imports read all Python files of the workspace folder.

        Raises:
            UsageError: the rule refuses, or is not possible here.
        """
        language, layout = self.document.syntax.language, None
        if self.root is not None and language is not None and (name, language.name) == ("organize-imports", "python"):
            layout = project_layout(self.root, self._files)
        kept = self._kept_imports if self.root is not None else None
        found = actions_at(self.path, self.document.text, self.selection, language, layout, kept)
        action = next((each for each in found if each.name == name), None)
        if action is None:
            raise UsageError(f"The rule {name} is not possible here.")
        change = action.change()
        if isinstance(change, Refused):
            raise UsageError(change.reason)
        return tuple(hunk for each in change.files for hunk in hunks(each.old, each.new))

    @cached_property
    def _files(self) -> dict[str, str]:
        return python_files(self.root) if self.root is not None else {}

    def _kept_imports(self) -> Collection[str]:
        return imported_from(self.path, self._files)


def kind_of(kind: str) -> str:
    """Return the kind of a code action as the client gets it."""
    return f"{kind}{OWN}" if kind.startswith("source.") else kind
