"""Names as people look for them: without what a language writes round them."""

import re

_QUOTES = "\"'`"

_COBOL_HEADING = re.compile(r"(?:\s+SECTION)?(?:\s+\d+)?\s*\.?$", re.IGNORECASE)
"""What follows the name in the heading of a section or paragraph."""

_FILES = (
    "(?:bash|c|cc|cjs|cmake|cpp|cpy|css|dart|gd|h|hh|hpp|hrl|hxx|inc|jl|js|jsx|lua|mjs|mk|php|phtml|pl|proto|ps1|psm1"
    "|R|rb|scss|sh|sol|svh|tcl|thrift|ts|tsx|vh|zig)"
)
_FILE = re.compile(rf"[^.:/\\]+(?:\.[^.:/\\]+)*\.{_FILES}")
"""A file beside the importing one. Of what else has dots, such as `System.Xml`, the last part is no extension."""


def clean_name(text: str, language: str) -> str:
    """A name on one line, without quotes, a symbol's colon, a variable's `$` or the words of a heading."""
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
    """A text with a single blank for each stretch of them, and none at its ends."""
    return " ".join(text.split())


def local_name(module: str) -> str:
    """What a module is called where it is imported without another name: the last part of a path, without extension."""
    path = module.replace("\\", "/").rstrip("/")
    last = path.rpartition("/")[2]
    if "/" in path:
        # `example.org/yaml.v3` too is called by what comes before the dot.
        return last.rpartition(".")[0] or last.strip(".")
    if _FILE.fullmatch(last):
        return last.rpartition(".")[0]
    return re.split(r"[.:]+", last)[-1]
