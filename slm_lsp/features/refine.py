"""Decides whether the strong model's answer replaces the fast model's answer that is already shown.

The confidences of two models are not on one scale. Measured on the 330 places of `eval shown` (`docs/evals.md`), the
share of right suggestions by confidence:

| confidence | fast | strong |
|---|---|---|
| 0.75 to 0.8 | 0.14 | 0.42 |
| 0.8 to 0.85 | 0.21 | 0.49 |
| 0.85 to 0.9 | 0.41 | 0.52 |
| from 0.9 | 0.79 | 0.84 |

So below 0.9 the fast model is right less often than the strong one at its least confidence, and from there on equal
confidences mean about the same.
"""

from dataclasses import dataclass

TRUSTED = 0.9
"""From this confidence on the fast model is as often right as the strong one; see the table above."""


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
    if not found.text.strip() or says_the_same(shown.text, found.text):
        return False
    sure = shown.confidence or 0.0
    return not shown.text or sure < TRUSTED or (found.confidence or 0.0) > sure


def says_the_same(one: str, other: str) -> bool:
    """Whether two texts differ at most in white space inside and behind lines; indentation counts."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> list[tuple[str, str]]:
    """Each line as its indentation and the rest without white space. The first line begins at the cursor."""
    first, *rest = text.rstrip().splitlines() or [""]
    indented = [(line[: len(line) - len(line.lstrip())] if line.strip() else "", line) for line in rest]
    return [(indent, "".join(line.split())) for indent, line in [("", first), *indented]]
