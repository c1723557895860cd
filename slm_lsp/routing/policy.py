"""The policy that chooses a model: the one the user has set, or the best one that answers within the latency budget.

Measured on HumanEval lines with 2 cores: the strong tier's answers are right 1.5 times as often as the fast tier's, and
once the prompt is evaluated a line takes 1.5 times as long. A cascade, which uses the strong tier only when the fast
tier has low confidence, was right less often than the strong tier alone and took longer. So `auto` uses the strong tier
when its estimated latency fits the budget, and the fast tier otherwise.

This applies to editors. A command can wait, so it uses the best installed model (`best`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from slm_lsp.engine.api import LOADED, NOTICEABLE, Estimated, ModelRef
from slm_lsp.errors import ModelMissingError
from slm_lsp.models.store import Installed, Store

AUTO = "auto"

LINE_TOKENS = 12
"""Number of tokens of an average line of code, used to estimate how long an answer takes."""

MEMORY_FACTOR = 1.5
"""Memory that a model needs, as a multiple of its file size: weights, KV cells and buffers."""

GIGABYTE = 1e9

EXPLICIT_FACTOR = 2.0
"""Latency budget of a request that the user triggered by hand, as a multiple of `completion.latency_ms`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, and why it was chosen."""

    model: ModelRef
    name: str
    tier: str | None
    why: str
    """The reason for the choice, in words for the user, as part of a sentence."""


def choose_model(setting: str, store: Store) -> Choice:
    """Return the model for the setting `model`; for `auto`, the fastest tier.

    Raises:
        ModelError: the model is unknown, missing or corrupt; the text says what to do.
    """
    return eligible_models(setting, store)[0]


def eligible_models(setting: str, store: Store) -> tuple[Choice, ...]:
    """Return the models that may answer, the fastest first.

    For `auto` these are all installed tiers; if no tier is installed, the first model that the user has added.

    Raises:
        ModelError: as in `choose_model`.
    """
    if setting != AUTO:
        return (_choice(store.find(setting), f"set to `{setting}`"),)
    installed = store.installed()
    if not installed:
        raise ModelMissingError("No model is installed.", "Run `slm-lsp models pull fast` (491 MB, once).")
    tiers = [each for each in installed if each.tier is not None] or installed[:1]
    only = "the only installed model" if len(tiers) == 1 else "installed"
    return tuple(_choice(store.find(each.path), f"`auto`: {each.tier or each.name}, {only}") for each in tiers)


def best(choices: Sequence[Choice], free_bytes: int, loaded: Collection[ModelRef] = ()) -> Choice:
    """Return the best model that fits the free memory, for callers that can wait, such as commands.

    Args:
        choices: models that may answer, the fastest first, as `eligible_models` returns them.
        free_bytes: free memory, in bytes.
        loaded: models that are in memory already; they need no free memory.
    """
    if len(choices) == 1:
        return choices[0]
    why = "the best installed model; a command waits for it"
    for each in reversed(choices):
        needed = each.model.file.stat().st_size * MEMORY_FACTOR
        if each.model in loaded or needed <= free_bytes:
            return replace(each, why=f"{each.tier or each.name}: {why}")
        short = f"needs about {needed / GIGABYTE:.1f} GB of memory, and {free_bytes / GIGABYTE:.1f} GB is free"
        why = f"the {each.tier or each.name} model {short}"
    return replace(choices[0], why=f"{choices[0].tier or choices[0].name}: {why}")


def answer_s(estimate: Estimated | None) -> float | None:
    """Return the estimated seconds until a whole line is generated; None if no estimate exists."""
    if estimate is None or estimate.prefill_s is None or estimate.token_s is None:
        return None
    return estimate.prefill_s + LINE_TOKENS * estimate.token_s


def line_s(estimate: Estimated | None) -> float | None:
    """Return the estimated seconds for a line whose prompt is already evaluated; None if no estimate exists."""
    return None if estimate is None or estimate.token_s is None else LINE_TOKENS * estimate.token_s


def route(fast: Choice, strong: Choice, fast_s: float | None, strong_s: float | None, budget_s: float) -> Choice:
    """Return the tier that answers.

    Args:
        fast: the fast tier's model.
        strong: the strong tier's model.
        fast_s: seconds until the fast tier has answered, from `answer_s`.
        strong_s: seconds until the strong tier has answered, from `answer_s`.
        budget_s: the latency budget.
    """
    if strong_s is None:
        return _because(fast, "the strong model is not in memory yet")
    if strong_s <= budget_s:
        return _because(strong, f"its answer takes about {strong_s:.1f} s")
    if fast_s is None:
        return _because(fast, f"the strong model would take {strong_s:.1f} s")
    if fast_s < strong_s:
        return _because(fast, f"about {fast_s:.1f} s; the strong model would take {strong_s:.1f} s")
    return _because(strong, f"about {strong_s:.1f} s, and the fast model is not faster")


def basis(estimate: Estimated | None) -> str:
    """Return what an estimate is based on, as part of a sentence; empty when no measurement exists."""
    if estimate is None or estimate.age_s is None:
        return ""
    quiet = "on a quiet machine" if estimate.load <= LOADED else f"while other programs used {estimate.load:.1f} cores"
    now = f", now {estimate.slowdown:.1f} times slower" if estimate.slowdown >= NOTICEABLE else ""
    return f"measured {age(estimate.age_s)} ago {quiet}{now}"


def age(seconds: float) -> str:
    """Return a duration in its largest unit, such as `3 min`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def too_slow(strong: Estimated | None, budget_s: float) -> bool:
    """Return whether a tier misses the latency budget even when its prompt is already evaluated."""
    seconds = line_s(strong)
    return seconds is not None and seconds > budget_s


def _because(choice: Choice, why: str) -> Choice:
    return Choice(choice.model, choice.name, choice.tier, f"`auto`: {choice.tier or choice.name}, {why}")


def _choice(model: Installed, why: str) -> Choice:
    return Choice(ModelRef.of(model.path), model.name, model.tier, why)
