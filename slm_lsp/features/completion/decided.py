"""Decides whether generation can be stopped early, because further tokens cannot change what is shown.

`postprocess` returns the same result for the shortened answer as for the complete one.
"""

import math
from collections.abc import Sequence

from slm_lsp.features.completion.around import Surroundings
from slm_lsp.features.completion.endless import drop_endless_calls
from slm_lsp.features.completion.filters import (
    Draft,
    Rejected,
    drop_long_whitespace,
    drop_secrets,
    placeholder_line,
    repeated_below,
    repetition,
)


def decided(text: str, around: Surroundings) -> int | None:
    """Return the length at which a growing block can be cut, because the filters cut or reject everything after it.

    Return None if generation has to continue. Only complete lines are checked, except that too much leading whitespace
    is rejected at once.

    Args:
        text: the block so far.
        around: the document around the cursor.
    """
    if isinstance(drop_long_whitespace(Draft(text), around), Rejected):
        return len(text)
    end = text.rfind("\n")
    if end < 0 or not text[:end].strip():
        return None
    draft = Draft(text[:end])
    if placeholder_line(draft, around) is not None or repeated_below(draft, around) is not None:
        return end
    if repetition(draft.text.split("\n")) is not None:
        return end
    rejected = any(isinstance(each(draft, around), Rejected) for each in (drop_endless_calls, drop_secrets))
    return end if rejected else None


def too_unsure(logprobs: Sequence[float], max_tokens: int, min_confidence: float) -> bool:
    """Return whether an answer cannot reach the required confidence, even if all further tokens were certain.

    Args:
        logprobs: log-probabilities of the tokens so far.
        max_tokens: maximum number of tokens of the answer, including the token that ends it.
        min_confidence: required confidence (geometric mean of the token probabilities); 0 for none.
    """
    return min_confidence > 0 and sum(logprobs) < max(max_tokens, len(logprobs)) * math.log(min_confidence)
