"""What is special about texts in COBOL: columns, levels, and copybooks, which are pieces of programs."""

import re

_DIVISION = re.compile(rb"\bDIVISION\b|\bPROGRAM-ID\b", re.IGNORECASE)
_ITEM = re.compile(rb"^.{0,6}[ \t]+\d\d?[ \t]+[A-Z0-9:-]", re.IGNORECASE | re.MULTILINE)

_PROGRAM = b"       IDENTIFICATION DIVISION.\n       PROGRAM-ID. COPYBOOK.\n"
_DATA = _PROGRAM + b"       DATA DIVISION.\n       WORKING-STORAGE SECTION.\n"
_PROCEDURE = _PROGRAM + b"       PROCEDURE DIVISION.\n"


def missing_head(source: bytes) -> bytes:
    """The lines that make a program of a copybook when they stand before it; empty for a text with divisions."""
    if _DIVISION.search(source):
        return b""
    return _DATA if _ITEM.search(source) else _PROCEDURE


def rank(level: bytes) -> int:
    """How deep a data item lies, by its level number: it reaches to the next one that lies as deep or less deep."""
    number = int(level) if level.isdigit() else 1
    if number == 88:  # a name for a value of the item above it
        return 99
    return number if number < 50 else 1
