"""Normalizes names: removes quotes, prefixes and other syntax that is not part of the name."""

import re

_QUOTES = "\"'`"

_COBOL_HEADING = re.compile(r"(?:\s+SECTION)?(?:\s+\d+)?\s*\.?$", re.IGNORECASE)
"""The text after the name in the heading of a section or paragraph."""

_FILES = (
    "(?:bash|c|cc|cjs|cmake|cpp|cpy|css|dart|gd|h|hh|hpp|hrl|hxx|inc|jl|js|jsx|lua|mjs|mk|php|phtml|pl|proto|ps1|psm1"
    "|R|rb|scss|sh|sol|svh|tcl|thrift|ts|tsx|vh|zig)"
)
_FILE = re.compile(rf"[^.:/\\]+(?:\.[^.:/\\]+)*\.{_FILES}")
"""A file name with a known extension. The last part of other names with dots, such as `System.Xml`, is no extension."""


def clean_name(text: str, language: str) -> str:
    """Return a name on one line, without quotes, Ruby's `:`, PowerShell's `$` and the words of a COBOL heading."""
    if text.isidentifier():
        return text
    name = one_line(text)
    if language == "ruby":
        name = name.removeprefix(":")
    elif language == "powershell":
        name = name.removeprefix("$")
    elif language == "cobol":
        name = _COBOL_HEADING.sub("", name)
    while len(name) > 2 and name[0] == name[-1] and name[0] in _QUOTES:
        name = name[1:-1].strip()
    return name


def one_line(text: str) -> str:
    """Replace each run of whitespace with one space, and strip the ends."""
    return " ".join(text.split())


def local_name(module: str) -> str:
    """Return the name that an import without an alias binds: the last part of the module path, without extension."""
    path = module.replace("\\", "/").rstrip("/")
    last = path.rpartition("/")[2]
    if "/" in path:
        # Removing the last part is also right for Go's versions: `example.org/yaml.v3` binds `yaml`.
        return last.rpartition(".")[0] or last.strip(".")
    if _FILE.fullmatch(last):
        return last.rpartition(".")[0]
    return re.split(r"[.:]+", last)[-1]
