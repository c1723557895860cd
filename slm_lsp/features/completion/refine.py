"""Decides whether the strong model's answer replaces the fast model's answer that is already shown.

The confidences of two models are not on one scale. Measured on the 330 places of `eval shown` (`docs/evals.md`), the
share of right suggestions by confidence:

| confidence | fast | strong |
|---|---|---|
| 0.75 to 0.8 | 0.14 | 0.42 |
| 0.8 to 0.85 | 0.21 | 0.49 |
| 0.85 to 0.9 | 0.41 | 0.52 |
| from 0.9 | 0.79 | 0.84 |

So below 0.9 the fast model is right no more often than the strong one at its least confidence. From 0.9 on the fast
model is wrong 1.3 times as often as the strong one (0.21 and 0.16).
"""

from dataclasses import dataclass

TRUSTED = 0.9
"""Below this confidence of the fast model any other answer of the strong model replaces the suggestion."""

DOUBT_RATIO = 1.3
"""From `TRUSTED` on, the fast model's doubt (1 - confidence) counts this many times; see the table above."""


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
    return not shown.text or sure < TRUSTED or _doubt(found) <= DOUBT_RATIO * _doubt(shown)


def _doubt(answer: Answer) -> float:
    return 1.0 - (answer.confidence or 0.0)


def says_the_same(one: str, other: str) -> bool:
    """Whether two texts differ at most in white space inside and behind lines; indentation counts."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> list[tuple[str, str]]:
    """Each line as its indentation and the rest without white space.

    The first line begins at the cursor: a single space there stands between two words, more of them are indentation.
    """
    lines = [(line[: len(line) - len(line.lstrip())], "".join(line.split())) for line in text.rstrip().splitlines()]
    return [
        (indent if code and (number or len(indent) > 1) else "", code) for number, (indent, code) in enumerate(lines)
    ]
