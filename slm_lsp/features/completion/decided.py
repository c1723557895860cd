"""Whether an answer that is still growing is decided: what comes next cannot change what is shown.

The engine is then told to stop. `postprocess` gives the same result for the answer so far as for the whole one.
"""

import math
from collections.abc import Sequence

from slm_lsp.features.completion.around import Surroundings
from slm_lsp.features.completion.endless import drop_endless_calls
from slm_lsp.features.completion.filters import (
    Draft,
    Nothing,
    drop_long_space,
    drop_secrets,
    placeholder_line,
    repeated_below,
    repetition,
)


def decided(said: str, around: Surroundings) -> int | None:
    """Where a growing block may end, since filters cut or reject all that follows; None while it has to go on.

    Only whole lines count, since the last one is still growing; leading white space counts at once.
    """
    if isinstance(drop_long_space(Draft(said), around), Nothing):
        return len(said)
    end = said.rfind("\n")
    if end < 0 or not said[:end].strip():
        return None
    draft = Draft(said[:end])
    if placeholder_line(draft, around) is not None or repeated_below(draft, around) is not None:
        return end
    if repetition(draft.text.split("\n")) is not None:
        return end
    rejected = any(isinstance(each(draft, around), Nothing) for each in (drop_endless_calls, drop_secrets))
    return end if rejected else None


def too_unsure(logprobs: Sequence[float], most: int, least: float) -> bool:
    """Whether an answer can no longer be as sure as it has to be, even if all tokens to come were certain.

    Args:
        logprobs: logarithms of the probabilities of the tokens so far.
        most: how many tokens the answer may have, what ends it included.
        least: geometric mean of the probabilities that it needs.
    """
    return least > 0 and sum(logprobs) < max(most, len(logprobs)) * math.log(least)
