"""How much of a document and of other files a prompt holds: budgets of tokens, kept to."""

import math
from collections.abc import Sequence

from slm_lsp.config import CompletionSettings
from slm_lsp.context.anchor import Anchor
from slm_lsp.context.fim import Place, prompt, snippet_tokens, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import ModelInfo, Reuse, Segment

OTHER_TOKENS = 64
"""For the sentinels, the repository's name and the path."""

MIN_WINDOW_TOKENS = 64

HEAD_S = 4.0
"""Seconds that the model may read snippets, at its measured speed, when they have changed: in a pause of typing, and
before the first answer to a request by hand."""

MIN_SNIPPET_TOKENS = 256
"""What is worth reading of other files even on slow machines."""


def segments(
    place: Place, anchor: Anchor, info: ModelInfo, settings: CompletionSettings, snippets: Sequence[Snippet] = ()
) -> tuple[Segment, ...]:
    """The prompt of a place for a model, as much of the document as the budgets and the model's context hold.

    Snippets that would take more than a third of the context are left out, the least of them first.
    """
    room = max(info.context_tokens - max(settings.max_tokens, settings.block_tokens) - OTHER_TOKENS, MIN_WINDOW_TOKENS)
    shown_snippets = fitting(snippets, room // 3)
    room -= math.ceil(sum(map(snippet_tokens, shown_snippets)))
    suffix = min(settings.suffix_tokens, room // 4)
    shown = window(place, anchor.offset, min(settings.prefix_tokens, room - suffix), suffix)
    return prompt(place, shown, info.fim, shown_snippets)


def snippet_budget(info: ModelInfo, settings: CompletionSettings) -> int:
    """Tokens of other files that are read: as many as set, but no more than are evaluated in a pause."""
    if info.prefill_rate is None:
        return settings.snippet_tokens
    return min(settings.snippet_tokens, max(MIN_SNIPPET_TOKENS, int(info.prefill_rate * HEAD_S)))


def fitting(snippets: Sequence[Snippet], tokens: float) -> tuple[Snippet, ...]:
    """The best snippets, which stand last, that fit into so many tokens; their order stays."""
    kept: list[Snippet] = []
    for each in reversed(snippets):
        tokens -= snippet_tokens(each)
        if tokens < 0:
            break
        kept.insert(0, each)
    return tuple(kept)


def reuse_of(settings: CompletionSettings) -> Reuse:
    """What the cells of another prompt may be used for."""
    return "all" if settings.shift_suffix else "exact"
