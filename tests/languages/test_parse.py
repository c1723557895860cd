"""Parsing: time limits, text that a grammar cannot parse, and incremental parsing."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.languages.parse import Match, difference, matches, matches_in_statements, parse, parse_again
from slm_lsp.languages.prepare import prepared
from slm_lsp.languages.registry import languages
from slm_lsp.languages.symbols import definitions
from tests.languages.facts import sample


@pytest.mark.parametrize("name", ["cobol", "fsharp", "perl", "scala"])
def test_long_text_parses_within_the_limit(name: str) -> None:
    """With these grammars, the parser jumps back in the text at almost every word."""
    language = languages()[name]
    text = sample(language).read_bytes() + b"\n"
    assert parse(language, text * (160_000 // len(text) + 1)) is not None


PARSES = """
import sys
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import languages
text = b"x = [1, 2, 3]\\n" * 150_000
sys.stdout.write("started\\n")
sys.stdout.flush()
parse(languages()["python"], text, limit_s=3)
"""


def test_time_limit_counts_processor_time_only() -> None:
    """A busy machine must not skip files that an idle machine would parse."""
    with subprocess.Popen([sys.executable, "-c", PARSES], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        child.send_signal(signal.SIGSTOP)
        time.sleep(3.5)
        child.send_signal(signal.SIGCONT)
        assert child.wait(60) == 0


def _program(data: str, procedure: str) -> str:
    return (
        "       IDENTIFICATION DIVISION.\n       PROGRAM-ID. P.\n       DATA DIVISION.\n"
        f"       WORKING-STORAGE SECTION.\n       01  FIRST-ITEM PIC 9.\n{data}       01  LAST-ITEM PIC 9.\n"
        f"       PROCEDURE DIVISION.\n       BEGIN-IT.\n{procedure}       END-IT.\n           STOP RUN.\n"
    )


@pytest.mark.parametrize(
    ("data", "procedure"),
    [
        ("           EXEC SQL INCLUDE SQLCA END-EXEC.\n", ""),
        (
            "           EXEC SQL\n             DECLARE A CURSOR FOR SELECT B.C\n           END-EXEC\n           .\n",
            "",
        ),
        ("       COPY A REPLACING ==:TAG:== BY ==WS==.\n", ""),
        ("       COPY A REPLACING LEADING ==A== BY ==B==\n           ==C.== BY ==D==.\n", ""),
        ("       COPY A OF B REPLACING C BY D E BY F.\n", ""),
        ("       01  :TAG:-ITEM.\n           05  :TAG:-PART PIC 9.\n", ""),
        ("", "           EXEC SQL SELECT A INTO :B FROM C END-EXEC.\n"),
        ("", "           EXEC CICS\n             SEND MAP('A')\n           END-EXEC\n           DISPLAY A.\n"),
        ("", "           IF A = 0 EXEC SQL COMMIT END-EXEC END-IF.\n"),
        ("", "           IF A NOT= 0 DISPLAY A END-IF.\n"),
        ("", '           INSPECT A REPLACING ALL "A" BY "B".\n'),
    ],
)
def test_cobol_definitions_are_found_around_unsupported_syntax(data: str, procedure: str) -> None:
    source = _program(data, procedure).encode()
    language = languages()["cobol"]
    tree = parse(language, source)
    assert tree is not None
    assert not tree.root_node.has_error
    found = {each.name: each for each in definitions(language, tree, source)}
    assert {"FIRST-ITEM", "LAST-ITEM", "BEGIN-IT", "END-IT"} <= set(found)
    assert source[found["END-IT"].start :].startswith(b"END-IT.")


def test_replacing_embedded_sql_keeps_length_and_line_ends() -> None:
    source = _program("           EXEC SQL\r\n  x\r\n  END-EXEC.\r\n", "           EXEC\n SQL x END-EXEC.\n").encode()
    blanked = prepared("cobol", source)
    assert len(blanked) == len(source)
    assert [at for at, byte in enumerate(blanked) if byte in b"\r\n"] == [
        at for at, byte in enumerate(source) if byte in b"\r\n"
    ]


@pytest.mark.parametrize(
    "text", ["EXEC SQL", "END-EXEC EXEC", "EXEC SQL EXEC SQL x END-EXEC", "EXEC-COUNT END-EXEC", "COPY A REPLACING ==A"]
)
def test_preparing_unfinished_cobol_statements_keeps_the_length(text: str) -> None:
    assert len(prepared("cobol", text.encode())) == len(text)


def test_fixed_form_fortran_comments_are_recognized() -> None:
    text = "C  One.\n      SUBROUTINE ADD(I)\n*  Two.\n      INTEGER I\nc  Three.\n      END\n"
    language = languages()["fortran"]
    tree = parse(language, text.encode())
    assert tree is not None
    assert not tree.root_node.has_error
    (found,) = definitions(language, tree, text.encode())
    assert (found.name, found.doc, found.last_line) == ("ADD", "One.", 5)


def test_free_form_fortran_text_is_not_changed() -> None:
    text = b"module m\ncontains\nsubroutine f()\ncall g()\nend subroutine\nend module\n"
    assert prepared("fortran", text) == text


PIECES = ["x", "(", ")", "\n", "    ", "if x:", "'", "é", "# c", "def f():", "1"]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.sampled_from(PIECES), max_size=6), st.data())
def test_incremental_parse_equals_a_full_parse(pieces: list[str], replacement: list[str], data: st.DataObject) -> None:
    language = languages()["python"]
    source, piece = "".join(pieces).encode(), "".join(replacement).encode()
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, len(source)))
    tree = parse(language, source)
    assert tree is not None
    before = str(tree.root_node)
    whole = source[:start] + piece + source[end:]
    changed = parse_again(language, tree, source, whole)
    fresh = parse(language, whole)
    assert changed is not None
    assert fresh is not None
    assert (changed.root_node.start_byte, changed.root_node.end_byte) == (
        fresh.root_node.start_byte,
        fresh.root_node.end_byte,
    )
    if not fresh.root_node.has_error:
        assert str(changed.root_node) == str(fresh.root_node)
    assert str(tree.root_node) == before


@given(st.binary(max_size=12), st.binary(max_size=6), st.binary(max_size=12), st.binary(max_size=6))
def test_difference_of_two_texts_turns_one_into_the_other(before: bytes, cut: bytes, after: bytes, new: bytes) -> None:
    old = before + cut + after
    start, end, replacement = difference(old, before + new + after)
    assert old[:start] + replacement + old[end:] == before + new + after
    assert len(replacement) <= len(new)
    assert end - start <= len(cut)


IN_STATEMENTS = """\
import a.b, c as d; from e import (f, g as h)
x = y = 1
class A(B, metaclass=make(lambda: 0)):
    field: int = 1
    if x:
        other = 2
        def in_if(self): from i import *
    @decorated
    async def method(self):
        try:
            import j
        except* E:
            with k as l:
                class Inner: pass
        finally:
            for m in n:
                def inner(): return "def no(): import no"
            else:
                while True: type T = int
        match o:
            case 1:
                def in_case(): ...
def broken(:
    import still_found
"""


def _places(found: list[Match]) -> list[list[tuple[str, list[tuple[int, int]]]]]:
    return sorted(
        [(key, [(node.start_byte, node.end_byte) for node in nodes]) for key, nodes in sorted(match.items())]
        for match in found
    )


@pytest.mark.parametrize("text", [IN_STATEMENTS, IN_STATEMENTS.partition("def broken")[0]], ids=["broken", "whole"])
def test_matches_in_statements_equal_the_matches_in_the_whole_tree(text: str) -> None:
    python = languages()["python"]
    sources = [text.encode(), *(path.read_bytes() for path in Path(asyncio.__file__).parent.glob("*.py"))]
    for source in sources:
        tree = parse(python, source)
        assert tree is not None
        found = matches_in_statements(python, "definitions+imports", tree.root_node)
        assert _places(found) == _places(matches(python, "definitions+imports", tree.root_node))
