"""`bench keystroke`: time to the first token after each key of recorded typing, compared with two peers.

The peers are llama.cpp's server, and llama-cpp-python with common-prefix reuse. The engine and both peers get the same
window of the same text and use the same model file and the same number of threads. Each session is replayed with all
three, one after the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.llama_server import NAME as SERVER_NAME
from slm_lsp.bench.llama_server import FirstToken, llama_server
from slm_lsp.bench.peers import SETUP, server_binary
from slm_lsp.bench.report import Report
from slm_lsp.bench.typing import TypingSession, load_sessions, replay, spread
from slm_lsp.bench.workers import Worker, worker
from slm_lsp.config import CompletionSettings
from slm_lsp.context.anchor import Anchor, follow
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import CHARACTERS_PER_TOKEN, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.api import FimTokens, ModelRef, Provider
from slm_lsp.errors import UsageError
from slm_lsp.features.completion.complete import complete
from slm_lsp.features.completion.request import CompletionRequest
from slm_lsp.harness.engine import private_engine
from slm_lsp.proportions import percentile

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "typing"
REPOSITORY = "typing"
PREFIX_ONLY_NAME = "llama-cpp-python, common-prefix reuse"
OURS = "ours"
WITH_CONTEXT = "ours, with snippets of other files"


class Peer(Protocol):
    """A program to compare the engine with."""

    @property
    def name(self) -> str:
        """Name of the peer in the report."""

    def first_token(self, prefix: str, suffix: str) -> FirstToken:
        """Request the first token that the model puts between two texts."""


class PrefixOnly:
    """The peer that runs `slm_lsp.engine.backend.prefix_only`."""

    name = PREFIX_ONLY_NAME

    def __init__(self, process: Worker, fim: FimTokens) -> None:
        self._process, self._fim = process, fim
        process.answer()  # waits until the model is loaded

    def first_token(self, prefix: str, suffix: str) -> FirstToken:
        """See `Peer`. The typed text is the end of the prefix."""
        fim = self._fim
        pieces = ((fim.prefix, True), (prefix, False), (fim.suffix, True), (suffix, False), (fim.middle, True))
        answer = self._process.ask({"prompt": [{"text": text, "special": special} for text, special in pieces]})
        return FirstToken(answer["ms"], answer["evaluated"])


@dataclass(slots=True)
class Samples:
    """Measurements of the engine or of one peer."""

    cold: list[float] = field(default_factory=list)
    """Milliseconds of each session's first request, when the file is opened."""
    keys: list[float] = field(default_factory=list)
    """Milliseconds after each key."""
    evaluated: list[int] = field(default_factory=list)
    """Number of prompt tokens evaluated after each key; empty if unknown."""

    def add(self, first: FirstToken, cold: bool) -> None:
        """Add one measurement of a peer."""
        (self.cold if cold else self.keys).append(first.ms)
        if not cold:
            self.evaluated.append(first.evaluated)

    def figures(self) -> dict[str, object]:
        """Return the figures for the report."""
        found: dict[str, object] = {
            "p50_ms": percentile(self.keys, 50),
            "p95_ms": percentile(self.keys, 95),
            "cold_ms": percentile(self.cold, 50),
        }
        if self.evaluated:
            found["evaluated_tokens"] = percentile(self.evaluated, 50)
        return found


@dataclass(frozen=True, slots=True)
class KeystrokeReport(Report):
    """The report. `runs` is the number of sessions. `ratio` is our p50 divided by that of llama.cpp's server."""

    keys: int
    """Number of measured keystrokes. Requests when a file is opened are not counted."""
    ratio_p95: float | None
    ratio_prefix_only: float
    prefix_only: Mapping[str, object]
    ratio_context: float
    """Our p50 with snippets of other files, divided by our p50 without snippets. The engine evaluates snippets when a
    file is opened."""
    with_context: Mapping[str, object]
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield one line for each measured program, then the ratios."""
        yield f"  {'':38s} {'p50':>9s} {'p95':>9s} {'opening':>9s}"
        sides = (self.ours, self.with_context, self.peer, self.prefix_only)
        for name, figures in zip((OURS, WITH_CONTEXT, SERVER_NAME, PREFIX_ONLY_NAME), sides, strict=True):
            if figures.get("p50_ms") is not None:
                shown = " ".join(f"{figures[key]:6.0f} ms" for key in ("p50_ms", "p95_ms", "cold_ms"))
                yield f"  {name:38s} {shown}"
        if self.ratio is not None and self.ratio_p95 is not None:
            yield f"  ratio to {SERVER_NAME}: {self.ratio:.3f} at p50, {self.ratio_p95:.3f} at p95"
        yield f"  ratio to {PREFIX_ONLY_NAME}: {self.ratio_prefix_only:.3f} at p50"
        yield f"  ratio of ours with snippets of other files to ours without: {self.ratio_context:.3f} at p50"
        for each in self.notes:
            yield f"  {each}"


async def first_token_ms(request: CompletionRequest, provider: Provider) -> float:
    """Return the milliseconds from a completion request to its first token, or to the end of an empty answer."""
    timing = (await complete(request, provider)).timing
    return timing.total_ms if timing.first_token_ms is None else timing.first_token_ms


async def run(conditions: Conditions) -> KeystrokeReport:
    """Replay `runs` sessions, evenly spread over the recordings. Replay each one with the engine and with each peer."""
    recorded = load_sessions(RECORDINGS)
    sessions = spread(recorded, conditions.runs)
    notes = [f"{len(sessions)} of {len(recorded)} recorded sessions"] if len(sessions) < len(recorded) else []
    cells, threads = conditions.settings.engine.context_tokens, conditions.threads
    ours, with_context = Samples(), Samples()
    async with private_engine(conditions.settings.engine.backend) as engine:
        fim = await _load(engine, conditions.model)
        with ExitStack() as running:
            peers: list[Peer] = []
            binary = server_binary()
            if binary is None:
                notes.append(f"{SERVER_NAME} is not measured, because it is not set up. Run `{SETUP}`.")
                conditions.note(notes[-1])
            else:
                serving = llama_server(binary, conditions.model, threads, cells, conditions.verbose)
                peers.append(running.enter_context(serving))
            process = running.enter_context(
                worker(
                    PREFIX_ONLY_NAME,
                    "slm_lsp.engine.backend.prefix_only",
                    (conditions.model, threads, cells),
                    conditions.verbose,
                )
            )
            peers.append(PrefixOnly(process, fim))
            theirs = {peer.name: Samples() for peer in peers}
            for number, session in enumerate(sessions, 1):
                ours_before = len(ours.keys)
                await _replay_ours(engine, session, conditions, ours)
                head = other_files(session.file, conditions.settings.completion.snippet_tokens)
                await _replay_ours(engine, session, conditions, with_context, head)
                for peer in peers:
                    _replay_peer(peer, session, conditions.settings.completion, theirs[peer.name])
                shown = {OURS: ours, WITH_CONTEXT: with_context, **theirs}
                medians = (f"{name} {percentile(each.keys[ours_before:], 50):.0f} ms" for name, each in shown.items())
                so_far = (f"{name} {percentile(each.keys, 95):.0f} ms" for name, each in shown.items())
                conditions.note(
                    f"{number}/{len(sessions)} {session.file}, p50 of a key: {', '.join(medians)};"
                    f" p95 so far: {', '.join(so_far)}"
                )
    server, prefix_only = theirs.get(SERVER_NAME), theirs[PREFIX_ONLY_NAME]
    return report(len(sessions), ours, with_context, server, prefix_only, tuple(notes))


def report(
    runs: int,
    ours: Samples,
    with_context: Samples,
    server: Samples | None,
    prefix_only: Samples,
    notes: tuple[str, ...],
) -> KeystrokeReport:
    """Build the report from the measurements of the engine and the peers."""
    p50, p95 = percentile(ours.keys, 50), percentile(ours.keys, 95)
    return KeystrokeReport(
        name="keystroke",
        runs=runs,
        ours=ours.figures(),
        peer={"name": SERVER_NAME, **(server.figures() if server else {"p50_ms": None, "p95_ms": None})},
        ratio=p50 / percentile(server.keys, 50) if server else None,
        unit="ms",
        keys=len(ours.keys),
        ratio_p95=p95 / percentile(server.keys, 95) if server else None,
        ratio_prefix_only=p50 / percentile(prefix_only.keys, 50),
        prefix_only={"name": PREFIX_ONLY_NAME, **prefix_only.figures()},
        ratio_context=percentile(with_context.keys, 50) / p50,
        with_context={"name": WITH_CONTEXT, **with_context.figures()},
        notes=notes,
    )


async def _load(provider: Provider, model: Path) -> FimTokens:
    """Load the model and return the spellings of its control tokens, which the peers need."""
    info = await provider.describe(ModelRef.of(model), explicit=True)
    if info.fim is None:
        raise UsageError(f"{model.name} has no fill-in-the-middle tokens.", "Use another model.")
    return info.fim


def other_files(file: str, tokens: int) -> tuple[Snippet, ...]:
    """Return the first lines of each other recorded file as snippets, with about `tokens` tokens in total."""
    others = sorted({each.file for each in load_sessions(RECORDINGS)} - {file})
    room = int(tokens * CHARACTERS_PER_TOKEN / len(others))
    texts = ((RECORDINGS / other).read_text(encoding="utf-8")[:room] for other in others)
    return tuple(
        Snippet(other, text[: text.rfind("\n") + 1], "recorded", 1.0) for other, text in zip(others, texts, strict=True)
    )


async def _replay_ours(
    provider: Provider,
    session: TypingSession,
    conditions: Conditions,
    samples: Samples,
    snippets: Sequence[Snippet] = (),
) -> None:
    """Replay a session with our engine. There are no pauses, so that nothing is evaluated ahead."""
    anchor: Anchor | None = None
    for number, state in enumerate(replay(session)):
        cursor = Cursor(REPOSITORY, session.file, state.text, state.offset)
        anchor = follow(cursor, anchor)
        parts = PromptParts(cursor, anchor, tuple(snippets))
        request = CompletionRequest(parts, ModelRef.of(conditions.model), conditions.settings.completion)
        elapsed = await first_token_ms(request, provider)
        (samples.keys if number else samples.cold).append(elapsed)


def _replay_peer(peer: Peer, session: TypingSession, settings: CompletionSettings, samples: Samples) -> None:
    """Replay a session with a peer. The typed text is the end of the prefix, as in all clients of these peers."""
    for number, state in enumerate(replay(session)):
        cursor = Cursor(REPOSITORY, session.file, state.text, state.offset)
        shown = window(cursor, cursor.offset, settings.prefix_tokens, settings.suffix_tokens)
        samples.add(peer.first_token(shown.prefix, shown.suffix), cold=number == 0)
