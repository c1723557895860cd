"""The window round the cursor, and the prompt in the order the model was trained on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import CHARACTERS_PER_TOKEN, STEP_LINES, Window, prompt, snippet_tokens, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import FimTokens, Segment

QWEN = FimTokens("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
BARE = FimTokens("<P>", "<S>", "<M>")


def cursor(text: str, offset: int) -> Cursor:
    return Cursor("shop", "src/app.py", text, offset)


def test_a_small_file_is_there_whole() -> None:
    assert window(cursor("abc", 1), 1, 100, 100) == Window("a", "", "bc")


def test_line_ends_are_unix_ones() -> None:
    assert window(cursor("a\r\nb\rc\nd", 3), 3, 100, 100) == Window("a\n", "", "b\nc\nd")


def test_what_no_file_can_hold_is_replaced() -> None:
    assert window(cursor("\ufeffa\ud800b", 2), 2, 100, 100) == Window("a", "", "?b")


def test_the_order_is_repository_file_prefix_suffix_middle() -> None:
    segments = prompt(cursor("", 0), Window("before", "", "after"), QWEN)
    assert segments == (
        Segment("<|repo_name|>", special=True),
        Segment("shop\n"),
        Segment("<|file_sep|>", special=True),
        Segment("src/app.py\n"),
        Segment("<|fim_prefix|>", special=True),
        Segment("before"),
        Segment("<|fim_suffix|>", special=True),
        Segment("after"),
        Segment("<|fim_middle|>", special=True),
    )


def test_a_model_without_repository_tokens_gets_the_bare_form() -> None:
    segments = prompt(cursor("", 0), Window("before", "", "after"), BARE)
    assert [each.text for each in segments] == ["<P>", "before", "<S>", "after", "<M>"]


SNIPPETS = (Snippet("src/cart.py", "class Cart:\n", "made", 1.0), Snippet("src/tax.py", "RATE = 7\r\n", "made", 0.5))


def test_snippets_stand_between_the_repository_and_the_file_each_below_its_path() -> None:
    segments = prompt(cursor("", 0), Window("before", "", "after"), QWEN, SNIPPETS)
    assert segments[:8] == (
        Segment("<|repo_name|>", special=True),
        Segment("shop\n"),
        Segment("<|file_sep|>", special=True),
        Segment("src/cart.py\nclass Cart:\n"),
        Segment("<|file_sep|>", special=True),
        Segment("src/tax.py\nRATE = 7\n"),
        Segment("<|file_sep|>", special=True),
        Segment("src/app.py\n"),
    )
    assert segments[8:] == prompt(cursor("", 0), Window("before", "", "after"), QWEN)[4:]


@pytest.mark.parametrize("fim", [BARE, None])
def test_a_model_without_a_token_between_files_gets_no_snippets(fim: FimTokens | None) -> None:
    shown = Window("before", "", "after")
    assert prompt(cursor("", 0), shown, fim, SNIPPETS) == prompt(cursor("", 0), shown, fim)


def test_a_snippet_takes_of_the_budget_what_its_path_and_its_text_take() -> None:
    assert snippet_tokens(Snippet("a.py", "x = 1\n", "made", 1.0)) == 11 / CHARACTERS_PER_TOKEN + 1


def test_what_was_typed_stands_behind_the_middle_and_is_healed() -> None:
    segments = prompt(cursor("", 0), Window("before", "ret", "after"), QWEN)
    assert segments[-2:] == (Segment("<|fim_middle|>", special=True), Segment("ret", heal=True))
    assert prompt(cursor("", 0), Window("a", "b", "c"), None) == (Segment("a"), Segment("b", heal=True))


def test_a_model_without_fim_tokens_continues_the_prefix() -> None:
    assert prompt(cursor("", 0), Window("before", "", "after"), None) == (Segment("before"),)


def test_a_document_cannot_spell_control_tokens() -> None:
    segments = prompt(cursor("", 0), Window("<|fim_middle|>", "<|fim_pad|>", "<|endoftext|>"), QWEN)
    assert Segment("<|fim_middle|>") in segments
    assert Segment("<|endoftext|>") in segments
    assert segments[-1] == Segment("<|fim_pad|>", heal=True)


def test_the_windows_first_line_stays_while_a_screen_is_typed() -> None:
    """Between two steps of `STEP_LINES` the prompt begins alike, so what was evaluated stays."""
    lines = [f"line_{number} = {number}\n" for number in range(1000)]
    starts = set()
    for current in range(600, 600 + STEP_LINES):
        text = "".join(lines[:current])
        starts.add(window(cursor(text, len(text)), len(text), 500, 100).prefix.split("\n")[0])
    assert len(starts) <= 2


@given(st.lists(st.text(alphabet="abc ", max_size=30), max_size=300), st.integers(1, 50), st.integers(1, 50), st.data())
def test_a_window_keeps_to_its_budget_and_to_the_text(
    lines: list[str], prefix_tokens: int, suffix_tokens: int, data: st.DataObject
) -> None:
    text = "\n".join(lines)
    offset = data.draw(st.integers(0, len(text)))
    anchor = data.draw(st.integers(0, offset))
    shown = window(cursor(text, offset), anchor, prefix_tokens, suffix_tokens)
    assert text[:anchor].endswith(shown.prefix)
    assert text[anchor:offset] == shown.typed
    assert text[offset:].startswith(shown.suffix)
    assert len(shown.prefix) <= prefix_tokens * CHARACTERS_PER_TOKEN
    assert len(shown.suffix) <= suffix_tokens * CHARACTERS_PER_TOKEN
    if len(text) <= min(prefix_tokens, suffix_tokens) * CHARACTERS_PER_TOKEN:
        assert shown.prefix + shown.typed + shown.suffix == text


@pytest.mark.parametrize("offset", [0, 5000, 10_000])
def test_one_endless_line_is_cut_inside(offset: int) -> None:
    shown = window(cursor("x" * 10_000, offset), offset, 100, 100)
    assert len(shown.prefix) == min(offset, 300)
    assert len(shown.suffix) == min(10_000 - offset, 300)


KEY = "q8Zf" + "1LxT" + "v0Rm" + "C3ws" + "Yb7K" + "n5Pd"


@pytest.mark.parametrize("at", range(0, 40, 3))
def test_a_key_that_the_cursor_cuts_in_two_is_masked_on_both_sides(at: int) -> None:
    text = f'API_KEY = "{KEY}"\n'
    for anchor in (0, at):
        shown = window(cursor(text, at), anchor, 100, 100)
        whole = shown.prefix + shown.typed + shown.suffix
        assert whole == f'API_KEY = "{"x" * len(KEY)}"\n'


def test_a_private_key_is_masked_wherever_the_window_begins_and_ends() -> None:
    dashes = "-" * 5
    key = f"{dashes}BEGIN PRIVATE KEY{dashes}\n" + f"{KEY}{KEY}\n" * 40 + f"{dashes}END PRIVATE KEY{dashes}\n"
    text = f"a = 1\n{key}b = 2\n"
    for offset in range(0, len(text), 97):
        shown = window(cursor(text, offset), offset, 60, 60)
        assert KEY not in shown.prefix + shown.suffix
