"""Asks the engine what an answer of each tier would take, and has the router decide."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import Anchor
from slm_lsp.context.fim import Place
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import reuse_of, segments
from slm_lsp.engine.api import Estimate, Estimated, ModelInfo
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.platform import system
from slm_lsp.routing import policy as router
from slm_lsp.routing.installed import models
from slm_lsp.routing.policy import ASKED_FACTOR, AUTO, Choice, answer_s, basis, route, too_slow

MILLISECONDS = 1e3


async def choose(
    place: Place,
    anchor: Anchor,
    engine: EngineClient,
    settings: Settings,
    *,
    snippets: Sequence[Snippet] = (),
    asked: bool = False,
) -> Choice:
    """The model that answers at a place. Loads none.

    Raises:
        ModelError: none can; the text says what to do.
        SlmError: the engine does not answer.
    """
    fast, strong = _tiers(await models(settings))
    if strong is None:
        return fast
    budget_s = settings.completion.latency_ms / MILLISECONDS * (ASKED_FACTOR if asked else 1)
    fast_found, strong_found = [
        await _estimate(place, anchor, engine, settings.completion, each.path, snippets) for each in (fast, strong)
    ]
    chosen = route(fast, strong, answer_s(fast_found), answer_s(strong_found), budget_s)
    based_on = basis(strong_found)
    return replace(chosen, why=f"{chosen.why} ({based_on})") if based_on else chosen


async def best(engine: EngineClient, settings: Settings) -> Choice:
    """The best installed model that fits the memory, for a caller that waits until it is loaded. Errors as in `choose`.

    Where `model` is not `auto`, this is the model that is set.
    """
    choices = await models(settings)
    if len(choices) == 1:
        return choices[0]
    loaded = {each.model for each in (await engine.stats()).loaded}
    return router.best(choices, system.free_memory(), loaded)


async def to_warm(place: Place, anchor: Anchor, engine: EngineClient, settings: Settings) -> tuple[Choice, ...]:
    """The models whose prompts are evaluated ahead, in this order.

    The fast tier bridges until the strong one is ready; from then on only the strong one has to be kept so, unless it
    is too slow on this machine. Errors as in `choose`.
    """
    fast, strong = _tiers(await models(settings))
    if strong is None:
        return (fast,)
    found = await _estimate(place, anchor, engine, settings.completion, strong.path, ())
    if too_slow(found, settings.completion.latency_ms / MILLISECONDS):
        return (fast,)
    return (strong,) if found is not None and found.loaded else (fast, strong)


async def refines(tier: str | None, settings: Settings) -> Choice | None:
    """The model that is asked again, in the next pause, after a model of `tier` has answered; None: no model.

    With `model = "auto"` the fast tier answers only where the strong tier would have missed the latency budget or is
    not in memory. There the strong tier refines the answer.

    Raises:
        ModelError: as in `choose`.
    """
    if tier != "fast" or settings.model != AUTO or not settings.completion.refine:
        return None
    return _tiers(await models(settings))[1]


def _tiers(choices: Sequence[Choice]) -> tuple[Choice, Choice | None]:
    """The fast tier and the strong one; where there is only one model, that and none."""
    strong = next((each for each in choices if each.tier == "strong"), None)
    fast = next((each for each in choices if each is not strong), None)
    if fast is None or strong is None:
        return choices[0], None
    return fast, strong


async def _estimate(
    place: Place,
    anchor: Anchor,
    engine: EngineClient,
    settings: CompletionSettings,
    model: Path,
    snippets: Sequence[Snippet],
) -> Estimated | None:
    """What the engine says of a place's prompt; None where the model is not in memory."""
    info = await _known(engine, model)
    if info is None:
        return None
    wanted = segments(place, anchor, info, settings, snippets)
    return await engine.estimate(Estimate(0, str(model), wanted, reuse_of(settings)))


async def _known(engine: EngineClient, model: Path) -> ModelInfo | None:
    """What is known of a model that is in memory."""
    info = engine.known(model)
    if info is None and any(each.model == str(model) for each in (await engine.stats()).loaded):
        async for event in engine.describe(model):
            if isinstance(event, ModelInfo):
                return event
    return info
