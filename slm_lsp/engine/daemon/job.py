"""A request on its way through the scheduler: what it still has to evaluate, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from slm_lsp.engine.api import Describe, Estimate, Event, Finish, Generate, Priority, Token, Warm
from slm_lsp.engine.daemon.decode import Decoder
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.plan import Plan
from slm_lsp.engine.daemon.prompt import Prompt
from slm_lsp.engine.daemon.prompt_lookup import DraftLength, Lookup
from slm_lsp.engine.daemon.session import Session

Emit = Callable[[Event], None]


@dataclass(slots=True)
class Work:
    """Tokens to evaluate next, in one sequence."""

    sequence: int
    start: int
    tokens: list[int]
    logits: int = 1
    """Of so many of the last tokens the logits are wanted; such work is not split but for its first part."""


@dataclass(slots=True)
class Opening:
    """A prompt whose lead is being evaluated in the scratch sequence."""

    plan: Plan
    prompt: Prompt


@dataclass(eq=False, slots=True)
class Job:
    """A request, or one of several candidates. Only the decoding thread changes it, except for `cancelled`."""

    request: Generate | Warm | Describe | Estimate
    emit: Emit
    arrived: float = 0.0
    cancelled: bool = False
    model: LoadedModel | None = None
    session: Session | None = None
    opening: Opening | None = None
    work: Work | None = None
    decoder: Decoder | None = None
    lookup: Lookup | None = None
    draft_length: DraftLength = field(default_factory=DraftLength)
    drafted: list[int] = field(default_factory=list)
    said: list[int] = field(default_factory=list)
    """Tokens of the answer, for looking up drafts."""
    spoken: list[Token] = field(default_factory=list)
    """What was emitted, for candidates that begin in the middle of it."""
    started: float = 0.0
    first_token: float | None = None
    batches: int = 0
    candidate: int = 0
    finish: Finish | None = None
    answered: bool = False
    siblings: "list[Job]" = field(default_factory=list)
    """All candidates of one request, this one among them; empty where there is only one."""

    @property
    def priority(self) -> Priority:
        """How urgent it is."""
        if isinstance(self.request, Generate):
            return self.request.priority
        return Priority.WARM if isinstance(self.request, Warm) else Priority.INTERACTIVE
