"""Replaces text that a grammar cannot parse. Replacements have the same length, so that offsets stay valid."""

import re
from collections.abc import Callable

_FLAGS = re.DOTALL | re.IGNORECASE

_EXEC = re.compile(rb"(?<![\w-])(?P<end>END-)?EXEC(?![\w-])", _FLAGS)
_PROCEDURE = re.compile(rb"\bPROCEDURE\s+DIVISION\b", _FLAGS)
_PERIOD = re.compile(rb"\s*\.")
_CONTINUE = b"CONTINUE"

_NAME = rb"[\w\"'-]+"
_TEXT = rb"(?:==(?:[^=]|=(?!=)){0,2000}==|\"[^\"\n]*\"|'[^'\n]*'|[^\s.=\"']+)"
_REPLACING = re.compile(
    rb"(?P<copy>\bCOPY\s+%(name)s(?:\s+(?:OF|IN)\s+%(name)s)?(?:\s+SUPPRESS)?)"
    rb"(?P<unread>\s+REPLACING(?:\s+(?:(?:LEADING|TRAILING)\s+)?%(text)s\s+BY\s+%(text)s)+)"
    % {b"name": _NAME, b"text": _TEXT},
    _FLAGS,
)
_LINE = re.compile(rb"\bLINE(?=\s+SEQUENTIAL\b)", _FLAGS)
_NOT = re.compile(rb"\bNOT([=<>]) ", _FLAGS)
MARGIN = 7
"""Width of the line number and the indicator in COBOL's fixed form, in columns."""

_TAG = re.compile(rb"(?<![\w)]):([A-Z][\w-]*):", _FLAGS)
"""A placeholder in a name in a copybook. `COPY … REPLACING` replaces such placeholders."""

_FIXED_COMMENT = re.compile(rb"^[cC*]", re.MULTILINE)
_FREE = re.compile(rb"^(?: {1,4}[A-Za-z]|[abe-zABE-Z])", re.MULTILINE)
"""A statement in the first columns. In Fortran's fixed form, these columns contain only labels, comments (`C`) and
debug lines (`D`), so such a statement means free form."""


def prepared(language: str, source: bytes) -> bytes:
    """Return the text to pass to the parser of a language. It has the same length and number of lines as `source`."""
    prepare = _PREPARE.get(language)
    return source if prepare is None else prepare(source)


def _cobol(source: bytes) -> bytes:
    """Replace what a preprocessor would handle: embedded languages, and placeholders in copybooks."""
    source = _without_embedded(_without_short_end(source))
    source = _REPLACING.sub(lambda found: found["copy"] + _blank(found["unread"]), source)
    source = _LINE.sub(b"    ", source)
    source = _NOT.sub(rb"NOT \1", source)
    return _TAG.sub(rb"X\1X", source)


def _without_short_end(source: bytes) -> bytes:
    """Replace the last lines with spaces if they are not longer than the margin.

    Otherwise the grammar's scanner, which skips the margin of each line, would read past the end of the text forever.
    """
    end = len(source.rstrip())
    while end > 0:
        begin = max(source.rfind(b"\n", 0, end), source.rfind(b"\r", 0, end)) + 1
        if len(source[begin:end].decode("utf-8", errors="replace")) > MARGIN:
            break
        end = len(source[:begin].rstrip())
    return source[:end] + _blank(source[end:])


def _without_embedded(source: bytes) -> bytes:
    """Replace `EXEC … END-EXEC` with `CONTINUE`, or with spaces if it is before the procedure division."""
    pieces: list[bytes] = []
    at = 0
    begin = procedure = -1
    for found in _EXEC.finditer(source):
        if not found["end"]:
            begin = found.start()
            continue
        if begin < 0:
            continue
        if not pieces:
            division = _PROCEDURE.search(source)
            procedure = division.start() if division else len(source)
        end = found.end()
        if begin < procedure:
            period = _PERIOD.match(source, end)
            end = period.end() if period else end
        blank = _blank(source[begin:end])
        if begin > procedure and blank.startswith(b" " * len(_CONTINUE)):
            blank = _CONTINUE + blank[len(_CONTINUE) :]
        pieces += (source[at:begin], blank)
        at, begin = end, -1
    return b"".join((*pieces, source[at:])) if pieces else source


def _fortran(source: bytes) -> bytes:
    """Turn fixed-form comments into free-form comments, unless the text seems to be in free form.

    A text counts as free form if it has more than one line that only free form allows for every ten fixed-form
    comments.
    """
    comments = len(_FIXED_COMMENT.findall(source))
    if comments == 0 or len(_FREE.findall(source)) * 10 > comments:
        return source
    return _FIXED_COMMENT.sub(b"!", source)


def _perl(source: bytes) -> bytes:
    """End the text with a newline if its last line has a comment. Otherwise the grammar's scanner never returns."""
    begin = source.rfind(b"\n") + 1
    if source.find(b"#", begin) < 0:
        return source
    end = len(source) - 1
    while end > begin and 0x80 <= source[end] < 0xC0:  # a UTF-8 continuation byte
        end -= 1
    return source[:end] + b" " * (len(source) - end - 1) + b"\n"


def _blank(text: bytes) -> bytes:
    return re.sub(rb"[^\r\n]", b" ", text)


_PREPARE: dict[str, Callable[[bytes], bytes]] = {"cobol": _cobol, "fortran": _fortran, "perl": _perl}
