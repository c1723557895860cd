"""The state of one request in the scheduler."""

from collections.abc import Callable
from dataclasses import dataclass, field

from slm_lsp.engine.api import Describe, Estimate, Event, Finish, Generate, Priority, Token, Warm
from slm_lsp.engine.daemon.decode import Decoder
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.prompt_lookup import DraftLength, PromptLookup
from slm_lsp.engine.daemon.session import Session

Emit = Callable[[Event], None]


@dataclass(slots=True)
class Work:
    """Tokens to evaluate next, in one sequence."""

    sequence: int
    start: int
    tokens: list[int]
    logits: int = 1
    """Number of tokens at the end of `tokens` whose logits are needed. They are evaluated in one batch."""


@dataclass(eq=False, slots=True)
class Job:
    """A request, or one candidate of a request. Only the decoding thread changes it, except for `cancelled`."""

    request: Generate | Warm | Describe | Estimate
    emit: Emit
    arrived: float = 0.0
    cancelled: bool = False
    model: LoadedModel | None = None
    session: Session | None = None
    work: Work | None = None
    decoder: Decoder | None = None
    lookup: PromptLookup | None = None
    draft_length: DraftLength = field(default_factory=DraftLength)
    drafted: list[int] = field(default_factory=list)
    generated: list[int] = field(default_factory=list)
    """Tokens of the answer so far; `lookup` finds drafts for the next tokens."""
    emitted: list[Token] = field(default_factory=list)
    """Events sent for this answer. A candidate that branches off later sends them again under its own number."""
    started: float = 0.0
    first_token: float | None = None
    batches: int = 0
    candidate: int = 0
    finish: Finish | None = None
    answered: bool = False
    siblings: "list[Job]" = field(default_factory=list)
    """All candidates of the request, including this one; empty if there is only one."""

    @property
    def priority(self) -> Priority:
        """The request's priority; `WARM` for `Warm`, `INTERACTIVE` for `Describe` and `Estimate`."""
        if isinstance(self.request, Generate):
            return self.request.priority
        return Priority.WARM if isinstance(self.request, Warm) else Priority.INTERACTIVE
