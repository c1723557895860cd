"""The part of a prompt that comes before the file: snippets of other files. It changes only where that pays.

Whatever stands early in a prompt decides whether all that follows has to be evaluated again. So the head of a document
stays while what it says is nearly what would be chosen now.
"""

from collections.abc import Sequence

from slm_lsp.context.snippets import Snippet

ENOUGH = 0.7
"""Share of the newly chosen snippets' scores that an older head has to have to stay."""


def settled(earlier: Sequence[Snippet], chosen: Sequence[Snippet]) -> tuple[Snippet, ...]:
    """The earlier head while it says most of what was chosen now and nothing that has changed since; else the new one.

    A snippet of which the earlier head has half the lines counts half. Another choice of lines of the same file is no
    change of the file: what is shown of it depends on the cursor.
    """
    known = {each.path: each for each in earlier}
    total = held = 0.0
    for each in chosen:
        total += each.score
        if (before := known.get(each.path)) is None:
            continue
        if before.text != each.text and before.version != each.version:
            return tuple(chosen)
        held += each.score * _covered(each, before)
    return tuple(earlier) if earlier and held >= ENOUGH * total else tuple(chosen)


def _covered(wanted: Snippet, known: Snippet) -> float:
    """The share of a snippet's lines that another one of the same file has."""
    lines = [line for line in wanted.text.splitlines() if line.strip()]
    there = set(known.text.splitlines())
    return sum(line in there for line in lines) / len(lines) if lines else 1.0
