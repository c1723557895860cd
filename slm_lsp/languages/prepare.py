"""What a grammar cannot read is replaced before it parses, byte for byte: every place in the text stays where it is."""

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
"""Columns of numbers and of the mark, in fixed form."""

_TAG = re.compile(rb"(?<![\w)]):([A-Z][\w-]*):", _FLAGS)
"""Part of a name in a copybook, which `COPY … REPLACING` gives."""

_FIXED_COMMENT = re.compile(rb"^[cC*]", re.MULTILINE)
_FREE = re.compile(rb"^(?: {1,4}[A-Za-z]|[abe-zABE-Z])", re.MULTILINE)
"""A statement where fixed form has but numbers of statements, comments (`C`) and lines for debugging (`D`)."""


def prepared(language: str, source: bytes) -> bytes:
    """The text as the grammar of a language gets it, as long as it was and with the same lines."""
    prepare = _PREPARE.get(language)
    return source if prepare is None else prepare(source)


def _cobol(source: bytes) -> bytes:
    """Without what another compiler reads first: embedded languages, and replacements in copied texts."""
    source = _without_embedded(_without_short_end(source))
    source = _REPLACING.sub(lambda found: found["copy"] + _blank(found["unread"]), source)
    source = _LINE.sub(b"    ", source)
    source = _NOT.sub(rb"NOT \1", source)
    return _TAG.sub(rb"X\1X", source)


def _without_short_end(source: bytes) -> bytes:
    """Without what the last lines hold if they are no longer than the margin.

    The grammar's scanner, which passes over the margin, would look for the rest of it behind the end for ever.
    """
    end = len(source.rstrip())
    while end > 0:
        begin = max(source.rfind(b"\n", 0, end), source.rfind(b"\r", 0, end)) + 1
        if len(source[begin:end].decode("utf-8", errors="replace")) > MARGIN:
            break
        end = len(source[:begin].rstrip())
    return source[:end] + _blank(source[end:])


def _without_embedded(source: bytes) -> bytes:
    """`EXEC … END-EXEC` is a statement that does nothing, and outside of the procedures no statement at all."""
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
    """Comments of fixed form as those of free form, in a text where hardly a line begins as only free form allows."""
    comments = len(_FIXED_COMMENT.findall(source))
    if comments == 0 or len(_FREE.findall(source)) * 10 > comments:
        return source
    return _FIXED_COMMENT.sub(b"!", source)


def _perl(source: bytes) -> bytes:
    """With a line end behind a comment that is the last of the text: the grammar's scanner looks for one for ever."""
    begin = source.rfind(b"\n") + 1
    if source.find(b"#", begin) < 0:
        return source
    end = len(source) - 1
    while end > begin and 0x80 <= source[end] < 0xC0:  # the rest of a character
        end -= 1
    return source[:end] + b" " * (len(source) - end - 1) + b"\n"


def _blank(text: bytes) -> bytes:
    return re.sub(rb"[^\r\n]", b" ", text)


_PREPARE: dict[str, Callable[[bytes], bytes]] = {"cobol": _cobol, "fortran": _fortran, "perl": _perl}
