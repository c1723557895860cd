"""Code that `eval edit` and `eval fix` share.

An evaluation compares arms: ways to make the same edits. Hidden tests judge the attempts of all arms. The arm `bare` is
the model alone.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from slm_lsp.context.chat import Message, render
from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Provider, Stop
from slm_lsp.features.edit.cleaning import Rejected, Surrounding, clean
from slm_lsp.features.edit.hunks import hunks
from slm_lsp.features.edit.units import Unit
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.harness.engine import timed_answer
from slm_lsp.harness.report import Rate, interval
from slm_lsp.languages.registry import languages

BARE_TOKENS = 1024
"""Token limit of an answer of the bare model."""

_IMPORT = re.compile(r"\s*$|(?:from|import)\b|(?:const|let|var)\b.*\brequire\(")
"""A line of imports, or a blank line."""

_FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)


class Arm(msgspec.Struct, frozen=True):
    """Results of one arm."""

    rate: float
    ci95: tuple[float, float]
    mean_s: float
    """Mean seconds per task, including the runs of visible tests."""
    mean_tokens: float
    """Mean number of generated tokens per task, over all candidates."""


class Attempt(msgspec.Struct, frozen=True):
    """The result of one arm for one task."""

    text: str | None
    """The file after the edit; None without an edit."""
    seconds: float
    passed: bool
    """Whether the hidden tests pass."""
    tokens: int = 0
    outside_unit: bool = False
    parse_break: bool = False
    fenced: bool = False
    """Whether the edit added a Markdown fence."""
    claimed: bool = False
    """Whether the verdict says that the visible tests passed."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to a task."""

    text: str | None
    """The file after the edit; None without an edit."""
    tokens: int
    """Number of generated tokens."""
    claimed: bool = False
    """Whether the verdict says that the visible tests passed."""


@dataclass(frozen=True, slots=True)
class EditedFile:
    """The file of a task before the edit."""

    language: str
    text: str
    unit: Unit


def arm_of(attempts: Sequence[Attempt]) -> Arm:
    """Summarize the attempts of one arm; there is at least one."""
    rate, count = Rate.of(sum(each.passed for each in attempts), len(attempts)), len(attempts)
    seconds, tokens = sum(each.seconds for each in attempts), sum(each.tokens for each in attempts)
    return Arm(rate.rate, rate.ci95, seconds / count, tokens / count)


def faults_of(attempts: Sequence[Attempt]) -> dict[str, int]:
    """Count the edits with each fault that the checks must prevent, by the fault's name in the reports."""
    return {
        "outside_unit": sum(each.outside_unit for each in attempts),
        "parse_breaks": sum(each.parse_break for each in attempts),
        "fenced": sum(each.fenced for each in attempts),
    }


def arm_lines(arms: dict[str, Arm]) -> Iterator[str]:
    """Yield the lines of a table of arms."""
    for name, found in arms.items():
        figures = f"{found.mean_s:.1f} s and {found.mean_tokens:.0f} tokens per task"
        yield f"  {name:10s} {found.rate:.3f}, {interval(found.ci95)}, {figures}"


def fault_line(outside_unit: int, parse_breaks: int, fenced: int) -> str:
    """Return the line of a table that reports the faults."""
    return (
        f"  edits outside the unit: {outside_unit}, edits that break the syntax: {parse_breaks}, "
        f"edits with fences: {fenced}"
    )


async def judged(
    file: EditedFile, attempt: Callable[[], Awaitable[Answered]], passes: Callable[[str], Awaitable[bool]]
) -> Attempt:
    """Time an attempt and run the hidden tests on its result.

    Args:
        file: the file before the edit.
        attempt: makes the edit.
        passes: runs the hidden tests on the file after the edit. Its time does not count.
    """
    began = time.perf_counter()
    answered = await attempt()
    seconds = time.perf_counter() - began
    text, unit = answered.text, file.unit
    if text is None:
        return Attempt(None, seconds, passed=False, tokens=answered.tokens)
    return Attempt(
        text,
        seconds,
        await passes(text),
        answered.tokens,
        outside_unit=changed_outside(file.text, text, unit),
        parse_break=check_parsed(languages()[file.language], file.text, text).result == "failed",
        fenced=len(_FENCE.findall(text)) > len(_FENCE.findall(file.text)),
        claimed=answered.claimed,
    )


def changed_outside(old: str, new: str, unit: Unit) -> bool:
    """Return whether an edit changed text outside its unit. Changed imports do not count, because rules add imports."""
    if not new.endswith(old[unit.end :]):
        return True
    above = [each for each in hunks(old, new) if each.start < unit.start]
    changed = [old[each.start : min(each.end, unit.start)] for each in above]
    changed += [each.new for each in above if each.end <= unit.start]
    return not all(_IMPORT.match(line) for text in changed for line in text.splitlines())


async def bare(question: str, file: EditedFile, model: ModelRef, info: ModelInfo, provider: Provider) -> Answered:
    """Return the whole file as the model rewrites it: one prompt, one greedy answer without drafts.

    A fence around the code is removed.

    Args:
        question: what to do, without the file.
        file: the file before the edit.
        model: the model.
        info: its description, with its chat template.
        provider: runs the model.
    """
    chat = render((Message("user", f"{question}\n\n```{file.language}\n{file.text}\n```"),), info.chat)
    request = Generate(model, chat.segments, BARE_TOKENS, Stop(chat.stop), explicit=True)
    answer = await timed_answer(provider, request)
    found = clean(answer.text, Surrounding(file.text), finished=answer.done.finish != "length")
    return Answered(None if isinstance(found, Rejected) else found, answer.done.generated_tokens)
