"""A prompt in tokens, with what the session must know of its parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slm_lsp.engine.api import FimTokens, Segment
from slm_lsp.engine.daemon.healing import Pieces, cut


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be evaluated.

    `suffix_at` and `middle_at` are where the sentinels before suffix and middle stand; None where the prompt has no
    suffix between two such. `forced` are the bytes that the answer must begin with and that are not part of it.
    """

    tokens: tuple[int, ...]
    suffix_at: int | None = None
    middle_at: int | None = None
    forced: bytes = b""


def build(
    segments: Sequence[Segment],
    start: Sequence[int],
    tokenize: Callable[[Segment], Sequence[int]],
    fim: FimTokens | None,
    piece: Callable[[int], bytes],
    pieces: Callable[[], Pieces],
) -> Prompt:
    """Put the segments together; the last one is healed if it says so.

    Args:
        segments: the whole prompt.
        start: tokens before every prompt of the model.
        tokenize: tokens of a segment.
        fim: spellings of the sentinels.
        piece: bytes of a token.
        pieces: the vocabulary by bytes; asked for only where something is healed.
    """
    tokens = [*start]
    suffix_at = middle_at = None
    forced = b""
    for segment in segments:
        if fim and segment.special and segment.text == fim.suffix:
            suffix_at = len(tokens)
        elif fim and segment.special and segment.text == fim.middle:
            middle_at = len(tokens)
        added = tokenize(segment)
        if segment.heal and segment is segments[-1]:
            kept, forced = cut(added, pieces(), piece)
            added = added[:kept]
        tokens += added
    if suffix_at is None or middle_at is None or middle_at < suffix_at:
        suffix_at = middle_at = None
    return Prompt(tuple(tokens), suffix_at, middle_at, forced)
