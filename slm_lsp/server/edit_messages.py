"""The argument and the result of the commands `slm.refactor` and `slm.fix`, as in `docs/protocol.md`."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from slm_lsp.features.edit.propose import MILLISECONDS, EditCandidate
from slm_lsp.routing.policy import Choice
from slm_lsp.server.document import Document
from slm_lsp.text import Encoding

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Place(msgspec.Struct, frozen=True):
    """A position as in LSP."""

    line: _Count
    character: _Count

    @property
    def position(self) -> types.Position:
        """The same position as a type of LSP."""
        return types.Position(self.line, self.character)


class Span(msgspec.Struct, frozen=True):
    """A range as in LSP."""

    start: Place
    end: Place


class DocumentVersion(msgspec.Struct, frozen=True):
    """One version of a document."""

    uri: str
    version: int | None = None
    """The version that the range belongs to; None for the current version."""


class EditArgument(msgspec.Struct, frozen=True, rename={"document": "textDocument"}):
    """The argument of both commands. Each command ignores the fields of the other one."""

    document: DocumentVersion
    range: Span
    """The selection; if it is empty, the cursor."""
    instruction: str | None = None
    error: str | None = None
    """The error to fix, such as the message of a diagnostic."""
    id: str | None = None
    """Id in the messages `slm/stream` and in the result."""
    apply: bool = True
    """Whether the server applies the edit. If false, the client does."""


def parse_argument(argument: Any) -> EditArgument:
    """Return the argument of a command as a typed value.

    Raises:
        JsonRpcInvalidParams: a field is missing or has a wrong value.
    """
    try:
        return msgspec.convert(_plain(argument), EditArgument)
    except msgspec.ValidationError as error:
        raise JsonRpcInvalidParams(f"{error}; expected: textDocument, range, instruction, error, id, apply") from error


def _plain(value: Any) -> Any:
    """Return a value with plain dictionaries instead of the named tuples that pygls may create."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class MadeEdit:
    """The result of making an edit: the edit, or the reason why no edit was made."""

    unit: tuple[int, int]
    """Start and end of the code that the edit could change."""
    candidate: EditCandidate | None
    reason: str | None
    """Why there is no edit, or why the edit must not be applied; otherwise None."""
    choice: Choice | None
    """The model; None if a rule made the edit."""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """The outcome of an edit, from which the result of the command is made."""

    id: str
    document: Document
    made: MadeEdit
    applied: bool
    reason: str | None
    seconds: float

    def as_result(self, encoding: Encoding) -> dict[str, Any]:
        """Return the result of the command. Ranges belong to the version of the document that was edited."""
        document, made, choice = self.document, self.made, self.made.choice
        found = made.candidate
        return {
            "id": self.id,
            "textDocument": {"uri": document.uri, "version": document.version},
            "unit": _range(document, *made.unit, encoding),
            "hunks": [
                {"range": _range(document, each.start, each.end, encoding), "old": each.old, "new": each.new}
                for each in (found.hunks if found else ())
            ],
            "verdict": [
                {"check": each.check, "result": each.result, "evidence": each.evidence}
                for each in (found.verdict.checks if found else ())
            ],
            "applied": self.applied,
            "model": choice.name if choice else None,
            "tier": choice.tier if choice else None,
            "reason": self.reason,
            "timing": {"total_ms": self.seconds * MILLISECONDS},
            "tokens": {
                "prompt": made.prompt_tokens,
                "reused": made.reused_tokens,
                "generated": made.generated_tokens,
            },
        }


def _range(document: Document, start: int, end: int, encoding: Encoding) -> dict[str, dict[str, int]]:
    places = (document.position(each, encoding) for each in (start, end))
    first, last = ({"line": each.line, "character": each.character} for each in places)
    return {"start": first, "end": last}
