"""The filters, in their order, from what the model said to what is shown."""

from dataclasses import dataclass

from slm_lsp.features.completion.around import Surroundings
from slm_lsp.features.completion.endless import drop_endless_calls
from slm_lsp.features.completion.filters import (
    Draft,
    Filter,
    Nothing,
    cut_closing_lines,
    cut_placeholders,
    cut_repetition,
    cut_the_lines_below,
    cut_trailing_space,
    cut_what_was_not_finished,
    cut_where_the_line_goes_on,
    drop_blank,
    drop_echoes,
    drop_long_space,
    drop_secrets,
    drop_the_lines_above,
    indent_as_the_file_does,
    replace_what_the_editor_closed,
)
from slm_lsp.features.completion.syntax import keep_what_is_below, keep_what_parses


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to insert, or the reason why there is none."""

    text: str
    over: int = 0
    """So many characters behind the cursor it replaces."""
    reason: str | None = None


FILTERS: tuple[Filter, ...] = (
    drop_long_space,
    cut_what_was_not_finished,
    cut_placeholders,
    cut_trailing_space,
    drop_blank,
    indent_as_the_file_does,
    cut_repetition,
    replace_what_the_editor_closed,
    cut_where_the_line_goes_on,
    cut_the_lines_below,
    cut_closing_lines,
    cut_trailing_space,
    drop_blank,
    drop_the_lines_above,
    drop_echoes,
    drop_endless_calls,
    drop_secrets,
    keep_what_parses,
    keep_what_is_below,
    cut_trailing_space,
    drop_blank,
)


def postprocess(text: str, around: Surroundings, *, whole: bool = True) -> Suggestion:
    """Apply every filter in turn; the first that finds a reason to show nothing ends it.

    Args:
        text: what the model said.
        around: what stands round the cursor.
        whole: whether the model came to an end, rather than to the limit of tokens.
    """
    draft = Draft(text, whole=whole)
    for each in FILTERS:
        found = each(draft, around)
        if isinstance(found, Nothing):
            return Suggestion("", reason=found.reason)
        draft = found
    return Suggestion(draft.text, draft.over)
