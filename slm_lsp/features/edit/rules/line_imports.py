"""Add, move and sort the import lines of Java and Go, which are read without a syntax tree.

An import that a model wrote inside a class or function is a syntax error in these languages, so the tree has no node
for it.
"""

import re
from collections.abc import Callable
from io import StringIO

_JAVA = re.compile(r"[ \t]*import\s+(?P<static>static\s+)?(?P<name>[\w.]+(?:\.\*)?)\s*;[ \t]*\r?\n?")
_JAVA_PACKAGE = re.compile(r"^[ \t]*package\s+[\w.]+\s*;[^\n]*\n", re.MULTILINE)
_GO = re.compile(r'[ \t]*import\s+(?P<spec>(?:[\w.]+\s+)?(?:"[^"\n]+"|`[^`\n]+`))[ \t]*\r?\n?')
_GO_GROUP = re.compile(r"^[ \t]*import\s*\((?P<body>[^)]*)\)[ \t]*\r?\n?", re.MULTILINE)
_GO_SPEC = re.compile(r'(?:[\w.]+\s+)?(?:"[^"\n]+"|`[^`\n]+`)')
_GO_PACKAGE = re.compile(r"^[ \t]*package\s+\w+[^\n]*\n", re.MULTILINE)


def _end_of_line(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def add_java(text: str, name: str) -> str:
    """Return the text with an import of a class or of `static Class.member`."""
    package = (name.removeprefix("static ").rpartition(".")[0]) if name else ""
    lines = [(match, _java_name(match)) for match in _java_lines(text)]
    names = {each for _, each in lines}
    star = f"{'static ' if name.startswith('static ') else ''}{package}.*"
    if name in names or star in names or package == "java.lang" or not name:
        return text
    end = _end_of_line(text)
    line = f"import {name};{end}"
    same_kind = [(match, each) for match, each in lines if each.startswith("static ") == name.startswith("static ")]
    earlier = [match for match, each in same_kind if each < name]
    if earlier:
        at = earlier[-1].end()
    elif same_kind:
        at = same_kind[0][0].start()
    elif lines:
        return text[: lines[-1][0].end()] + end + line + text[lines[-1][0].end() :]
    else:
        head = _JAVA_PACKAGE.search(text)
        at = head.end() if head else 0
        rest = text[at:]
        return text[:at] + (end if head else "") + line + ("" if rest[:1] in {"\r", "\n", ""} else end) + rest
    return text[:at] + line + text[at:]


def _java_name(match: re.Match[str]) -> str:
    return f"static {match['name']}" if match["static"] else match["name"]


def _java_lines(text: str) -> list[re.Match[str]]:
    """Return the import lines before the first class."""
    found: list[re.Match[str]] = []
    at = 0
    for line in StringIO(text, newline=""):
        match = _JAVA.match(text, at)
        if match and match.end() == at + len(line):
            found.append(match)
        elif "{" in line:
            break
        at += len(line)
    return found


def organize_java(text: str) -> str:
    """Return the text with sorted imports without duplicates. Blank lines and comments separate groups."""
    groups: list[list[re.Match[str]]] = []
    for match in _java_lines(text):
        if not groups or groups[-1][-1].end() != match.start():
            groups.append([])
        groups[-1].append(match)
    end = _end_of_line(text)
    for group in reversed(groups):
        # Keep static imports before or after the others, as the file has them.
        static_first = group[0]["static"] is not None
        names = sorted(
            {_java_name(each) for each in group}, key=lambda each: (each.startswith("static ") != static_first, each)
        )
        text = text[: group[0].start()] + "".join(f"import {each};{end}" for each in names) + text[group[-1].end() :]
    return text


def add_go(text: str, spec: str) -> str:
    """Return the text with an import. `spec` is a quoted path, with a local name before it if it has one."""
    end = _end_of_line(text)
    head = _GO_PACKAGE.search(text)
    at = head.end() if head else 0
    present = [one for group in _GO_GROUP.finditer(text) for one in _GO_SPEC.findall(group["body"])]
    present += [match["spec"] for match in _GO.finditer(text) if match.start() >= at]
    if " ".join(spec.split()) in {" ".join(each.split()) for each in present}:
        return text
    group = _GO_GROUP.search(text, at)
    if group and not text[at : group.start()].strip():
        specs = list(_GO_SPEC.finditer(text, group.start("body"), group.end("body")))
        earlier = [each for each in specs if _go_path(each.group()) < _go_path(spec)]
        after = earlier[-1].end() if earlier else group.start("body")
        place = text.find("\n", after) + 1
        if "\n" in group["body"]:
            return text[:place] + f"\t{spec}{end}" + text[place:]
    single = _GO.match(text, at + len(text[at:]) - len(text[at:].lstrip()))
    if single:
        both = sorted([single["spec"], spec], key=_go_path)
        body = "".join(f"\t{each}{end}" for each in both)
        return text[: single.start()] + f"import ({end}{body}){end}" + text[single.end() :]
    rest = text[at:]
    return text[:at] + f"{end}import {spec}{end}" + ("" if rest[:1] in {"\r", "\n", ""} else end) + rest


def _go_path(spec: str) -> str:
    return spec.rpartition(" ")[2].strip('"`')


def hoist(text: str, start: int, end: int, language: str) -> str:
    """Return the text with the import lines at the start of a unit, and after its opening brackets, moved to the top.

    Args:
        text: the text with the edited unit.
        start: start of the unit, in characters.
        end: end of the unit, in characters.
        language: `java` or `go`.
    """
    unit = text[start:end]
    pattern = _JAVA if language == "java" else _GO
    kept: list[str] = []
    moved: list[str] = []
    at, leading = 0, True
    while at < len(unit):
        group = _GO_GROUP.match(unit, at) if language == "go" and leading else None
        match = pattern.match(unit, at) if leading else None
        if group:
            moved += _GO_SPEC.findall(group["body"])
            at = group.end()
            continue
        if match and (match.end() == len(unit) or match.group().endswith("\n")):
            moved.append(_java_name(match) if language == "java" else match["spec"])
            at = match.end()
            continue
        stop = unit.find("\n", at) + 1 or len(unit)
        line = unit[at:stop]
        blank = not line.strip()
        if not (blank and leading and moved):
            kept.append(line)
        leading = (leading and blank) or line.rstrip().endswith("{")
        at = stop
    if not moved or not "".join(kept).strip() or not text[:start].strip():
        return text
    result = text[:start] + "".join(kept) + text[end:]
    for each in moved:
        result = _add(language)(result, each)
    return result


def _add(language: str) -> Callable[[str, str], str]:
    return add_java if language == "java" else add_go
