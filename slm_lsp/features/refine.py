"""Decides whether the strong model's answer replaces the fast model's answer that is already shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer at a place."""

    text: str
    """Empty: the model had no answer, or a filter or the least confidence rejected it."""
    confidence: float | None
    """Geometric mean of the tokens' probabilities; None where no token was generated."""


def is_better(shown: Answer, found: Answer) -> bool:
    """Whether `found`, of the strong model, is to be shown instead of `shown`, of the fast one.

    Args:
        shown: what the user sees; its text is empty where nothing is shown.
        found: what has passed the filters and the strong model's least confidence.
    """
    return bool(found.text.strip()) and not says_the_same(shown.text, found.text)


def says_the_same(one: str, other: str) -> bool:
    """Whether two texts differ at most in white space inside and behind lines; indentation counts."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> list[tuple[str, str]]:
    """The lines, each as its indentation and the rest without white space; where the first one begins is the cursor."""
    first, *rest = text.rstrip().splitlines() or [""]
    indented = [(line[: len(line) - len(line.lstrip())] if line.strip() else "", line) for line in rest]
    return [(indent, "".join(line.split())) for indent, line in [("", first), *indented]]
