"""From the model's text to what is worth showing: small pure filters, each with its reason.

A filter takes a draft and gives a better one, or says why nothing is to be shown. Real examples of each, which went
wrong without it, are in `fixtures/suggestions/`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from slm_lsp.features.completion.around import Surroundings, indentation, opens_block, width
from slm_lsp.features.completion.shape import CLOSERS, closes
from slm_lsp.privacy.secrets import mask

NOTHING = "the model adds nothing here"
REPEATS_BELOW = "it would repeat the line below"
REPEATS_ABOVE = "it would repeat the lines above"
ECHOES = "it would repeat another file of the project"
PLACEHOLDER = "it is a placeholder or a licence text"
SECRET = "it looks like a key or a password"  # noqa: S105 - a reason

MIN_REPEATED = 3
"""Characters; a shorter line such as `}` or `)` may well stand twice."""

MIN_REPEATED_ABOVE = 8
"""Characters; `pass` or `print()` may well stand twice."""

MIN_ECHOED_LINES = 3

MAX_BLANK_LINES, MAX_COLUMNS = 6, 120
"""Line ends, and columns of white space, that a suggestion may begin with; code does with fewer."""

OPENERS = {")": "(", "]": "[", "}": "{"}
QUOTES = "\"'`"
AUTO_CLOSED = frozenset(CLOSERS + QUOTES + ";,>")
"""What editors put behind the cursor by themselves."""

_PLACEHOLDER = re.compile(
    r"(\bTODO\b|\bFIXME\b|your (code|implementation|logic) (goes )?here|(implement|fill) (me|this)|add your|"
    r"implementation (goes )?here|rest of (the|your) (code|file|function)|copyright \(c\)|licen[sc]ed under|"
    r"SPDX-License|all rights reserved)",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"[\w.]+\Z")


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggestion in the making."""

    text: str
    over: int = 0
    """So many characters behind the cursor are replaced."""
    whole: bool = True
    """False: the model was cut short by the limit of tokens."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be shown."""

    reason: str


Filter: TypeAlias = Callable[[Draft, Surroundings], Draft | Nothing]


def cut_what_was_not_finished(draft: Draft, around: Surroundings) -> Draft:
    """Where the limit of tokens cut the model short, the last line of a block goes, or the last word of a line."""
    if draft.whole:
        return draft
    body, newline, last = draft.text.rpartition("\n")
    kept = body if newline and body.strip() else body + newline + _LAST_WORD.sub("", last)
    return replace(draft, text=kept)


def cut_trailing_space(draft: Draft, _: Surroundings) -> Draft:
    """No suggestion ends in white space."""
    return replace(draft, text=draft.text.rstrip())


def drop_blank(draft: Draft, _: Surroundings) -> Draft | Nothing:
    """White space is no suggestion."""
    return draft if draft.text.strip() else Nothing(NOTHING)


def drop_long_space(draft: Draft, _: Surroundings) -> Draft | Nothing:
    """Reject an answer that begins with too many blank lines or too much indentation: the model has nothing to add."""
    lines = draft.text[: len(draft.text) - len(draft.text.lstrip())].split("\n")
    too_long = len(lines) - 1 > MAX_BLANK_LINES or any(width(line) > MAX_COLUMNS for line in lines)
    return Nothing(NOTHING) if too_long else draft


def indent_as_the_file_does(draft: Draft, around: Surroundings) -> Draft:
    """Tabs or spaces as the file has them; the first line no deeper than it can be."""
    first, *rest = draft.text.split("\n")
    if not around.before.strip() and first.strip():
        first = _first_line(first, around)
    return replace(draft, text="\n".join([first, *(_in_style(line, around.unit) for line in rest)]))


def _in_style(line: str, unit: str) -> str:
    """A line with its indentation in the file's style; a tab of the model is one step."""
    space = indentation(line)
    if unit == "\t" and " " in space:
        tabs, spaces = divmod(width(space), width(unit))
        return "\t" * tabs + " " * spaces + line[len(space) :]
    if unit != "\t" and "\t" in space:
        return space.replace("\t", unit) + line[len(space) :]
    return line


def _first_line(line: str, around: Surroundings) -> str:
    """On a blank line the model may indent anew what is indented already."""
    styled = _in_style(line, around.unit)
    above = around.line_above
    deepest = width(indentation(above)) + (width(around.unit) if opens_block(above, around.language) else 0)
    there = width(around.before)
    extra = width(indentation(styled))
    if there + extra <= max(deepest, there) or not above:
        return styled
    wanted = max(deepest - there, 0)
    steps, odd = divmod(wanted, width(around.unit))
    return around.unit * steps + " " * odd + styled.lstrip(" \t")


def cut_placeholders(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """Comments that say that something is to be written, and licence texts, help nobody."""
    number = placeholder_line(draft, around)
    if number is None:
        return draft
    text = "\n".join(draft.text.split("\n")[:number])
    return replace(draft, text=text) if text.strip() else Nothing(PLACEHOLDER)


def placeholder_line(draft: Draft, around: Surroundings) -> int | None:
    """Index of the first line that is a placeholder comment, such as `TODO`; None if the answer has no such line."""
    comments = around.language.line_comments if around.language else ("#", "//")
    for number, line in enumerate(draft.text.split("\n")):
        code = ((around.before if number == 0 else "") + line).strip()
        if code.startswith((*comments, "/*", "*")) and _PLACEHOLDER.search(code):
            return number
    return None


def drop_secrets(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """A key is made up, or worse, remembered."""
    return draft if mask(around.before + draft.text).endswith(draft.text) else Nothing(SECRET)


def drop_echoes(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """Lines of a snippet, one after the other, are no suggestion: they are in the project already."""
    lines = [line for line in _same(draft.text.split("\n")) if line]
    if len(lines) < MIN_ECHOED_LINES:
        return draft
    wanted = "\n".join(lines)
    for snippet in around.snippets:
        if wanted in "\n".join(line for line in _same(snippet.text.split("\n")) if line):
            return Nothing(ECHOES)
    return draft


def cut_repetition(draft: Draft, _: Surroundings) -> Draft:
    """A line, or a group of lines, said twice in a row is said once: small models turn in circles."""
    lines = draft.text.split("\n")
    kept = repetition(lines)
    return draft if kept is None else replace(draft, text="\n".join(lines[:kept]))


def repetition(lines: Sequence[str]) -> int | None:
    """Index of the first line that repeats the group of lines above it; None without a repetition.

    Blank lines are ignored. Of several repetitions, the one that is complete first is returned, so that lines added
    later do not change the result.
    """
    told = [(number, line) for number, line in enumerate(_same(lines)) if line]
    plain = [line for _, line in told]
    for end in range(2, len(plain) + 1):
        for length in range(1, end // 2 + 1):
            group = plain[end - length : end]
            if group == plain[end - 2 * length : end - length] and _says_enough(group):
                return told[end - length][0]
    return None


def drop_the_lines_above(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """What was written just now is not written again."""
    written = _written(draft, around)
    above = [*around.above, around.before] if _starts_below(draft, around) else around.above
    said = [line for line in _same(written) if line]
    if said and _says_enough(said) and [line for line in _same(above) if line][-len(said) :] == said:
        return Nothing(REPEATS_ABOVE)
    return draft


def _starts_below(draft: Draft, around: Surroundings) -> bool:
    """Whether the suggestion leaves the cursor's line as it is, and begins with the next one."""
    return bool(around.before.strip()) and draft.text.lstrip(" \t").startswith("\n")


def _written(draft: Draft, around: Surroundings) -> list[str]:
    """The whole lines that the document would have, from the first one that the suggestion has a part in."""
    lines = (around.before + draft.text).split("\n")
    return lines[1:] if _starts_below(draft, around) else lines


def _says_enough(lines: Sequence[str]) -> bool:
    return sum(map(len, lines)) >= MIN_REPEATED_ABOVE


def replace_what_the_editor_closed(draft: Draft, around: Surroundings) -> Draft:
    """Where the text closes brackets that stand behind the cursor and goes on, it takes their place."""
    after = around.after.rstrip()
    if not after or not set(after) <= AUTO_CLOSED or "\n" in draft.text:
        return draft
    closed, taken = _closed(draft.text), 0
    for each in after:
        if closed.startswith(each):
            closed = closed[1:]
        elif each not in QUOTES or draft.text.count(each) % 2 == 0:
            break
        taken += 1
    ends_so = draft.text.endswith((after, after[:taken])) if taken else True
    return draft if ends_so else replace(draft, over=taken)


def _closed(text: str) -> str:
    """The brackets that a text closes without having opened them, in order."""
    depth: list[str] = []
    found = ""
    for each in text:
        if each in OPENERS.values():
            depth.append(each)
        elif each in OPENERS:
            if depth and depth[-1] == OPENERS[each]:
                depth.pop()
            else:
                found += each
    return found


def cut_where_the_line_goes_on(draft: Draft, around: Surroundings) -> Draft:
    """Drop the end that stands behind the cursor already; brackets only as far as the suggestion did not open them."""
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
        opener = OPENERS.get(bracket)
        seen = kept + repeated[:count]
        if opener is None or seen.count(opener) <= seen.count(bracket):
            break
        count += 1
    return count


def cut_the_lines_below(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """What stands below already is not said again: the suggestion ends before the next line of the file.

    Whatever its indentation: in an inner block the same line may be meant, but mostly the model has copied it.
    """
    number = repeated_below(draft, around)
    if number is None:
        return draft
    text = "\n".join(draft.text.split("\n")[:number])
    return replace(draft, text=text) if text.strip() else Nothing(REPEATS_BELOW)


def repeated_below(draft: Draft, around: Surroundings) -> int | None:
    """Index of the first suggested line that equals the next line of the file; None if no line does."""
    below = around.next_line
    if len(below.strip()) < MIN_REPEATED:
        return None
    for number, line in enumerate(_written(draft, around)):
        if _same([line]) == _same([below]):
            return number + _starts_below(draft, around)
    return None


def _same(lines: Sequence[str]) -> list[str]:
    """Lines as they are compared: without white space, and without what may differ at their end."""
    return ["".join(line.split()).replace("'", '"').rstrip(";,") for line in lines]


def cut_closing_lines(draft: Draft, around: Surroundings) -> Draft:
    """A last line that closes a block which the file closes below is cut."""
    lines = draft.text.split("\n")
    if len(lines) < 2 or not all(closes(each, around.language) for each in (lines[-1], around.next_line)):
        return draft
    if width(indentation(lines[-1])) != width(indentation(around.next_line)) or not _closed(draft.text):
        return draft
    return replace(draft, text="\n".join(lines[:-1]))
