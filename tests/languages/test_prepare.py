"""Preparing texts with which a grammar would hang. Each text is parsed in a separate process."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.languages.prepare import prepared

PARSE = """
import faulthandler, sys
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import languages
language = languages()[sys.argv[1]]
parse(language, b"")
faulthandler.dump_traceback_later(20, exit=True)
for text in sys.stdin.buffer.read().split(b"\\0"):
    parse(language, text)
"""

ENDLESS = {
    "cobol": [
        b'  "', b'  "a"\n', b"       A.\n ab", b"       A.\n ab\r\n", b"       A.\n12345\n\n\n", b"\tX", b"X\n12\n3\n",
        "       A.\n   é".encode(),
    ],
    "perl": [b"C#", b"a # x", b"foo #bar", b"a\n#x\n#", b"if (a #", "a # né".encode()],
}  # fmt: skip
"""Without preparation, the scanners of these grammars read past the end of the text and never check the time limit."""


@pytest.mark.parametrize("language", ENDLESS)
def test_parser_does_not_hang_at_the_end_of_a_text(language: str) -> None:
    texts = b"\0".join(ENDLESS[language])
    done = subprocess.run([sys.executable, "-c", PARSE, language], input=texts, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


@given(st.sampled_from(["cobol", "perl", "fortran"]), st.binary(max_size=80))
def test_prepared_text_has_the_same_length_and_number_of_lines(language: str, source: bytes) -> None:
    changed = prepared(language, source)
    assert len(changed) == len(source)
    assert changed.count(b"\n", 0, max(len(changed) - 1, 0)) == source.count(b"\n", 0, max(len(source) - 1, 0))
