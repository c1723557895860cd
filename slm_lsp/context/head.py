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

    Texts count, not places: a snippet whose file was edited is another one.
    """
    total = sum(each.score for each in chosen)
    said = {(each.path, each.text) for each in earlier}
    held = sum(each.score for each in chosen if (each.path, each.text) in said)
    paths = {each.path for each in chosen}
    outdated = any(each.path in paths and (each.path, each.text) not in _keys(chosen) for each in earlier)
    return tuple(earlier) if earlier and not outdated and held >= ENOUGH * total else tuple(chosen)


def _keys(snippets: Sequence[Snippet]) -> set[tuple[str, str]]:
    return {(each.path, each.text) for each in snippets}
