"""Rules for Python: syntax errors whose message implies the fix, a missing `self`, and unused imports."""

import re

from tree_sitter import Node

from slm_lsp.features.edit.rules.python_imports import IMPORTS, Name, Statement, read_statement
from slm_lsp.features.edit.rules.source import Source, walk
from slm_lsp.features.fix.problem import Fixes, Problem, RuleFix
from slm_lsp.languages.symbols import CALLABLE, definitions

ONE_LINE = 10**6
"""A line length that no import statement exceeds, so that a statement in one line stays in one line."""

_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_TOO_MANY = re.compile(r"(?P<function>[\w.<>]+)\(\) takes (?P<takes>\d+) positional arguments? but (?P<given>\d+) w")
_UNUSED = re.compile(r"[`'](?P<name>[\w.]+)(?: as (?P<alias>\w+))?[`'] imported but unused")
_HEADER = re.compile(r"\s*(?:async|class|def|elif|else|except|finally|for|if|match|case|try|while|with)\b")


def missing_colon(problem: Problem) -> Fixes:
    """Add the colon at the end of a header."""
    code, comment = _split(problem.code)
    told = "expected ':'" in problem.message
    guessed = problem.message.endswith("invalid syntax") and _HEADER.match(code)
    if (told or guessed) and code.strip() and not code.endswith(":"):
        yield RuleFix(problem.with_line(f"{code}:{comment}"), "The missing colon was added.")


def bracket(problem: Problem) -> Fixes:
    """Close, remove or exchange the bracket that the message names."""
    code, comment = _split(problem.code)
    if not code:
        return
    if match := re.search(r"'([(\[{])' was never closed", problem.message):
        closer = _CLOSERS[match[1]]
        why = f"The missing `{closer}` was added."
        if code.endswith(":"):
            yield RuleFix(problem.with_line(f"{code[:-1]}{closer}:{comment}"), why)
        yield RuleFix(problem.with_line(f"{code}{closer}{comment}"), why)
    elif match := re.search(r"unmatched '([)\]}])'", problem.message):
        head, found, rest = code.rpartition(match[1])
        if found:
            yield RuleFix(problem.with_line(f"{head}{rest}{comment}"), f"The unmatched `{match[1]}` was removed.")
    elif match := re.search(r"parenthesis '(.)' does not match opening parenthesis '(.)'(?! on line)", problem.message):
        head, found, rest = code.rpartition(match[1])
        if found and match[2] in _CLOSERS:
            right = _CLOSERS[match[2]]
            yield RuleFix(
                problem.with_line(f"{head}{right}{rest}{comment}"), f"`{match[1]}` was replaced by `{right}`."
            )


def unterminated_string(problem: Problem) -> Fixes:
    """Add the closing quote of a string in one line."""
    if not re.search(r"unterminated (?:f-)?string literal|EOL while scanning string literal", problem.message):
        return
    code = problem.code.rstrip()
    quote = next((each for each in "\"'" if code.count(each) % 2), "")
    if quote:
        closing = re.search(r"[)\]},:]*$", code)
        at = closing.start() if closing else len(code)
        for place in dict.fromkeys((at, len(code))):
            yield RuleFix(problem.with_line(code[:place] + quote + code[place:]), "The missing quote was added.")


def comparison(problem: Problem) -> Fixes:
    """Replace `=` in a condition by `==`, as the message suggests."""
    if re.search(r"Maybe you meant '=='", problem.message):
        new, count = re.subn(r"(?<![=!<>:+\-*/%&|^])=(?!=)", "==", problem.code, count=1)
        if count:
            yield RuleFix(problem.with_line(new), "`=` was replaced by `==`, as the error message suggests.")


def print_statement(problem: Problem) -> Fixes:
    """Turn a print statement of Python 2 into a call."""
    if "Missing parentheses in call to 'print'" in problem.message:
        code, comment = _split(problem.code)
        if match := re.fullmatch(r"(\s*)print\s+(.*)", code):
            yield RuleFix(problem.with_line(f"{match[1]}print({match[2]}){comment}"), "`print` is a function.")


def missing_self(problem: Problem) -> Fixes:
    """Add the parameter `self` to a method that is called with one argument more than it has parameters."""
    source = problem.source()
    if source is None:
        return
    found = definitions(problem.language, source.tree, source.raw)
    if match := _TOO_MANY.search(problem.message):
        if int(match["given"]) != int(match["takes"]) + 1:
            return
        named = [each for each in found if each.kind in CALLABLE and each.parent]
        exact = [each for each in named if each.qualified == match["function"]]
        wanted = exact or [each for each in named if each.name == match["function"]]
    elif re.search(r"(?:name 'self'|`self`|\"self\") is not defined|Undefined name `self`", problem.message):
        row = problem.line - 1
        wanted = [each for each in found if each.kind == "method" and each.first_line <= row <= each.last_line]
    else:
        return
    methods = [each for each in (_parameters(source, one.start, one.end) for one in wanted) if each is not None]
    if len(methods) == 1 and (at := methods[0].start_byte + 1):
        first = source.piece(at, methods[0].end_byte - 1)
        new = "self, " if first.strip() else "self"
        yield RuleFix(source.replaced([(at, at, new)]), f"`self` was added to the parameters of `{wanted[0].name}`.")


def unused_import(problem: Problem) -> Fixes:
    """Remove the import that is not used."""
    match, source = _UNUSED.search(problem.message), problem.source()
    if match is None or source is None:
        return
    for node in walk(source.root):
        if node.type in IMPORTS and node.start_point.row <= problem.line - 1 <= node.end_point.row:
            statement = read_statement(node, source)
            left = tuple(each for each in statement.names if not _is(statement, each, match["name"], match["alias"]))
            if left != statement.names:
                yield RuleFix(
                    _with_names(source, node, statement, left), f"`{match['name']}` is imported but not used."
                )
            return


def _is(statement: Statement, each: Name, name: str, alias: str | None) -> bool:
    full = f"{statement.module}.{each.name}" if statement.module else each.name
    return name in (full, each.name) and (alias is None or alias == each.alias)


def _with_names(source: Source, node: Node, statement: Statement, left: tuple[Name, ...]) -> str:
    if left:
        new = Statement(statement.module, left, statement.several_lines).text(ONE_LINE, "", source.line_end)
        return source.replaced([(node.start_byte, node.end_byte, new)])
    block = node.parent
    if block is not None and block.type == "block" and block.named_child_count == 1:
        return source.replaced([(node.start_byte, node.end_byte, "pass")])
    return source.replaced([(source.line_start(node.start_byte), source.line_stop(node.end_byte), "")])


def _parameters(source: Source, start: int, end: int) -> Node | None:
    """Return the parameters of a method that needs `self` and does not have it; None for other methods."""
    node = source.root.descendant_for_byte_range(start, max(end - 1, start))
    while node is not None and node.type != "function_definition":
        node = node.parent
    if node is None:
        return None
    wrapper = node.parent
    decorators = [] if wrapper is None else [source.of(each) for each in wrapper.children if each.type == "decorator"]
    if any(re.match(r"@(?:static|class)method\b", each) for each in decorators):
        return None
    parameters = node.child_by_field_name("parameters")
    if parameters is None or re.match(r"\(\s*(?:self|cls|\*)", source.of(parameters)):
        return None
    return parameters


def _split(line: str) -> tuple[str, str]:
    """Return the code of a line without white space at its end, and the rest of the line."""
    quote = ""
    for at, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#":
            code = line[:at].rstrip()
            return code, line[len(code) :]
    code = line.rstrip()
    return code, line[len(code) :]
