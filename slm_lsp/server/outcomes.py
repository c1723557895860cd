"""Counts suggestions and how many were accepted, on this machine only. Handles the command `slm.completionAccepted`."""

from typing import Any, get_args

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from slm_lsp.features.completion.complete import Completion
from slm_lsp.features.statistics.counters import ShownSuggestion, Statistics, SuggestionOutcome

COMPLETION_ACCEPTED = "slm.completionAccepted"

MILLISECONDS = 1e3


class OutcomeReport(msgspec.Struct, frozen=True):
    """The argument of the command `slm.completionAccepted`."""

    id: str
    """Id of the suggestion, from the `command` of the item."""
    kind: SuggestionOutcome
    characters: int | None = None
    """Number of characters of the suggestion that the user has accepted so far."""


class Outcomes:
    """Passes counts to the statistics, or drops the counts while statistics are off. Statistics are off at first."""

    def __init__(self) -> None:
        self._statistics: Statistics | None = None

    def switch(self, wanted: bool) -> Statistics | None:
        """Start or stop counting. Return the statistics that were stopped; the caller closes them in a thread."""
        before = self._statistics
        if wanted == (before is not None):
            return None
        self._statistics = Statistics() if wanted else None
        return before

    def answered(self, language: str, completion: Completion, seconds: float) -> None:
        """Count the answer to a request.

        Args:
            language: language of the document.
            completion: the answer; its text may be empty.
            seconds: latency of the answer.
        """
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

    def reported(self, report: OutcomeReport) -> None:
        """Count the outcome that a client reported for a suggestion."""
        if self._statistics is not None:
            self._statistics.outcome(report.id, report.kind, report.characters)

    def threshold(self, language: str, tier: str | None) -> float:
        """Return the confidence below which suggestions were hardly ever accepted; 0 while statistics are off."""
        return self._statistics.threshold(language, tier) if self._statistics is not None else 0.0

    def close(self) -> None:
        """Write the counts that are not on disk yet. May block for some seconds, so call it in a thread."""
        if self._statistics is not None:
            self._statistics.close()


def accepted_command(completion: Completion) -> types.Command | None:
    """Return the command that a client runs when the suggestion is accepted; None for a suggestion without an id."""
    if not completion.id:
        return None
    report = {"id": completion.id, "kind": "accepted"}
    return types.Command("Count an accepted suggestion", COMPLETION_ACCEPTED, arguments=[report])


def parse_report(argument: Any) -> OutcomeReport:
    """Return the argument of the command as a typed value.

    Raises:
        JsonRpcInvalidParams: a field is missing or has a wrong value.
    """
    plain = argument if isinstance(argument, dict) else getattr(argument, "_asdict", dict)()
    try:
        return msgspec.convert(plain, OutcomeReport)
    except msgspec.ValidationError as error:
        kinds = ", ".join(get_args(SuggestionOutcome))
        raise JsonRpcInvalidParams(f"{error}; expected: id, kind ({kinds}), characters") from error
