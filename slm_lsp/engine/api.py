"""The interface of everything that runs models: the `Provider` protocol and its messages.

Features, the server and the evaluations depend on this module and on nothing else of the engine. The engine on this
machine (`engine/client`) is one provider.

A client numbers its requests; every event carries the number of its request. A request ends with exactly one `Done`,
`Described`, `Estimated`, `Stats` or `Failed`.
"""

from collections.abc import AsyncGenerator, Callable
from enum import IntEnum
from pathlib import Path
from typing import Literal, Protocol, Self, TypeAlias

import msgspec

from slm_lsp.config import EngineSettings

LOADED = 0.25
"""Cores that other programs used during a measurement, on average, above which it is repeated on a quieter machine."""

NOTICEABLE = 1.25
"""A slowdown below this is noise, or the cost of attention over a long prompt."""


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA file that is applied to a model."""

    path: str
    scale: float = 1.0
    """Factor of the adapter's weights."""


class ModelRef(msgspec.Struct, frozen=True):
    """A model file and the adapters applied to it. KV cells, rates and crash counts are kept per `ModelRef`."""

    path: str
    """Path of a GGUF file."""
    adapters: tuple[Adapter, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the model in a file, without adapters."""
        return cls(str(path))

    @property
    def file(self) -> Path:
        """The model's file."""
        return Path(self.path)

    @property
    def key(self) -> str:
        """One line of text that identifies the model and its adapters, for use as a key in a file."""
        return "\t".join([self.path, *(f"{each.path} * {each.scale:g}" for each in self.adapters)])


class Priority(IntEnum):
    """Urgency of a request. A more urgent one (smaller number) pre-empts a less urgent one at the next batch."""

    INTERACTIVE = 0
    EDIT = 1
    BULK = 2
    WARM = 3


class Segment(msgspec.Struct, frozen=True):
    """A piece of prompt tokenised as a unit.

    `special` text may name control tokens such as `<|fim_prefix|>`; in any other text such spellings are plain
    characters, so that no document can steer the prompt.
    """

    text: str
    special: bool = False
    heal: bool = False
    """For the last segment: its end may lie inside a token, so the model chooses that token anew."""


class Stop(msgspec.Struct, frozen=True):
    """When to end beside the model's own end: before the first of `strings` in the generated text.

    With `after_text` a string counts only behind the first character that is no white space.
    """

    strings: tuple[str, ...] = ()
    after_text: bool = False


Reuse: TypeAlias = Literal["all", "exact", "nothing"]
"""What held cells may be used for: whatever is cheapest; only what a fresh evaluation would give; nothing."""


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are chosen: at temperature 0 the most likely one, above it by chance that `seed` decides."""

    temperature: float = 0.0
    min_p: float = 0.05
    """Tokens less likely than this part of the likeliest one are left out."""
    seed: int = 0


class Generate(msgspec.Struct, frozen=True, tag=True):
    """Continue a prompt. Declarative: the engine's state changes what it costs, never what it answers."""

    model: ModelRef
    segments: tuple[Segment, ...]
    max_tokens: int
    stop: Stop = Stop()
    priority: Priority = Priority.INTERACTIVE
    explicit: bool = False
    """The user triggered this request by hand. A model that is refused after crashes is then loaded again."""
    reuse: Reuse = "all"
    draft: str = ""
    """Text that the answer will repeat in parts, such as the code that is edited: speculation looks drafts up in it."""
    candidates: int = 1
    """So many answers at most, decoded together; the first is greedy, the others sampled."""
    sampling: Sampling = Sampling()
    infill_end: bool = False
    """End where the model is not sure what comes, by llama.cpp's rule for infilling."""
    branch_below: float = 0.0
    """Above 0 the other candidates are no samples: where the greedy answer's token is less likely than this, one more
    begins with the second likeliest token and goes on greedily. Not with a draft."""
    form: str = ""
    """A regular expression that the whole answer must match; empty: any answer. Not allowed with a healed segment."""
    id: int = 0
    """Number of the request, set by the connection."""


class Warm(msgspec.Struct, frozen=True, tag=True):
    """Evaluate a prompt so that a later request finds it evaluated; answered by `Done`."""

    model: ModelRef
    segments: tuple[Segment, ...]
    reuse: Reuse = "exact"
    id: int = 0
    """Number of the request, set by the connection."""


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Load a model and say what it is."""

    model: ModelRef
    explicit: bool = False
    """As in `Generate`."""
    measure: bool = False
    """Measure the speed of the model again as soon as no request runs."""
    id: int = 0
    """Number of the request, set by the connection."""


class Estimate(msgspec.Struct, frozen=True, tag=True):
    """How long a prompt would take; answered by `Estimated`. Loads nothing and evaluates nothing."""

    model: ModelRef
    segments: tuple[Segment, ...]
    reuse: Reuse = "exact"
    id: int = 0
    """Number of the request, set by the connection."""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """End request `id` now; it answers with `Failed` of kind `RequestCancelledError`."""

    id: int


class GetStats(msgspec.Struct, frozen=True, tag=True):
    """Ask for the state of the engine; answered by `Stats`."""

    id: int = 0
    """Number of the request, set by the connection."""


class FimTokens(msgspec.Struct, frozen=True):
    """The spellings of a model's fill-in-the-middle tokens; the last two only where the model has them."""

    prefix: str
    suffix: str
    middle: str
    repository: str | None = None
    file: str | None = None


class ChatFormat(msgspec.Struct, frozen=True):
    """How a model writes conversations, as its file declares it; `context/chat.py` renders messages with it."""

    template: str | None = None
    """Jinja template from the metadata key `tokenizer.chat_template`; None if the file has none."""
    bos: str = ""
    """Spelling of the beginning-of-text token; empty if the model has none."""
    eos: str = ""
    """Spelling of the end-of-text token; empty if the model has none."""
    adds_bos: bool = False
    """Whether the engine puts the beginning-of-text token before every prompt. The prompt itself must not have it."""


class ModelInfo(msgspec.Struct, frozen=True):
    """What a client needs to know of a model to lay out a prompt for it."""

    model: ModelRef
    backend: str
    context_tokens: int
    """The longest prompt and answer together, in tokens."""
    fim: FimTokens | None
    """None: the model has no such tokens known to us and can only continue a prefix."""
    prefill_rate: float | None = None
    """Tokens of a prompt evaluated a second on this machine; None before it was measured."""
    chat: ChatFormat = ChatFormat()


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The model is being loaded; `fraction` from 0 to 1."""

    id: int
    fraction: float


class Started(msgspec.Struct, frozen=True, tag=True):
    """Evaluation of the prompt begins."""

    id: int
    queue_ms: float
    """Since the request arrived: waiting for others and for the model to load."""
    prompt_tokens: int
    reused_tokens: int
    """Tokens whose cells were there already."""
    backend: str


Finish: TypeAlias = Literal["end", "stop", "length"]
"""The model's own end, one of the stop strings, or the limit of tokens."""


class Token(msgspec.Struct, frozen=True, tag=True):
    """One generated token, or the end of a candidate.

    `text` is what became certain with it: empty inside a character or a possible stop.
    """

    id: int
    text: str
    logprob: float
    candidate: int = 0
    finish: Finish | None = None
    """Why the candidate ends here; `logprob` is then that of the token that ended it."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """The answer is whole; of several candidates, the last one is."""

    id: int
    finish: Finish
    generated_tokens: int
    """Of all candidates."""
    prefill_ms: float
    """Evaluation of the prompt, pre-emption included."""
    decode_ms: float
    """From the first token to the last."""
    entropy: float = 0.0
    """Of the choice of the first token, in nats."""
    batches: int = 0
    """Evaluations it took behind the prompt: fewer than tokens where drafts were accepted."""


class Described(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Describe`."""

    id: int
    info: ModelInfo


class Estimated(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Estimate`."""

    id: int
    loaded: bool
    """Whether the model is in memory; where it is not, nothing else is known."""
    missing_tokens: int = 0
    """Tokens of the prompt that would have to be evaluated."""
    prefill_s: float | None = None
    """Seconds that would take; None before this machine's speed is known."""
    token_s: float | None = None
    """Seconds of one token of an answer; None before it is known."""
    age_s: float | None = None
    """Seconds since the model was measured on this machine; None before."""
    load: float = 0.0
    """Cores that other programs used during that measurement."""
    slowdown: float = 1.0
    """How many times slower the machine was in the last batches than in that measurement; the times contain it."""


class LoadedStats(msgspec.Struct, frozen=True):
    """A model in memory."""

    model: ModelRef
    backend: str
    why: str
    """Why this binding was chosen."""
    idle_s: float
    batch_s: dict[int, float] = {}
    """Seconds of a batch by its number of tokens, measured in idle time; empty before."""
    prefill_rate: float | None = None
    """Tokens of a prompt evaluated a second, as measured; None before."""
    measured_at: float | None = None
    """When it was measured, in seconds since the epoch; None before."""
    load: float = 0.0
    """Cores that other programs used during the measurement, on average."""
    measuring: bool = False
    """Whether a measurement that was asked for is still to be made."""


class Stats(msgspec.Struct, frozen=True, tag=True):
    """The answer to `GetStats`."""

    id: int
    pid: int
    resident_bytes: int
    clients: int
    running: int
    queued: int
    served: int
    loaded: tuple[LoadedStats, ...]
    settings: EngineSettings
    """What it was started with."""
    executable: str
    """The Python interpreter that runs the engine."""
    package: str
    """The folder of the package `slm_lsp` that the engine was loaded from."""
    slowdown: float = 1.0
    """How many times slower the last batches were than measured."""
    contended: float = 0.0
    """Cores that compute threads share with other programs."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended without an answer; `kind` is a class of `slm_lsp.errors`."""

    id: int
    kind: str
    what: str
    cure: str = ""


Request: TypeAlias = Generate | Warm | Describe | Estimate | Cancel | GetStats
Event: TypeAlias = Loading | Started | Token | Done | Described | Estimated | Stats | Failed
FINAL = (Done, Described, Estimated, Stats, Failed)

OnLoading: TypeAlias = Callable[[float], None]
"""Receives the fraction of a model that is loaded, from 0 to 1."""


def ignore_loading(_: float) -> None:
    """Do nothing: the default for `OnLoading`."""


class Provider(Protocol):
    """Runs models. Each method raises `SlmError` on failure; cancelling a call cancels the request."""

    async def describe(
        self, model: ModelRef, *, explicit: bool = False, on_loading: OnLoading = ignore_loading
    ) -> ModelInfo:
        """Load a model if needed and describe it.

        Args:
            model: which one.
            explicit: as in `Generate`.
            on_loading: called while the model is being loaded.
        """
        ...

    async def loaded(self, model: ModelRef) -> ModelInfo | None:
        """Describe a model that can answer at once; None when it would have to be loaded first."""
        ...

    def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        """Yield the events of a request, up to `Done`. Closing the generator early cancels the request."""
        ...

    async def warm(self, request: Warm) -> None:
        """Evaluate a prompt so that a later request finds it evaluated."""
        ...

    async def estimate(self, request: Estimate) -> Estimated:
        """Estimate how long a prompt takes; loads nothing and evaluates nothing."""
        ...
