"""The parts of a prompt, and the token budgets that limit each part."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slm_lsp.config import CompletionSettings
from slm_lsp.context.anchor import Anchor
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import prompt, snippet_tokens, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import ModelInfo, Segment

OTHER_TOKENS = 64
"""Number of tokens reserved for the FIM tokens, the repository name and the path."""

MIN_WINDOW_TOKENS = 64
"""Minimum number of tokens for the document in a prompt, even if the model's context is tiny."""

HEAD_S = 4.0
"""Maximum time for the evaluation of new snippets, in seconds, at the model's measured speed. Snippets are evaluated
while the user pauses, or before the first answer to a request that the user triggered by hand."""

MIN_SNIPPET_TOKENS = 256
"""Minimum token budget for snippets, even for models that evaluate fewer tokens in `HEAD_S` seconds."""


@dataclass(frozen=True, slots=True)
class PromptParts:
    """The parts of one completion's prompt."""

    cursor: Cursor
    anchor: Anchor
    """End of the prompt's prefix."""
    snippets: tuple[Snippet, ...] = ()
    """Snippets of other files, the most useful last."""


def segments(parts: PromptParts, info: ModelInfo, settings: CompletionSettings) -> tuple[Segment, ...]:
    """Return the prompt for a model, with as much of the document as the budgets and the model's context hold.

    Snippets may take a third of the context; the least useful ones are dropped first.
    """
    room = max(info.context_tokens - max(settings.max_tokens, settings.block_tokens) - OTHER_TOKENS, MIN_WINDOW_TOKENS)
    snippets = fitting(parts.snippets, room // 3)
    room -= math.ceil(sum(map(snippet_tokens, snippets)))
    suffix = min(settings.suffix_tokens, room // 4)
    visible = window(parts.cursor, parts.anchor.offset, min(settings.prefix_tokens, room - suffix), suffix)
    return prompt(parts.cursor, visible, info.fim, snippets)


def snippet_budget(info: ModelInfo, settings: CompletionSettings) -> int:
    """Return the token budget for snippets: the setting, limited to what the model evaluates in `HEAD_S` seconds."""
    if info.prefill_rate is None:
        return settings.snippet_tokens
    return min(settings.snippet_tokens, max(MIN_SNIPPET_TOKENS, int(info.prefill_rate * HEAD_S)))


def fitting(snippets: Sequence[Snippet], tokens: float) -> tuple[Snippet, ...]:
    """Return the last (most useful) snippets that together fit into a number of tokens, in the same order."""
    kept: list[Snippet] = []
    for each in reversed(snippets):
        tokens -= snippet_tokens(each)
        if tokens < 0:
            break
        kept.insert(0, each)
    return tuple(kept)
