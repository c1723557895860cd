"""Decides whether the strong model's answer replaces the fast model's answer that is already shown.

The confidences of the two models are not on the same scale. This is the share of correct suggestions by confidence, at
the 330 cursor positions of `eval shown` (`docs/evals.md`):

| confidence | fast | strong |
|---|---|---|
| 0.75 to 0.8 | 0.14 | 0.42 |
| 0.8 to 0.85 | 0.21 | 0.49 |
| 0.85 to 0.9 | 0.41 | 0.52 |
| from 0.9 | 0.79 | 0.84 |

Below 0.9 the fast model is correct at most as often (0.41) as the strong model at its lowest confidence (0.42). From
0.9 on, the fast model is wrong 1.3 times as often as the strong model (0.21 and 0.16).
"""

from dataclasses import dataclass

TRUSTED = 0.9
"""If the fast model's confidence is below this, any different answer of the strong model replaces its suggestion."""

DOUBT_RATIO = 1.3
"""If the fast model's confidence is at least `TRUSTED`, its doubt (1 - confidence) is multiplied by this and then
compared with the strong model's doubt; see the table above."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The answer of one model at the cursor."""

    text: str
    """Empty if the model had no answer, or if the answer was rejected by a filter or for its low confidence."""
    confidence: float | None
    """Geometric mean of the tokens' probabilities; None if no token was generated."""


def is_better(shown: ModelAnswer, found: ModelAnswer) -> bool:
    """Return whether the strong model's answer should replace the fast model's.

    Args:
        shown: the fast model's answer that the user sees; its text is empty if nothing is shown.
        found: the strong model's answer, after the filters and the check of its confidence.
    """
    if not found.text.strip() or same_code(shown.text, found.text):
        return False
    sure = shown.confidence or 0.0
    return not shown.text or sure < TRUSTED or _doubt(found) <= DOUBT_RATIO * _doubt(shown)


def _doubt(answer: ModelAnswer) -> float:
    return 1.0 - (answer.confidence or 0.0)


def same_code(one: str, other: str) -> bool:
    """Return whether two texts differ at most in whitespace within and at the end of lines. Indentation must match."""
    return _normalized(one) == _normalized(other)


def _normalized(text: str) -> list[tuple[str, str]]:
    """Return each line as its indentation and the rest without whitespace.

    The first line starts at the cursor. A single space at its start separates two words, so it is not indentation.
    """
    lines = [(line[: len(line) - len(line.lstrip())], "".join(line.split())) for line in text.rstrip().splitlines()]
    return [
        (indent if code and (number or len(indent) > 1) else "", code) for number, (indent, code) in enumerate(lines)
    ]
