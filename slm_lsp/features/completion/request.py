"""The request for one completion. Its options are set only in `completion_request`.

The server, the command line and the evaluations build their requests here, so a suggestion is the same in all of them.
"""

from dataclasses import dataclass
from enum import Enum

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_word
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.api import ModelRef, Priority
from slm_lsp.features.completion.choose import IsKnown
from slm_lsp.routing.policy import Choice


class Trigger(Enum):
    """What caused a request."""

    TYPING = "typing"
    """A pause in typing."""
    EXPLICIT = "explicit"
    """The user triggered it by hand. The suggestion is shown even at low confidence."""
    AHEAD = "ahead"
    """The server prepares a suggestion that the user may need next. Any other request pre-empts it."""


def nothing_known(_: str) -> bool:
    """Return False: the default for `IsKnown`."""
    return False


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Everything that determines the prompt, the generation and which suggestions may be shown."""

    parts: PromptParts
    model: ModelRef
    settings: CompletionSettings
    trigger: Trigger = Trigger.TYPING
    alternatives: int = 1
    """Number of different suggestions to generate together."""
    best_of_several: bool = False
    """Decode alternatives at low-confidence tokens and return the best one (single lines only)."""
    run_examples: bool = False
    """Choose among the alternatives by running the examples in the docstring of the function (see docs/examples.md)."""
    min_confidence: float = 0.0
    """Suggestions of lower confidence are not shown."""
    is_known: IsKnown = nothing_known
    """Returns whether the project defines a name. Suggestions that use undefined names get a lower rank."""

    @property
    def cursor(self) -> Cursor:
        """The document and the position of the cursor."""
        return self.parts.cursor

    @property
    def explicit(self) -> bool:
        """Whether the user triggered the request by hand."""
        return self.trigger is Trigger.EXPLICIT

    @property
    def priority(self) -> Priority:
        """Urgency of the request in the engine."""
        return Priority.WARM if self.trigger is Trigger.AHEAD else Priority.INTERACTIVE


def completion_request(
    parts: PromptParts,
    choice: Choice,
    settings: Settings,
    *,
    trigger: Trigger = Trigger.TYPING,
    alternatives: int = 1,
    learned_confidence: float = 0.0,
    is_known: IsKnown = nothing_known,
) -> CompletionRequest:
    """Build a request from what the caller knows and what the user has set.

    Args:
        parts: the cursor, the snippets and the anchor, of which the prompt is made.
        choice: the model that answers.
        settings: the user's settings.
        trigger: what caused the request.
        alternatives: number of different suggestions.
        learned_confidence: confidence below which suggestions were hardly ever accepted (`features/statistics`).
        is_known: returns whether the project defines a name.
    """
    explicit = trigger is Trigger.EXPLICIT
    return CompletionRequest(
        parts=parts,
        model=choice.model,
        settings=settings.completion,
        trigger=trigger,
        alternatives=alternatives,
        # Alternatives of the fast tier are not worth their time: see docs/evals.md.
        best_of_several=choice.tier != "fast",
        run_examples=settings.run_examples,
        min_confidence=0.0 if explicit else max(learned_confidence, settings.completion.least_confidence),
        is_known=is_known,
    )


def bare_request(cursor: Cursor, model: ModelRef, settings: CompletionSettings) -> CompletionRequest:
    """Build a request without snippets of other files, for benchmarks and tests."""
    return CompletionRequest(PromptParts(cursor, at_word(cursor)), model, settings)
