"""The window around the cursor, and the fill-in-the-middle prompt."""

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


def test_a_small_file_is_in_the_window_completely() -> None:
    assert window(cursor("abc", 1), 1, 100, 100) == Window("a", "", "bc")


def test_line_ends_become_unix_line_ends() -> None:
    assert window(cursor("a\r\nb\rc\nd", 3), 3, 100, 100) == Window("a\n", "", "b\nc\nd")


def test_the_byte_order_mark_is_removed_and_lone_surrogates_are_replaced() -> None:
    assert window(cursor("\ufeffa\ud800b", 2), 2, 100, 100) == Window("a", "", "?b")


def test_the_prompt_order_is_repository_file_prefix_suffix_middle() -> None:
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


def test_without_a_repository_token_the_prompt_is_prefix_suffix_middle() -> None:
    segments = prompt(cursor("", 0), Window("before", "", "after"), BARE)
    assert [each.text for each in segments] == ["<P>", "before", "<S>", "after", "<M>"]


SNIPPETS = (Snippet("src/cart.py", "class Cart:\n", "made", 1.0), Snippet("src/tax.py", "RATE = 7\r\n", "made", 0.5))


def test_snippets_with_their_paths_come_between_repository_and_file() -> None:
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
def test_without_a_file_separator_token_snippets_are_ignored(fim: FimTokens | None) -> None:
    visible = Window("before", "", "after")
    assert prompt(cursor("", 0), visible, fim, SNIPPETS) == prompt(cursor("", 0), visible, fim)


def test_snippet_tokens_count_path_text_and_separator() -> None:
    assert snippet_tokens(Snippet("a.py", "x = 1\n", "made", 1.0)) == 11 / CHARACTERS_PER_TOKEN + 1


def test_typed_text_follows_the_middle_token_and_is_healed() -> None:
    segments = prompt(cursor("", 0), Window("before", "ret", "after"), QWEN)
    assert segments[-2:] == (Segment("<|fim_middle|>", special=True), Segment("ret", heal=True))
    assert prompt(cursor("", 0), Window("a", "b", "c"), None) == (Segment("a"), Segment("b", heal=True))


def test_a_model_without_fim_tokens_continues_the_prefix() -> None:
    assert prompt(cursor("", 0), Window("before", "", "after"), None) == (Segment("before"),)


def test_text_of_a_document_never_becomes_a_control_token() -> None:
    segments = prompt(cursor("", 0), Window("<|fim_middle|>", "<|fim_pad|>", "<|endoftext|>"), QWEN)
    assert Segment("<|fim_middle|>") in segments
    assert Segment("<|endoftext|>") in segments
    assert segments[-1] == Segment("<|fim_pad|>", heal=True)


def test_the_windows_first_line_changes_at_most_once_while_64_lines_are_typed() -> None:
    """If the window starts at the same line as before, the engine can reuse the evaluated prompt."""
    lines = [f"line_{number} = {number}\n" for number in range(1000)]
    starts = set()
    for current in range(600, 600 + STEP_LINES):
        text = "".join(lines[:current])
        starts.add(window(cursor(text, len(text)), len(text), 500, 100).prefix.split("\n")[0])
    assert len(starts) <= 2


@given(st.lists(st.text(alphabet="abc ", max_size=30), max_size=300), st.integers(1, 50), st.integers(1, 50), st.data())
def test_a_window_is_an_unchanged_part_of_the_text_within_its_budget(
    lines: list[str], prefix_tokens: int, suffix_tokens: int, data: st.DataObject
) -> None:
    text = "\n".join(lines)
    offset = data.draw(st.integers(0, len(text)))
    anchor = data.draw(st.integers(0, offset))
    visible = window(cursor(text, offset), anchor, prefix_tokens, suffix_tokens)
    assert text[:anchor].endswith(visible.prefix)
    assert text[anchor:offset] == visible.typed
    assert text[offset:].startswith(visible.suffix)
    assert len(visible.prefix) <= prefix_tokens * CHARACTERS_PER_TOKEN
    assert len(visible.suffix) <= suffix_tokens * CHARACTERS_PER_TOKEN
    if len(text) <= min(prefix_tokens, suffix_tokens) * CHARACTERS_PER_TOKEN:
        assert visible.prefix + visible.typed + visible.suffix == text


@pytest.mark.parametrize("offset", [0, 5000, 10_000])
def test_a_line_longer_than_the_budget_is_cut(offset: int) -> None:
    visible = window(cursor("x" * 10_000, offset), offset, 100, 100)
    assert len(visible.prefix) == min(offset, 300)
    assert len(visible.suffix) == min(10_000 - offset, 300)


KEY = "q8Zf" + "1LxT" + "v0Rm" + "C3ws" + "Yb7K" + "n5Pd"


@pytest.mark.parametrize("at", range(0, 40, 3))
def test_a_key_with_the_cursor_inside_is_masked_on_both_sides(at: int) -> None:
    text = f'API_KEY = "{KEY}"\n'
    for anchor in (0, at):
        visible = window(cursor(text, at), anchor, 100, 100)
        whole = visible.prefix + visible.typed + visible.suffix
        assert whole == f'API_KEY = "{"x" * len(KEY)}"\n'


def test_a_private_key_is_masked_when_the_window_contains_only_a_part() -> None:
    dashes = "-" * 5
    key = f"{dashes}BEGIN PRIVATE KEY{dashes}\n" + f"{KEY}{KEY}\n" * 40 + f"{dashes}END PRIVATE KEY{dashes}\n"
    text = f"a = 1\n{key}b = 2\n"
    for offset in range(0, len(text), 97):
        visible = window(cursor(text, offset), offset, 60, 60)
        assert KEY not in visible.prefix + visible.suffix
