"""Fixes that follow from the error message alone. They are tried before the model, and checked like its answers."""

import re
from collections.abc import Callable

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.fix import python_rules
from slm_lsp.features.fix.missing_imports import missing_import, suggested_import
from slm_lsp.features.fix.problem import Fixes, Problem, RuleFix
from slm_lsp.features.fix.suggested import keyword_argument, similar_name, suggested_name

Rule = Callable[[Problem], Fixes]

MAX_FIXES = 4
"""Maximum number of fixes for one problem."""


def unused_go_import(problem: Problem) -> Fixes:
    """Remove the line of an import that Go reports as unused."""
    match = re.search(r"\"(?P<path>[\w./-]+)\" imported (?:as \w+ )?and not used", problem.message)
    if match and f'"{match["path"]}"' in problem.code:
        lines = problem.lines
        start = lines.starts[problem.line - 1]
        end = lines.starts[problem.line] if problem.line < len(lines.starts) else len(problem.text)
        yield RuleFix(problem.text[:start] + problem.text[end:], f"`{match['path']}` is imported but not used.")


_PYTHON: tuple[Rule, ...] = (
    python_rules.missing_self,
    keyword_argument,
    python_rules.missing_colon,
    python_rules.bracket,
    python_rules.unterminated_string,
    python_rules.comparison,
    python_rules.print_statement,
    python_rules.unused_import,
)

_ALL: tuple[Rule, ...] = (suggested_name, suggested_import, missing_import, similar_name)


def fixes(problem: Problem) -> tuple[RuleFix, ...]:
    """Return the fixes that rules propose for a problem, the most certain first.

    The rules know the messages of Python, ruff, flake8, mypy, pyright, Node, tsc, eslint, go, javac, gcc, clang and
    rustc.
    """
    rules = _ALL
    if problem.language.name == "python":
        rules = (*_ALL[:1], *_PYTHON, *_ALL[1:])
    elif problem.language.name == "go":
        rules = (*_ALL, unused_go_import)
    found: dict[str, RuleFix] = {}
    try:
        for rule in rules:
            for each in rule(problem):
                if each.text != problem.text:
                    found.setdefault(each.text, each)
    except ParseTimeoutError:
        return ()
    return tuple(found.values())[:MAX_FIXES]
