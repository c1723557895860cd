"""Which model answers, and why: what the user chose, or the best that answers in time.

Measured (HumanEval lines, 2 cores): the strong tier is right half as often again as the fast one, and once a prompt is
evaluated a line of it takes 1.5 times as long. A cascade, which asks the strong tier only where the fast one is not
sure, is right less often than the strong one and takes longer. So `auto` asks the strong tier wherever its answer would
come in time, and the fast one where the strong one's prompt is still to be evaluated.

This applies to editors. A command that answers once can wait, so it uses the best installed model (`best`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slm_lsp.engine.api import LOADED, NOTICEABLE, Estimated
from slm_lsp.errors import ModelMissingError
from slm_lsp.models.store import Installed, Store

AUTO = "auto"

LINE_TOKENS = 12
"""What a line of code has, as an estimate of how long an answer takes."""

MEMORY_FACTOR = 1.5
"""Memory that a model needs, as a multiple of its file: weights, KV cells and the buffers of a batch."""

GIGABYTE = 1e9

ASKED_FACTOR = 2.0
"""The latency budget of a manual request, as a multiple of `completion.latency_ms`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model file to load."""

    path: Path
    name: str
    tier: str | None
    why: str


def choose_model(setting: str, store: Store) -> Choice:
    """The model for a setting, before anything is known of a prompt: of several, `auto` takes the one soonest ready.

    Raises:
        ModelError: it is unknown, missing or corrupt; the text says what to do.
    """
    return possible(setting, store)[0]


def possible(setting: str, store: Store) -> tuple[Choice, ...]:
    """The models that may answer, the fastest first: for `auto` those of all tiers, or else what the user added.

    Raises:
        ModelError: as in `choose_model`.
    """
    if setting != AUTO:
        return (_choice(store.find(setting), f"set to `{setting}`"),)
    installed = store.installed()
    if not installed:
        raise ModelMissingError("No model is installed.", "Run `slm-lsp models pull fast` (491 MB, once).")
    tiers = [each for each in installed if each.tier is not None] or installed[:1]
    only = "the only one installed" if len(tiers) == 1 else "installed"
    return tuple(_choice(store.find(each.path), f"`auto`: the {each.tier or 'model'}, {only}") for each in tiers)


def best(choices: Sequence[Choice], free_bytes: int, loaded: Collection[str] = ()) -> Choice:
    """The best model that fits the free memory: what answers a caller that waits, such as a command.

    Args:
        choices: models that may answer, the fastest first, as `possible` returns them.
        free_bytes: memory that programs may still use.
        loaded: paths of the models that are in memory already.
    """
    if len(choices) == 1:
        return choices[0]
    why = "the best installed model; a command waits for it"
    for each in reversed(choices):
        needed = each.path.stat().st_size * MEMORY_FACTOR
        if str(each.path) in loaded or needed <= free_bytes:
            return replace(each, why=f"{each.tier or each.name}: {why}")
        short = f"needs about {needed / GIGABYTE:.1f} GB of memory, and {free_bytes / GIGABYTE:.1f} GB is free"
        why = f"the {each.tier or each.name} model {short}"
    return replace(choices[0], why=f"{choices[0].tier or choices[0].name}: {why}")


def answer_s(estimate: Estimated | None) -> float | None:
    """Seconds until a line would be whole; None where nobody knows."""
    if estimate is None or estimate.prefill_s is None or estimate.token_s is None:
        return None
    return estimate.prefill_s + LINE_TOKENS * estimate.token_s


def line_s(estimate: Estimated | None) -> float | None:
    """Seconds of a line once its prompt is evaluated; None where nobody knows."""
    return None if estimate is None or estimate.token_s is None else LINE_TOKENS * estimate.token_s


def route(fast: Choice, strong: Choice, fast_s: float | None, strong_s: float | None, budget_s: float) -> Choice:
    """Which of two tiers answers.

    Args:
        fast: the fast tier's model.
        strong: the strong tier's model.
        fast_s: seconds until its answer is there, by `answer_s`.
        strong_s: the same for the strong one.
        budget_s: how long a person waits.
    """
    if strong_s is None:
        return _because(fast, "the strong one is not in memory yet")
    if strong_s <= budget_s:
        return _because(strong, f"its answer takes about {strong_s:.1f} s")
    if fast_s is None:
        return _because(fast, f"the strong one would take {strong_s:.1f} s")
    if fast_s < strong_s:
        return _because(fast, f"about {fast_s:.1f} s, where the strong one would take {strong_s:.1f} s")
    return _because(strong, f"about {strong_s:.1f} s, and the fast one is no faster")


def basis(estimate: Estimated | None) -> str:
    """What an estimate goes by, as a clause for people; empty where nothing was measured."""
    if estimate is None or estimate.age_s is None:
        return ""
    quiet = "on a quiet machine" if estimate.load <= LOADED else f"while other programs used {estimate.load:.1f} cores"
    now = f", now {estimate.slowdown:.1f} times slower" if estimate.slowdown >= NOTICEABLE else ""
    return f"measured {age(estimate.age_s)} ago {quiet}{now}"


def age(seconds: float) -> str:
    """A duration in its largest unit, such as `3 min`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def too_slow(strong: Estimated | None, budget_s: float) -> bool:
    """Whether a tier does not answer in time on this machine even once its prompt is evaluated."""
    seconds = line_s(strong)
    return seconds is not None and seconds > budget_s


def _because(choice: Choice, why: str) -> Choice:
    return Choice(choice.path, choice.name, choice.tier, f"`auto`: {choice.tier or choice.name}, {why}")


def _choice(model: Installed, why: str) -> Choice:
    return Choice(model.path, model.name, model.tier, why)
