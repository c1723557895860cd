"""Turns the segments of a request into tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slm_lsp.engine.api import Segment
from slm_lsp.engine.daemon.healing import Pieces, cut


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens to evaluate."""

    tokens: tuple[int, ...]
    forced: bytes = b""
    """Bytes that the answer must begin with because of token healing. They are not part of the answer's text."""


def build(
    segments: Sequence[Segment],
    start: Sequence[int],
    tokenize: Callable[[Segment], Sequence[int]],
    piece: Callable[[int], bytes],
    pieces: Callable[[], Pieces],
) -> Prompt:
    """Return the prompt that the segments make. The last segment is healed if it is marked with `heal`.

    Args:
        segments: the whole prompt.
        start: tokens that begin every prompt of the model.
        tokenize: returns the tokens of a segment.
        piece: returns the bytes of a token.
        pieces: returns the vocabulary sorted by bytes; called only if a segment is healed.
    """
    tokens = [*start]
    forced = b""
    for segment in segments:
        added = tokenize(segment)
        if segment.heal and segment is segments[-1]:
            kept, forced = cut(added, pieces(), piece)
            added = added[:kept]
        tokens += added
    return Prompt(tuple(tokens), forced)
