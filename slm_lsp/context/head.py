"""The head of a prompt: the snippets of other files that come before the file itself.

A change at the start of a prompt forces the engine to evaluate everything after it again. So a document keeps its head
as long as the head is nearly the same as the snippets that retrieval would choose now.
"""

from collections.abc import Sequence

from slm_lsp.context.snippets import Snippet

MIN_COVERAGE = 0.7
"""Minimum share of the new snippets' total score that an earlier head must cover to be kept."""


def choose_head(earlier: Sequence[Snippet], chosen: Sequence[Snippet]) -> tuple[Snippet, ...]:
    """Return the earlier head if it covers most of the new choice and is not outdated, else the new choice.

    A snippet counts by the share of its lines that the earlier head contains. A different choice of lines from an
    unchanged file does not make the earlier head outdated, because the choice of lines depends on the cursor.
    """
    known = {each.path: each for each in earlier}
    total = covered = 0.0
    for each in chosen:
        total += each.score
        if (before := known.get(each.path)) is None:
            continue
        if before.text != each.text and before.version != each.version:
            return tuple(chosen)
        covered += each.score * _coverage(each, before)
    return tuple(earlier) if earlier and covered >= MIN_COVERAGE * total else tuple(chosen)


def _coverage(wanted: Snippet, known: Snippet) -> float:
    """Return the share of a snippet's non-blank lines that another snippet of the same file contains."""
    lines = [line for line in wanted.text.splitlines() if line.strip()]
    known_lines = set(known.text.splitlines())
    return sum(line in known_lines for line in lines) / len(lines) if lines else 1.0
