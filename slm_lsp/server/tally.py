"""`slm.completionAccepted`: what became of a suggestion, and what was shown; counted on this machine only."""

from typing import Any, get_args

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from slm_lsp.features.completion.complete import Completion
from slm_lsp.features.statistics.counters import ShownSuggestion, Statistics, SuggestionOutcome

COMPLETION_ACCEPTED = "slm.completionAccepted"

MILLISECONDS = 1e3


class Told(msgspec.Struct, frozen=True):
    """The argument of the command."""

    id: str
    kind: SuggestionOutcome
    characters: int | None = None
    """How many of the suggestion's were taken so far."""


class Tally:
    """The statistics, or nothing where the user does not want them. Counts nothing until it is switched on."""

    def __init__(self) -> None:
        self._statistics: Statistics | None = None

    def switch(self, wanted: bool) -> Statistics | None:
        """Start or stop counting. Returns the statistics that were stopped; the caller closes them in a thread."""
        before = self._statistics
        if wanted == (before is not None):
            return None
        self._statistics = Statistics() if wanted else None
        return before

    def shown(self, language: str, completion: Completion, seconds: float) -> None:
        """A request was answered, after so many seconds."""
        if self._statistics is None:
            return
        if not completion.text:
            self._statistics.not_shown(language, completion.tier, completion.reason or "")
            return
        if completion.replaces:
            self._statistics.replaced(completion.replaces)
        self._statistics.shown(
            ShownSuggestion(
                id=completion.id,
                language=language,
                tier=completion.tier,
                model=completion.model,
                source="cache" if completion.cached else "engine",
                confidence=completion.confidence or 0.0,
                characters=len(completion.text),
                lines=len(completion.text.splitlines()),
                latency_ms=seconds * MILLISECONDS,
                tokens=0 if completion.cached else completion.tokens.generated,
            )
        )

    def outcome(self, told: Told) -> None:
        """What became of a suggestion."""
        if self._statistics is not None:
            self._statistics.outcome(told.id, told.kind, told.characters)

    def threshold(self, language: str, tier: str | None) -> float:
        """The confidence below which suggestions are hardly ever accepted."""
        return self._statistics.threshold(language, tier) if self._statistics is not None else 0.0

    def close(self) -> None:
        """Write what is not written yet; may take some seconds."""
        if self._statistics is not None:
            self._statistics.close()


def outcome_command(completion: Completion) -> types.Command | None:
    """What a client runs when the suggestion was accepted."""
    if not completion.id:
        return None
    return types.Command("Count it", COMPLETION_ACCEPTED, arguments=[{"id": completion.id, "kind": "accepted"}])


def read_outcome(told: Any) -> Told:
    """The argument of the command.

    Raises:
        JsonRpcInvalidParams: it says nothing that we know.
    """
    plain = told if isinstance(told, dict) else getattr(told, "_asdict", dict)()
    try:
        return msgspec.convert(plain, Told)
    except msgspec.ValidationError as error:
        kinds = ", ".join(get_args(SuggestionOutcome))
        raise JsonRpcInvalidParams(f"{error}; wanted: id, kind ({kinds}), characters") from error
