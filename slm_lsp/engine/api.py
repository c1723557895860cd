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
"""Limit for the load during a measurement, in cores that other programs used on average.

A measurement with a higher load is repeated when the machine is idle.
"""

NOTICEABLE = 1.25
"""Minimum slowdown factor that is attributed to other programs.

Smaller factors are noise, or the cost of attention over a long prompt.
"""


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
    """Urgency of a request: a smaller number is more urgent. A more urgent request interrupts less urgent ones."""

    INTERACTIVE = 0
    EDIT = 1
    BULK = 2
    WARM = 3


class Segment(msgspec.Struct, frozen=True):
    """A piece of prompt that is tokenized as a unit."""

    text: str
    special: bool = False
    """Whether `text` may contain control tokens such as `<|fim_prefix|>`. In other segments such spellings are plain
    characters, so text of a document cannot become control tokens."""
    heal: bool = False
    """Only for the last segment: the text may end inside a token, so the engine lets the model generate the last token
    again."""


class Stop(msgspec.Struct, frozen=True):
    """Stop strings: the answer ends before the first of `strings` in the generated text."""

    strings: tuple[str, ...] = ()
    after_text: bool = False
    """Ignore stop strings before the first character that is not whitespace."""


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are chosen."""

    temperature: float = 0.0
    """Temperature of the sampling; 0 means that always the likeliest token is chosen."""
    min_p: float = 0.05
    """Minimum probability of a sampled token, as a share of the likeliest token's probability."""
    seed: int = 0
    """Seed of the random numbers."""


class Generate(msgspec.Struct, frozen=True, tag=True):
    """Continue a prompt. The engine's state, such as reusable KV cells, affects the duration but not the answer."""

    model: ModelRef
    segments: tuple[Segment, ...]
    max_tokens: int
    stop: Stop = Stop()
    priority: Priority = Priority.INTERACTIVE
    explicit: bool = False
    """The user triggered this request by hand. A model that is refused after crashes is then loaded again."""
    fresh: bool = False
    """Evaluate the whole prompt without reusing KV cells; for measurements."""
    draft: str = ""
    """Text that the answer will partly repeat, such as the code to edit. Speculative drafts are copied from it."""
    candidates: int = 1
    """Maximum number of candidates, decoded together. The first is greedy, the others are sampled."""
    sampling: Sampling = Sampling()
    infill_end: bool = False
    """End the answer where the model is unsure how to continue, by the rule of llama.cpp's infill sampler."""
    branch_below: float = 0.0
    """If above 0, candidates are not sampled. Instead, a candidate branches off at each token of the greedy answer
    whose probability is below this value. The candidate takes the second likeliest token there and continues greedily.
    Ignored if `draft` is not empty."""
    form: str = ""
    """Regular expression that the whole answer must match; empty: any answer. Not allowed with a healed segment."""
    id: int = 0
    """Number of the request, set by the connection."""


class Warm(msgspec.Struct, frozen=True, tag=True):
    """Evaluate a prompt so that a later request can reuse its KV cells; answered by `Done`."""

    model: ModelRef
    segments: tuple[Segment, ...]
    id: int = 0
    """Number of the request, set by the connection."""


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Load a model and describe it; answered by `Described`."""

    model: ModelRef
    explicit: bool = False
    """As in `Generate`."""
    measure: bool = False
    """Measure the model's speed again as soon as no request runs."""
    id: int = 0
    """Number of the request, set by the connection."""


class Estimate(msgspec.Struct, frozen=True, tag=True):
    """Estimate how long a prompt takes; answered by `Estimated`. Loads nothing and evaluates nothing."""

    model: ModelRef
    segments: tuple[Segment, ...]
    id: int = 0
    """Number of the request, set by the connection."""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Cancel the request with number `id`. That request then ends with `Failed` of kind `RequestCancelledError`."""

    id: int


class GetStats(msgspec.Struct, frozen=True, tag=True):
    """Request the state of the engine; answered by `Stats`."""

    id: int = 0
    """Number of the request, set by the connection."""


class FimTokens(msgspec.Struct, frozen=True):
    """The spellings of a model's fill-in-the-middle tokens; the last two are None if the model has no such tokens."""

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
    """What a client needs to know about a model to build prompts for it."""

    model: ModelRef
    backend: str
    """Name of the binding that runs the model."""
    context_tokens: int
    """Maximum length of prompt and answer together, in tokens."""
    fim: FimTokens | None
    """The fill-in-the-middle tokens; None if the model has no known ones and can only continue a prefix."""
    prefill_rate: float | None = None
    """Prompt tokens evaluated per second on this machine; None before the first measurement."""
    chat: ChatFormat = ChatFormat()


class Loading(msgspec.Struct, frozen=True, tag=True):
    """Progress of loading the model; `fraction` is from 0 to 1."""

    id: int
    fraction: float


class Started(msgspec.Struct, frozen=True, tag=True):
    """The evaluation of the prompt begins."""

    id: int
    queue_ms: float
    """Milliseconds since the request arrived: the wait for other requests and for the model to load."""
    prompt_tokens: int
    reused_tokens: int
    """Prompt tokens whose KV cells are reused."""
    backend: str


Finish: TypeAlias = Literal["end", "stop", "length"]
"""Why an answer ended: the model ended it, a stop string was generated, or `max_tokens` was reached."""


class Token(msgspec.Struct, frozen=True, tag=True):
    """One generated token, or the end of a candidate."""

    id: int
    text: str
    """Text that is now final. Empty while a character is incomplete, or while the latest text may be the start of a
    stop string."""
    logprob: float
    candidate: int = 0
    finish: Finish | None = None
    """Why the candidate ends here; None if it continues. If it ends, `logprob` belongs to the token that ended it."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """The request is complete, with all of its candidates."""

    id: int
    finish: Finish
    generated_tokens: int
    """Number of tokens generated for all candidates together."""
    prefill_ms: float
    """Milliseconds to evaluate the prompt, including interruptions by more urgent requests."""
    decode_ms: float
    """Milliseconds from the first token to the last."""
    entropy: float = 0.0
    """Entropy of the first token's distribution, in nats."""
    batches: int = 0
    """Number of batches evaluated after the prompt. If drafts were accepted, this is less than the number of tokens."""


class Described(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Describe`."""

    id: int
    info: ModelInfo


class Estimated(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Estimate`."""

    id: int
    loaded: bool
    """Whether the model is in memory. If not, the other fields have their defaults."""
    missing_tokens: int = 0
    """Prompt tokens that would have to be evaluated."""
    prefill_s: float | None = None
    """Seconds to evaluate the missing tokens; None while the speed of this machine is unknown."""
    token_s: float | None = None
    """Seconds per token of an answer; None while unknown."""
    age_s: float | None = None
    """Seconds since the model was measured on this machine; None before the first measurement."""
    load: float = 0.0
    """Cores that other programs used during the measurement, on average."""
    slowdown: float = 1.0
    """Factor by which recent batches were slower than measured. `prefill_s` and `token_s` include this factor."""


class LoadedStats(msgspec.Struct, frozen=True):
    """A model in memory."""

    model: ModelRef
    backend: str
    """Name of the binding that runs the model."""
    why: str
    """Why this binding was chosen."""
    idle_s: float
    """Seconds since the last use."""
    batch_s: dict[int, float] = {}
    """Measured seconds per batch, by the batch's number of tokens; empty before the first measurement."""
    prefill_rate: float | None = None
    """Measured prompt tokens per second; None before the first measurement."""
    measured_at: float | None = None
    """Time of the measurement, in seconds since the epoch; None before the first one."""
    load: float = 0.0
    """Cores that other programs used during the measurement, on average."""
    measuring: bool = False
    """Whether a requested measurement is still pending."""


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
    """Settings that the engine was started with."""
    executable: str
    """The Python interpreter that runs the engine."""
    package: str
    """The folder of the package `slm_lsp` that the engine was loaded from."""
    slowdown: float = 1.0
    """Factor by which recent batches were slower than measured."""
    contended: float = 0.0
    """Cores that the compute threads share with other programs."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended without an answer."""

    id: int
    kind: str
    """Name of the error's class in `slm_lsp.errors`."""
    what: str
    """What happened."""
    cure: str = ""
    """What the user can do; may be empty."""


Request: TypeAlias = Generate | Warm | Describe | Estimate | Cancel | GetStats
Event: TypeAlias = Loading | Started | Token | Done | Described | Estimated | Stats | Failed
FINAL = (Done, Described, Estimated, Stats, Failed)
"""Events that end a request."""

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
            model: the model to describe.
            explicit: as in `Generate`.
            on_loading: called while the model is being loaded.
        """
        ...

    async def loaded(self, model: ModelRef) -> ModelInfo | None:
        """Describe a model that can answer at once; None if the model would have to be loaded first."""
        ...

    def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        """Yield the events of a request, up to `Done`. Closing the generator early cancels the request."""
        ...

    async def warm(self, request: Warm) -> None:
        """Evaluate a prompt so that a later request can reuse its KV cells."""
        ...

    async def estimate(self, request: Estimate) -> Estimated:
        """Estimate how long a prompt takes; loads nothing and evaluates nothing."""
        ...
