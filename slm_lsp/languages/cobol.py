"""Rules for COBOL that its queries cannot express: level numbers and copybooks (included files)."""

import re

_DIVISION = re.compile(rb"\bDIVISION\b|\bPROGRAM-ID\b", re.IGNORECASE)
_ITEM = re.compile(rb"^.{0,6}[ \t]+\d\d?[ \t]+[A-Z0-9:-]", re.IGNORECASE | re.MULTILINE)

_PROGRAM = b"       IDENTIFICATION DIVISION.\n       PROGRAM-ID. COPYBOOK.\n"
_DATA = _PROGRAM + b"       DATA DIVISION.\n       WORKING-STORAGE SECTION.\n"
_PROCEDURE = _PROGRAM + b"       PROCEDURE DIVISION.\n"


def copybook_prelude(source: bytes) -> bytes:
    """Return the lines that, put before a copybook, make it a complete program; empty if it already is one."""
    if _DIVISION.search(source):
        return b""
    return _DATA if _ITEM.search(source) else _PROCEDURE


def rank(level: bytes) -> int:
    """Return the nesting depth of a data item from its level number.

    An item ends where the next item of equal or lower depth starts. Level 88 has the greatest depth. Every other level
    above 49 has the depth of level 1.
    """
    number = int(level) if level.isdigit() else 1
    if number == 88:  # names a value of the item above
        return 99
    return number if number < 50 else 1
