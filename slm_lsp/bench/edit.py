"""`bench edit`: rewriting code with drafts from the original code, compared with plain decoding of the same answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report
from slm_lsp.engine.api import Generate, Segment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.harness.engine import TimedAnswer, private_engine, timed_answer

PEER = "plain decoding"
EDITS = Path(__file__).parents[2] / "fixtures" / "edits.json"
MAX_TOKENS = 1200

SYSTEM = "You edit code. Answer with the whole edited code and nothing else."
PROMPT = "{instruction}\n\n```{language}\n{code}\n```"
LANGUAGES = {".py": "python", ".ts": "typescript", ".go": "go"}


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of code and an instruction to change it."""

    code: str
    language: str
    instruction: str


@dataclass(frozen=True, slots=True)
class EditReport(BindingsReport):
    """The report with medians of tokens per second. `ratio` is the median speed-up with the slower binding."""

    identical: float
    """Share of answers that are identical to those of plain decoding. They may differ where two tokens have nearly the
    same probability, because the size of the batch then decides between them."""


@dataclass(slots=True)
class Answers:
    """Answers without drafts (`plain`) and with drafts (`drafted`), in the order of the edits."""

    plain: list[TimedAnswer] = field(default_factory=list)
    drafted: list[TimedAnswer] = field(default_factory=list)

    @property
    def same(self) -> list[bool]:
        """For each edit, whether both answers are identical."""
        return [one.text == other.text for one, other in zip(self.plain, self.drafted, strict=True)]

    @property
    def speed_ups(self) -> list[float]:
        """For each edit, the tokens per second with drafts divided by those without.

        Seconds are not compared, because the two answers may differ in length.
        """
        return [_rate(one) / _rate(other) for one, other in zip(self.drafted, self.plain, strict=True)]

    def compared(self) -> Compared:
        """Return the medians of the tokens per second with and without drafts, and the median speed-up."""
        return Compared(median(map(_rate, self.drafted)), median(map(_rate, self.plain)), median(self.speed_ups))


async def run(conditions: Conditions) -> EditReport:
    """With each binding, measure the answers to the first `conditions.runs` edits, without and with drafts."""
    edits = load_edits(EDITS)[: conditions.runs]
    answers = {binding: await _answers(conditions, binding, edits) for binding in conditions.bindings}
    found = {binding: each.compared() for binding, each in answers.items()}
    made = bindings_report("edit", conditions, PEER, "tokens/s", found)
    same = [each for side in answers.values() for each in side.same]
    identical = sum(same) / len(same)
    return EditReport(made.name, len(edits), made.ours, made.peer, made.ratio, made.unit, made.ratios, identical)


async def _answers(conditions: Conditions, binding: str, edits: Sequence[Edit]) -> Answers:
    answers = Answers()
    async with private_engine(binding) as engine:
        await _answer(engine, conditions, edits[0], tokens=4)  # loads the model
        for number, edit in enumerate(edits, 1):
            answers.plain.append(await _answer(engine, conditions, edit))
            answers.drafted.append(await _answer(engine, conditions, edit, draft=edit.code))
            done = answers.drafted[-1].done
            conditions.note(
                f"{binding} {number}/{len(edits)}: {answers.speed_ups[-1]:.2f} times as fast, "
                f"{done.generated_tokens} tokens in {done.batches} batches, same answer: {answers.same[-1]}"
            )
    return answers


def load_edits(file: Path) -> Sequence[Edit]:
    """Read the recorded edits: ranges of lines in the files of the typing recordings, each with an instruction."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [_edit(file.parent / "typing" / row["file"], row) for row in rows]


def _edit(source: Path, row: dict[str, object]) -> Edit:
    first, last = row["lines"]  # type: ignore[misc]
    lines = source.read_text(encoding="utf-8").splitlines()[first - 1 : last]  # type: ignore[has-type]
    return Edit("\n".join(lines), LANGUAGES[source.suffix], str(row["instruction"]))


def _rate(answer: TimedAnswer) -> float:
    """Return the tokens per second after the first token, as the engine measured them."""
    return (answer.done.generated_tokens - 1) / max(answer.done.decode_ms, 1e-3) * 1e3


async def _answer(
    engine: EngineClient, conditions: Conditions, edit: Edit, *, draft: str = "", tokens: int = MAX_TOKENS
) -> TimedAnswer:
    segments = (
        Segment("<|im_start|>system\n", special=True),
        Segment(SYSTEM),
        Segment("<|im_end|>\n<|im_start|>user\n", special=True),
        Segment(PROMPT.format(instruction=edit.instruction, language=edit.language, code=edit.code)),
        Segment("<|im_end|>\n<|im_start|>assistant\n", special=True),
        Segment(f"```{edit.language}\n"),
    )
    return await timed_answer(engine, Generate(conditions.ref, segments, tokens, explicit=True, draft=draft))
