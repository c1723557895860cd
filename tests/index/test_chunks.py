"""A text in pieces that can be shown alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.index import chunks as chunks_module
from slm_lsp.index.chunks import MAX_LINES, chunks
from slm_lsp.index.extract import extract, symbols
from slm_lsp.languages.registry import languages

FUNCTION = "# what {0} does\n@cached\ndef {0}(a):\n    b = a\n\n    return b\n\n\n"


def test_functions_are_kept_whole_with_what_stands_above_them() -> None:
    text = "import os\n\n\n" + "".join(FUNCTION.format(f"f{number}") for number in range(20))
    lines = text.split("\n")
    found = chunks(lines, symbols(languages()["python"], text)[0])
    for chunk in found[1:]:
        assert lines[chunk.first].startswith("# what")
    for chunk in found:
        assert lines[chunk.last - 1] in ("    return b", "import os")
    assert found[1].name.startswith("f")


def test_a_long_function_is_cut_at_a_blank_line() -> None:
    body = "".join(f"    x{number} = {number}\n" + ("\n" if number % 7 == 6 else "") for number in range(100))
    lines = f"def long():\n{body}".split("\n")
    found = chunks(lines, symbols(languages()["python"], "\n".join(lines))[0])
    assert len(found) > 2
    assert all(lines[each.last] == "" for each in found[:-1])
    assert {each.name for each in found} == {"long"}


@given(
    st.lists(st.sampled_from(["", "def f():", "    x = 1", "class A:", "    def g(self):", "        y", "# c", "}"]))
)
def test_every_line_with_text_is_in_just_one_chunk(lines: list[str]) -> None:
    found = chunks(lines, symbols(languages()["python"], "\n".join(lines))[0])
    held = [number for each in found for number in range(each.first, each.last)]
    assert len(held) == len(set(held))
    assert {number for number, line in enumerate(lines) if line.strip()} <= set(held)
    assert all(0 < each.last - each.first <= MAX_LINES for each in found)


@given(st.text())
def test_any_text_has_rows(text: str) -> None:
    for path in ("a.py", "a.txt", "a.unknown"):
        rows = extract(path, text.encode("utf-8", errors="replace"))
        assert all(first < last for first, last, *_ in rows.chunks)


def test_every_line_is_looked_at_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand definitions whose lines look like comments, as in C and Markdown."""
    looked: list[str] = []
    real = chunks_module._goes_along
    monkeypatch.setattr(chunks_module, "_goes_along", lambda *each: looked.append("") or real(*each))
    for name, line in (("c", "#define A{0} 1\n"), ("markdown", "# Title {0}\n")):
        text = "".join(line.format(number) for number in range(1000))
        looked.clear()
        found = symbols(languages()[name], text)[0]
        assert len(found) == 1000
        chunks(text.split("\n"), found)
        assert len(looked) <= 2000
