"""From the model's text to what is worth showing: small pure filters, each with its reason."""

from collections.abc import Callable
from dataclasses import dataclass

from slm_lsp.text import Lines

NOTHING = "the model adds nothing here"
REPEATS_BELOW = "it would repeat the line below"

_OPENERS = {")": "(", "]": "[", "}": "{"}
_MIN_REPEATED = 3
"""Characters; a shorter line such as `}` or `)` may well stand twice."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to insert, or the reason why there is none."""

    text: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    r"""What stands round the cursor, line ends as `\n`."""

    before: str
    """The current line up to the cursor."""
    after: str
    """The current line behind the cursor."""
    below: str
    """The next line that is not blank; empty where there is none."""


Filter = Callable[[str, Surroundings], str | Suggestion]


def surroundings(text: str, offset: int) -> Surroundings:
    """What stands round an offset of a text."""
    lines = Lines(text)
    at = lines.position(offset)
    current = lines.line(at.line)
    below = next((line for n in range(at.line + 1, len(lines.starts)) if (line := lines.line(n)).strip()), "")
    return Surroundings(current[: at.column], current[at.column :], below)


def postprocess(text: str, around: Surroundings) -> Suggestion:
    """Apply every filter in turn; the first that finds a reason to show nothing ends it."""
    for each in FILTERS:
        result = each(text, around)
        if isinstance(result, Suggestion):
            return result
        text = result
    return Suggestion(text)


def cut_trailing_space(text: str, _: Surroundings) -> str:
    """No suggestion ends in white space."""
    return text.rstrip()


def cut_where_the_line_goes_on(text: str, around: Surroundings) -> str:
    """Drop the end that stands behind the cursor already; brackets only as far as the suggestion did not open them."""
    for after in (around.after.rstrip(), around.after.strip()):
        for length in range(min(len(after), len(text)), 0, -1):
            repeated, kept = after[:length], text[: len(text) - length]
            if repeated.strip() and text.endswith(repeated) and _is_repetition(kept, repeated, after):
                return kept + repeated[: _closes_own(kept, repeated)]
    return text


def _is_repetition(kept: str, repeated: str, after: str) -> bool:
    """Punctuation counts wherever it meets; words only whole: `self` does not repeat the `f` of `for`."""
    if not any(map(_in_word, repeated)):
        return True
    return repeated == after and not (_in_word(repeated[0]) and _in_word(kept[-1:]))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _closes_own(kept: str, repeated: str) -> int:
    """How many of the closing brackets that `repeated` begins with close one that `kept` opened."""
    count = 0
    for bracket in repeated:
        opener = _OPENERS.get(bracket)
        seen = kept + repeated[:count]
        if opener is None or seen.count(opener) <= seen.count(bracket):
            break
        count += 1
    return count


def drop_blank(text: str, _: Surroundings) -> str | Suggestion:
    """White space is no suggestion."""
    return text if text.strip() else Suggestion("", NOTHING)


def drop_the_line_below(text: str, around: Surroundings) -> str | Suggestion:
    """A line that stands below already is no suggestion."""
    whole = (text if text.lstrip(" \t").startswith("\n") else around.before + text).strip()
    if len(whole) >= _MIN_REPEATED and whole == around.below.strip():
        return Suggestion("", REPEATS_BELOW)
    return text


FILTERS: tuple[Filter, ...] = (cut_trailing_space, cut_where_the_line_goes_on, drop_blank, drop_the_line_below)
