"""`bench edit`: rewriting code with drafts looked up in it, beside plain decoding of the same answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from slm_lsp.bench.common import BindingsReport, Conditions, private_engine
from slm_lsp.engine.api import Done, Generate, ModelRef, Segment, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError

PEER = "plain decoding"
EDITS = Path(__file__).parents[2] / "fixtures" / "edits.json"
MAX_TOKENS = 1200

SYSTEM = "You edit code. Answer with the whole edited code and nothing else."
PROMPT = "{instruction}\n\n```{language}\n{code}\n```"
LANGUAGES = {".py": "python", ".ts": "typescript", ".go": "go"}


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of code and what is to be done to it."""

    code: str
    language: str
    instruction: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, and how long it took behind the first token, in milliseconds."""

    text: str
    ms: float
    tokens: int
    batches: int


@dataclass(frozen=True, slots=True)
class EditReport(BindingsReport):
    """`ratio` is the worse binding's median speed-up."""

    identical: float
    """Share of answers that are to the letter those of plain decoding; near-ties flip with the size of a batch."""


async def run(conditions: Conditions) -> EditReport:
    """So many edits as there are runs, with every binding; each plain and drafted in turn."""
    edits = load_edits(EDITS)[: conditions.runs]
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    ratios: dict[str, float] = {}
    same: list[bool] = []
    for binding in conditions.bindings:
        drafted: list[Answer] = []
        plain: list[Answer] = []
        async with private_engine(binding) as engine:
            await _ask(engine, conditions, edits[0], draft=False, tokens=4)
            for number, edit in enumerate(edits, 1):
                plain.append(await _ask(engine, conditions, edit, draft=False))
                drafted.append(await _ask(engine, conditions, edit, draft=True))
                one, other = drafted[-1], plain[-1]
                same.append(one.text == other.text)
                note = f"{binding} {number}/{len(edits)}: {_speed_up(one, other):.2f} times as fast"
                conditions.note(f"{note}, {one.tokens} tokens in {one.batches} batches, same: {same[-1]}")
        ours[binding] = median(_rate(each) for each in drafted)
        theirs[binding] = median(_rate(each) for each in plain)
        ratios[binding] = median(_speed_up(one, other) for one, other in zip(drafted, plain, strict=True))
    peer = {"name": PEER, **theirs}
    identical = sum(same) / len(same)
    return EditReport("edit", len(edits), ours, peer, min(ratios.values()), "tokens/s", ratios, identical)


def load_edits(file: Path) -> Sequence[Edit]:
    """The recorded edits: pieces of the recordings' files, by lines from 1, and an instruction each."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [_edit(file.parent / "typing" / row["file"], row) for row in rows]


def _edit(source: Path, row: dict[str, object]) -> Edit:
    first, last = row["lines"]  # type: ignore[misc]
    lines = source.read_text(encoding="utf-8").splitlines()[first - 1 : last]  # type: ignore[has-type]
    return Edit("\n".join(lines), LANGUAGES[source.suffix], str(row["instruction"]))


def _rate(answer: Answer) -> float:
    return (answer.tokens - 1) / answer.ms * 1e3


def _speed_up(drafted: Answer, plain: Answer) -> float:
    """By tokens a second: where a near-tie flipped, the answers differ in length."""
    return _rate(drafted) / _rate(plain)


async def _ask(
    engine: EngineClient, conditions: Conditions, edit: Edit, *, draft: bool, tokens: int = MAX_TOKENS
) -> Answer:
    said = PROMPT.format(instruction=edit.instruction, language=edit.language, code=edit.code)
    segments = (
        Segment("<|im_start|>system\n", special=True),
        Segment(SYSTEM),
        Segment("<|im_end|>\n<|im_start|>user\n", special=True),
        Segment(said),
        Segment("<|im_end|>\n<|im_start|>assistant\n", special=True),
        Segment(f"```{edit.language}\n"),
    )
    drafts = edit.code if draft else ""
    request = Generate(ModelRef.of(conditions.model), segments, tokens, explicit=True, draft=drafts)
    text: list[str] = []
    async for event in engine.generate(request):
        if isinstance(event, Token):
            text.append(event.text)
        elif isinstance(event, Done):
            return Answer("".join(text), max(event.decode_ms, 1e-3), event.generated_tokens, event.batches)
    raise EngineError("The engine ended a request without an answer.")
