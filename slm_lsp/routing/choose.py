"""Choose the model that answers: ask the provider for an estimate of each tier, then apply the policy."""

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
    """Return the model that answers, by latency. Load no model.

    Args:
        parts: what the prompt is made of.
        provider: runs the models.
        settings: `model` and the latency budget.
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
    """Return the best installed model that fits the memory, for a caller that waits. Errors as in `choose`.

    When `model` is not `auto`, return the model that is set.
    """
    choices = await installed_models(settings)
    if len(choices) == 1:
        return choices[0]
    loaded = [each.model for each in choices if await provider.loaded(each.model) is not None]
    return policy.best(choices, memory.free_memory(), loaded)


async def to_warm(parts: PromptParts, provider: Provider, settings: Settings) -> tuple[Choice, ...]:
    """Return the models whose prompts are evaluated ahead, in this order. Errors as in `choose`.

    The fast tier answers until the strong one is loaded. From then on only the strong tier's prompt is evaluated ahead,
    unless the strong tier is too slow on this machine.
    """
    fast, strong = _tiers(await installed_models(settings))
    if strong is None:
        return (fast,)
    estimate = await _estimate(parts, provider, settings.completion, strong.model)
    if too_slow(estimate, settings.completion.latency_ms / MILLISECONDS):
        return (fast,)
    return (strong,) if estimate is not None and estimate.loaded else (fast, strong)


async def refines(tier: str | None, settings: Settings) -> Choice | None:
    """Return the model that is asked again in the next pause, after a model of `tier` has answered; None for none.

    With `model = "auto"` the fast tier answers only when the strong tier would have missed the latency budget or is not
    loaded. Then the strong tier refines the answer.

    Raises:
        ModelError: as in `choose`.
    """
    if tier != "fast" or settings.model != AUTO or not settings.completion.refine:
        return None
    return _tiers(await installed_models(settings))[1]


def _tiers(choices: Sequence[Choice]) -> tuple[Choice, Choice | None]:
    """Return the fast and the strong tier; with one model only, that model and None."""
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
    return await provider.estimate(Estimate(model, segments(parts, info, settings)))
