"""Splitting a text into chunks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.index import chunks as chunks_module
from slm_lsp.index.chunks import MAX_LINES, chunks
from slm_lsp.index.extract import extract, symbols
from slm_lsp.languages.registry import languages

FUNCTION = "# what {0} does\n@cached\ndef {0}(a):\n    b = a\n\n    return b\n\n\n"


def test_chunks_keep_functions_with_their_comments_and_decorators() -> None:
    text = "import os\n\n\n" + "".join(FUNCTION.format(f"f{number}") for number in range(20))
    lines = text.split("\n")
    found = chunks(lines, symbols(languages()["python"], text)[0])
    for chunk in found[1:]:
        assert lines[chunk.first].startswith("# what")
    for chunk in found:
        assert lines[chunk.last - 1] in ("    return b", "import os")
    assert found[1].name.startswith("f")


def test_long_function_is_cut_after_blank_lines() -> None:
    body = "".join(f"    x{number} = {number}\n" + ("\n" if number % 7 == 6 else "") for number in range(100))
    lines = f"def long():\n{body}".split("\n")
    found = chunks(lines, symbols(languages()["python"], "\n".join(lines))[0])
    assert len(found) > 2
    assert all(lines[each.last] == "" for each in found[:-1])
    assert {each.name for each in found} == {"long"}


@given(
    st.lists(st.sampled_from(["", "def f():", "    x = 1", "class A:", "    def g(self):", "        y", "# c", "}"]))
)
def test_every_nonblank_line_is_in_exactly_one_chunk(lines: list[str]) -> None:
    found = chunks(lines, symbols(languages()["python"], "\n".join(lines))[0])
    held = [number for each in found for number in range(each.first, each.last)]
    assert len(held) == len(set(held))
    assert {number for number, line in enumerate(lines) if line.strip()} <= set(held)
    assert all(0 < each.last - each.first <= MAX_LINES for each in found)


@given(st.text())
def test_any_text_gives_nonempty_chunks(text: str) -> None:
    for path in ("a.py", "a.txt", "a.unknown"):
        rows = extract(path, text.encode("utf-8", errors="replace"))
        assert all(first < last for first, last, *_ in rows.chunks)


def test_chunking_examines_each_line_at_most_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a thousand definitions whose lines look like comments, as in C and Markdown."""
    examined: list[str] = []
    real = chunks_module._is_comment_or_decorator
    monkeypatch.setattr(chunks_module, "_is_comment_or_decorator", lambda *each: examined.append("") or real(*each))
    for name, line in (("c", "#define A{0} 1\n"), ("markdown", "# Title {0}\n")):
        text = "".join(line.format(number) for number in range(1000))
        examined.clear()
        found = symbols(languages()[name], text)[0]
        assert len(found) == 1000
        chunks(text.split("\n"), found)
        assert len(examined) <= 2000
