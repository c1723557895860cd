"""Applies all filters, in order, to the text that the model generated."""

from dataclasses import dataclass

from slm_lsp.features.completion.around import Surroundings
from slm_lsp.features.completion.endless import drop_endless_calls
from slm_lsp.features.completion.filters import (
    Draft,
    Filter,
    Rejected,
    cut_duplicate_closing_line,
    cut_placeholders,
    cut_repeat_of_line_below,
    cut_repetition,
    cut_rest_of_line,
    cut_trailing_whitespace,
    cut_unfinished_end,
    drop_blank,
    drop_echoes,
    drop_long_whitespace,
    drop_repeat_of_lines_above,
    drop_secrets,
    match_indentation,
    replace_auto_closed,
)
from slm_lsp.features.completion.syntax import cut_line_that_cuts_off, cut_to_what_parses


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to insert, or the reason why nothing is suggested."""

    text: str
    over: int = 0
    """Number of characters after the cursor that the text replaces."""
    reason: str | None = None
    """None if `text` is not empty."""


FILTERS: tuple[Filter, ...] = (
    drop_long_whitespace,
    cut_unfinished_end,
    cut_placeholders,
    cut_trailing_whitespace,
    drop_blank,
    match_indentation,
    cut_repetition,
    replace_auto_closed,
    cut_rest_of_line,
    cut_repeat_of_line_below,
    cut_duplicate_closing_line,
    cut_trailing_whitespace,
    drop_blank,
    drop_repeat_of_lines_above,
    drop_echoes,
    drop_endless_calls,
    drop_secrets,
    cut_to_what_parses,
    cut_line_that_cuts_off,
    cut_trailing_whitespace,
    drop_blank,
)


def postprocess(text: str, around: Surroundings, *, whole: bool = True) -> Suggestion:
    """Apply the filters in turn, until one of them rejects the text.

    Args:
        text: the text that the model generated.
        around: the document around the cursor.
        whole: whether the model ended the text itself; False if the token limit cut it off.
    """
    draft = Draft(text, whole=whole)
    for each in FILTERS:
        found = each(draft, around)
        if isinstance(found, Rejected):
            return Suggestion("", reason=found.reason)
        draft = found
    return Suggestion(draft.text, draft.over)
