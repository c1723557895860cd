"""Chooses the model that answers: asks the provider for an estimate per tier, then applies the policy."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.window import PromptParts, segments
from slm_lsp.engine.api import Estimate, Estimated, ModelRef, Provider
from slm_lsp.platform import memory
from slm_lsp.routing import policy
from slm_lsp.routing.installed import installed_models
from slm_lsp.routing.policy import AUTO, EXPLICIT_FACTOR, Choice, answer_s, basis, route, too_slow

MILLISECONDS = 1e3


async def choose(parts: PromptParts, provider: Provider, settings: Settings, *, explicit: bool = False) -> Choice:
    """Return the model that answers within the latency budget. Loads no model.

    Args:
        parts: the parts of the prompt.
        provider: runs the models.
        settings: the settings `model` and `completion.latency_ms`.
        explicit: the user triggered the request by hand, which allows `EXPLICIT_FACTOR` times the latency.

    Raises:
        ModelError: no usable model is installed; the text says what to do.
        SlmError: the provider does not answer.
    """
    fast, strong = _tiers(await installed_models(settings))
    if strong is None:
        return fast
    budget_s = settings.completion.latency_ms / MILLISECONDS * (EXPLICIT_FACTOR if explicit else 1)
    fast_estimate, strong_estimate = [
        await _estimate(parts, provider, settings.completion, each.model) for each in (fast, strong)
    ]
    chosen = route(fast, strong, answer_s(fast_estimate), answer_s(strong_estimate), budget_s)
    based_on = basis(strong_estimate)
    return replace(chosen, why=f"{chosen.why} ({based_on})") if based_on else chosen


async def best(provider: Provider, settings: Settings) -> Choice:
    """Return the best installed model that fits the free memory, for callers that can wait. Errors as in `choose`.

    If the setting `model` is not `auto`, return the model that the setting names.
    """
    choices = await installed_models(settings)
    if len(choices) == 1:
        return choices[0]
    loaded = [each.model for each in choices if await provider.loaded(each.model) is not None]
    return policy.best(choices, memory.free_memory(), loaded)


async def models_to_warm(parts: PromptParts, provider: Provider, settings: Settings) -> tuple[Choice, ...]:
    """Return the models that evaluate the prompt ahead of a request, in this order. Errors as in `choose`.

    Until the strong tier is loaded, both tiers evaluate the prompt, because the fast tier still answers. Afterwards
    only the strong tier evaluates it. If the strong tier is too slow on this machine, only the fast tier evaluates it.
    """
    fast, strong = _tiers(await installed_models(settings))
    if strong is None:
        return (fast,)
    estimate = await _estimate(parts, provider, settings.completion, strong.model)
    if too_slow(estimate, settings.completion.latency_ms / MILLISECONDS):
        return (fast,)
    return (strong,) if estimate is not None and estimate.loaded else (fast, strong)


async def refining_model(tier: str | None, settings: Settings) -> Choice | None:
    """Return the model that refines an answer of `tier` in the next pause; None when the answer is not refined.

    With `model = "auto"` the fast tier answers only when the strong tier would have missed the latency budget or is not
    loaded. The strong tier then refines this answer.

    Raises:
        ModelError: as in `choose`.
    """
    if tier != "fast" or settings.model != AUTO or not settings.completion.refine:
        return None
    return _tiers(await installed_models(settings))[1]


def _tiers(choices: Sequence[Choice]) -> tuple[Choice, Choice | None]:
    """Return the models of the fast and the strong tier. If only one tier is installed: its model and None."""
    strong = next((each for each in choices if each.tier == "strong"), None)
    fast = next((each for each in choices if each is not strong), None)
    if fast is None or strong is None:
        return choices[0], None
    return fast, strong


async def _estimate(
    parts: PromptParts, provider: Provider, settings: CompletionSettings, model: ModelRef
) -> Estimated | None:
    """Return the estimate for a prompt; None when the model is not loaded."""
    info = await provider.loaded(model)
    if info is None:
        return None
    prompt = await asyncio.to_thread(segments, parts, info, settings)
    return await provider.estimate(Estimate(model, prompt))
