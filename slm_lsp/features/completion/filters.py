"""Filters that shorten, correct or reject the text that the model generated. Each filter is a pure function.

A filter takes a draft and returns a corrected draft, or the reason why nothing should be shown. `fixtures/suggestions/`
has real model output for each filter. The tests check that without the filter this output gives a wrong suggestion.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from slm_lsp.features.completion.around import Surroundings, indentation, opens_block, width
from slm_lsp.features.completion.shape import CLOSERS, closes
from slm_lsp.privacy.secrets import mask

EMPTY = "the model has nothing to suggest here"
REPEATS_BELOW = "the suggestion would repeat the line below"
REPEATS_ABOVE = "the suggestion would repeat the lines above"
ECHOES = "the suggestion would repeat another file of the project"
PLACEHOLDER = "the suggestion is a placeholder or a licence text"
SECRET = "the suggestion looks like a key or a password"  # noqa: S105 - a reason

MIN_REPEATED = 3
"""Minimum length, in characters, of the line below the cursor to be compared with the suggestion. A shorter line, such
as `}`, may occur twice in correct code."""

MIN_REPEATED_ABOVE = 8
"""Minimum total length, in characters, of a group of lines to be treated as a repetition of the lines directly above
it. A shorter group, such as `pass` or `print()`, may occur twice in correct code."""

MIN_ECHOED_LINES = 3
"""Minimum number of lines of a suggestion to be treated as copied from another file. Fewer lines may be equal by
chance."""

MAX_BLANK_LINES, MAX_COLUMNS = 6, 120
"""Limits for the whitespace at the start of a suggestion: number of line ends, and columns of whitespace in one line.
Real code has less."""

OPENERS = {")": "(", "]": "[", "}": "{"}
QUOTES = "\"'`"
AUTO_CLOSED = frozenset(CLOSERS + QUOTES + ";,>")
"""Characters that editors insert after the cursor automatically."""

_PLACEHOLDER = re.compile(
    r"(\bTODO\b|\bFIXME\b|your (code|implementation|logic) (goes )?here|(implement|fill) (me|this)|add your|"
    r"implementation (goes )?here|rest of (the|your) (code|file|function)|copyright \(c\)|licen[sc]ed under|"
    r"SPDX-License|all rights reserved)",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"[\w.]+\Z")


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggestion that is being filtered."""

    text: str
    over: int = 0
    """Number of characters after the cursor that the text replaces."""
    whole: bool = True
    """False if the token limit ended the text."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The result of a filter that rejects the suggestion."""

    reason: str
    """Why the suggestion is rejected, in words for the user."""


Filter: TypeAlias = Callable[[Draft, Surroundings], Draft | Rejected]


def cut_unfinished_end(draft: Draft, around: Surroundings) -> Draft:
    """If the token limit ended the text, remove the last line of a block, or the last word of a single line."""
    if draft.whole:
        return draft
    body, newline, last = draft.text.rpartition("\n")
    kept = body if newline and body.strip() else body + newline + _LAST_WORD.sub("", last)
    return replace(draft, text=kept)


def cut_trailing_whitespace(draft: Draft, _: Surroundings) -> Draft:
    """Remove whitespace at the end."""
    return replace(draft, text=draft.text.rstrip())


def drop_blank(draft: Draft, _: Surroundings) -> Draft | Rejected:
    """Reject a text that is empty or only whitespace."""
    return draft if draft.text.strip() else Rejected(EMPTY)


def drop_long_whitespace(draft: Draft, _: Surroundings) -> Draft | Rejected:
    """Reject a text that starts with too many blank lines or too much indentation: the model has nothing to suggest."""
    lines = draft.text[: len(draft.text) - len(draft.text.lstrip())].split("\n")
    too_long = len(lines) - 1 > MAX_BLANK_LINES or any(width(line) > MAX_COLUMNS for line in lines)
    return Rejected(EMPTY) if too_long else draft


def match_indentation(draft: Draft, around: Surroundings) -> Draft:
    """Indent with tabs or spaces as the file does, and indent the first line no deeper than the code above allows."""
    first, *rest = draft.text.split("\n")
    if not around.before.strip() and first.strip():
        first = _first_line(first, around)
    return replace(draft, text="\n".join([first, *(_in_style(line, around.unit) for line in rest)]))


def _in_style(line: str, unit: str) -> str:
    """Return a line with its indentation converted to the file's style. A tab in the model's text is one level."""
    space = indentation(line)
    if unit == "\t" and " " in space:
        tabs, spaces = divmod(width(space), width(unit))
        return "\t" * tabs + " " * spaces + line[len(space) :]
    if unit != "\t" and "\t" in space:
        return space.replace("\t", unit) + line[len(space) :]
    return line


def _first_line(line: str, around: Surroundings) -> str:
    """Return the first line in the file's style, without the indentation that the cursor's line already has.

    The model often indents a line again although the cursor is already indented.
    """
    styled = _in_style(line, around.unit)
    above = around.line_above
    deepest = width(indentation(above)) + (width(around.unit) if opens_block(above, around.language) else 0)
    existing = width(around.before)
    added = width(indentation(styled))
    if existing + added <= max(deepest, existing) or not above:
        return styled
    missing = max(deepest - existing, 0)
    steps, odd = divmod(missing, width(around.unit))
    return around.unit * steps + " " * odd + styled.lstrip(" \t")


def cut_placeholders(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Cut the text before the first placeholder comment or licence text; reject it if nothing is left."""
    number = placeholder_line(draft, around)
    if number is None:
        return draft
    text = "\n".join(draft.text.split("\n")[:number])
    return replace(draft, text=text) if text.strip() else Rejected(PLACEHOLDER)


def placeholder_line(draft: Draft, around: Surroundings) -> int | None:
    """Return the index of the first line with a placeholder comment, such as `TODO`, or with licence text.

    Return None if no line has one.
    """
    comments = around.language.line_comments if around.language else ("#", "//")
    for number, line in enumerate(draft.text.split("\n")):
        code = ((around.before if number == 0 else "") + line).strip()
        if code.startswith((*comments, "/*", "*")) and _PLACEHOLDER.search(code):
            return number
    return None


def drop_secrets(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Reject a text with a key or password. The model has either invented it or memorized a real one."""
    return draft if mask(around.before + draft.text).endswith(draft.text) else Rejected(SECRET)


def drop_echoes(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Reject a text whose lines are copied from a snippet of another file."""
    lines = [line for line in _normalized(draft.text.split("\n")) if line]
    if len(lines) < MIN_ECHOED_LINES:
        return draft
    text = "\n".join(lines)
    for snippet in around.snippets:
        if text in "\n".join(line for line in _normalized(snippet.text.split("\n")) if line):
            return Rejected(ECHOES)
    return draft


def cut_repetition(draft: Draft, _: Surroundings) -> Draft:
    """Cut the text where it starts to repeat a line or a group of lines. Small models often end in a loop."""
    lines = draft.text.split("\n")
    first_repeated = repetition(lines)
    return draft if first_repeated is None else replace(draft, text="\n".join(lines[:first_repeated]))


def repetition(lines: Sequence[str]) -> int | None:
    """Return the index of the first line that starts to repeat the group of lines above it; None without a repetition.

    Blank lines are ignored. Of several repetitions, the one that is complete first is returned, so that lines added
    later do not change the result.
    """
    numbered = [(number, line) for number, line in enumerate(_normalized(lines)) if line]
    code = [line for _, line in numbered]
    for end in range(2, len(code) + 1):
        for length in range(1, end // 2 + 1):
            group = code[end - length : end]
            if group == code[end - 2 * length : end - length] and _long_enough(group):
                return numbered[end - length][0]
    return None


def drop_repeat_of_lines_above(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Reject a text that repeats the lines directly above it."""
    above = [*around.above, around.before] if _starts_on_next_line(draft, around) else around.above
    lines = [line for line in _normalized(_changed_lines(draft, around)) if line]
    if lines and _long_enough(lines) and [line for line in _normalized(above) if line][-len(lines) :] == lines:
        return Rejected(REPEATS_ABOVE)
    return draft


def _starts_on_next_line(draft: Draft, around: Surroundings) -> bool:
    """Return whether the suggestion adds nothing to the cursor's line and starts on the next line."""
    return bool(around.before.strip()) and draft.text.lstrip(" \t").startswith("\n")


def _changed_lines(draft: Draft, around: Surroundings) -> list[str]:
    """Return the complete lines that the suggestion changes or adds."""
    lines = (around.before + draft.text).split("\n")
    return lines[1:] if _starts_on_next_line(draft, around) else lines


def _long_enough(lines: Sequence[str]) -> bool:
    return sum(map(len, lines)) >= MIN_REPEATED_ABOVE


def replace_auto_closed(draft: Draft, around: Surroundings) -> Draft:
    """Replace the brackets and quotes after the cursor if the text contains them and continues after them."""
    after = around.after.rstrip()
    if not after or not set(after) <= AUTO_CLOSED or "\n" in draft.text:
        return draft
    unopened, replaced = _unopened(draft.text), 0
    for each in after:
        if unopened.startswith(each):
            unopened = unopened[1:]
        elif each not in QUOTES or draft.text.count(each) % 2 == 0:
            break
        replaced += 1
    ends_with_them = draft.text.endswith((after, after[:replaced])) if replaced else True
    return draft if ends_with_them else replace(draft, over=replaced)


def _unopened(text: str) -> str:
    """Return the closing brackets of a text, in order, whose opening brackets are not in the text."""
    depth: list[str] = []
    unopened = ""
    for each in text:
        if each in OPENERS.values():
            depth.append(each)
        elif each in OPENERS:
            if depth and depth[-1] == OPENERS[each]:
                depth.pop()
            else:
                unopened += each
    return unopened


def cut_rest_of_line(draft: Draft, around: Surroundings) -> Draft:
    """Remove the end of the text if the same characters follow the cursor.

    Keep brackets that the text itself opened.
    """
    text = draft.text
    if draft.over:
        return draft
    for after in (around.after.rstrip(), around.after.strip()):
        for length in range(min(len(after), len(text)), 0, -1):
            repeated, kept = after[:length], text[: len(text) - length]
            if repeated.strip() and text.endswith(repeated) and _is_repetition(kept, repeated, after):
                return replace(draft, text=kept + repeated[: _closes_own(kept, repeated)])
    return draft


def _is_repetition(kept: str, repeated: str, after: str) -> bool:
    """Return whether the end of a text repeats the start of the rest of the line.

    Words count only if they are repeated completely: `self` does not repeat the `f` of `for`.

    Args:
        kept: the text without its end.
        repeated: the end of the text, which is also the start of `after`.
        after: the rest of the line after the cursor.
    """
    if not any(map(_is_word_character, repeated)):
        return True
    return repeated == after and not (_is_word_character(repeated[0]) and _is_word_character(kept[-1:]))


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"


def _closes_own(kept: str, repeated: str) -> int:
    """Count the closing brackets at the start of `repeated` that close a bracket opened in `kept`."""
    count = 0
    for bracket in repeated:
        opener = OPENERS.get(bracket)
        seen = kept + repeated[:count]
        if opener is None or seen.count(opener) <= seen.count(bracket):
            break
        count += 1
    return count


def cut_repeat_of_line_below(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """End the text before its first line that equals the next line of the file. Reject the text if nothing is left.

    Indentation is ignored. The same line may be intended in an inner block, but mostly the model has copied it.
    """
    number = repeated_below(draft, around)
    if number is None:
        return draft
    text = "\n".join(draft.text.split("\n")[:number])
    return replace(draft, text=text) if text.strip() else Rejected(REPEATS_BELOW)


def repeated_below(draft: Draft, around: Surroundings) -> int | None:
    """Return the index of the first suggested line that equals the next line of the file; None if no line does."""
    below = around.next_line
    if len(below.strip()) < MIN_REPEATED:
        return None
    for number, line in enumerate(_changed_lines(draft, around)):
        if _normalized([line]) == _normalized([below]):
            return number + _starts_on_next_line(draft, around)
    return None


def _normalized(lines: Sequence[str]) -> list[str]:
    """Return lines for comparison: without whitespace and final `;` and `,`, and with double quotes only."""
    return ["".join(line.split()).replace("'", '"').rstrip(";,") for line in lines]


def cut_duplicate_closing_line(draft: Draft, around: Surroundings) -> Draft:
    """Remove the last line if it closes a block that the next line of the file already closes."""
    lines = draft.text.split("\n")
    if len(lines) < 2 or not all(closes(each, around.language) for each in (lines[-1], around.next_line)):
        return draft
    if width(indentation(lines[-1])) != width(indentation(around.next_line)) or not _unopened(draft.text):
        return draft
    return replace(draft, text="\n".join(lines[:-1]))
