"""Rules that import an undefined name, from the standard library or from the project."""

import posixpath
import re
from collections.abc import Iterator

from slm_lsp.features.edit.rules.imports import add_import
from slm_lsp.features.fix.locate import is_test
from slm_lsp.features.fix.problem import SCRIPTS, Fixes, Problem, RuleFix
from slm_lsp.index.resolve import ProjectFiles, resolve
from slm_lsp.languages.registry import language_of
from slm_lsp.languages.standard_library import standard_imports
from slm_lsp.languages.symbols import Import

_HEADER = re.compile(r"\binclude [`'\u2018\"](?P<header><[\w./]+>)[`'\u2019\"]")
_RUST_USE = re.compile(r"\buse (?P<path>[\w:]+(?:::\w+)+);")


def missing_import(problem: Problem) -> Fixes:
    """Import an undefined name."""
    rule = _BY_LANGUAGE.get(problem.language.name)
    name = problem.undefined
    if rule is None or not name:
        return
    for module, member in rule(problem, name):
        text = add_import(problem.text, problem.language, module, member)
        if text != problem.text:
            yield RuleFix(text, f"`{name}` is not defined; an import from `{module}` was added.")


def suggested_import(problem: Problem) -> Fixes:
    """Add the header or the import that the message of gcc or rustc suggests."""
    if problem.language.name in ("c", "cpp") and (match := _HEADER.search(problem.message)):
        line = f"#include {match['header']}"
        yield RuleFix(_above(problem.text, line, "#include"), f"`{line}` was added, as the compiler suggests.")
    elif problem.language.name == "rust" and (match := _RUST_USE.search(problem.message)):
        line = f"use {match['path']};"
        yield RuleFix(_above(problem.text, line, "use "), f"`{line}` was added, as the compiler suggests.")


def _above(text: str, line: str, like: str) -> str:
    """Return the text with a line above its first line that begins with `like`, or at its start."""
    found = re.search(rf"^{re.escape(like)}", text, re.MULTILINE)
    at = found.start() if found else 0
    end = "\r\n" if "\r\n" in text else "\n"
    return text[:at] + line + end + ("" if found else end) + text[at:]


def _python(problem: Problem, name: str) -> Iterator[tuple[str, str]]:
    standard = standard_imports("python", name, problem.text)
    yield from standard
    if f"forget to import '{name}'" in problem.message and (name, "") not in standard:
        yield name, ""
    for path in _defined_in(problem, name, ("python",)):
        if module := python_module(path, problem.path, name, problem.project.files()):
            yield module, name


def _script(problem: Problem, name: str) -> Iterator[tuple[str, str]]:
    for path in _defined_in(problem, name, tuple(SCRIPTS), exported=True):
        relative = posixpath.relpath(path, posixpath.dirname(problem.path) or ".")
        stem, extension = posixpath.splitext(relative if relative.startswith(".") else f"./{relative}")
        written = re.findall(r"""(?:from\s*|require\()["'](\.{1,2}/[^"']+)["']""", problem.text)
        # Write the extension if the other imports of the file have one, or if Node needs it.
        typed = extension in (".ts", ".tsx")
        keep = any(posixpath.splitext(each)[1] in (".js", ".mjs", ".cjs", ".jsx", ".ts") for each in written)
        if keep or (not typed and not written):
            stem += ".js" if typed else extension
        yield stem, name


def _go(problem: Problem, name: str) -> Iterator[tuple[str, str]]:
    yield from standard_imports("go", name, problem.text)


def _java(problem: Problem, name: str) -> Iterator[tuple[str, str]]:
    yield from standard_imports("java", name, problem.text)
    for path in _defined_in(problem, name, ("java",)):
        package = re.sub(r"^.*?(?:^|/)java/", "", posixpath.dirname(path)).replace("/", ".")
        if package:
            yield package, name


_BY_LANGUAGE = {"python": _python, "go": _go, "java": _java, **dict.fromkeys(SCRIPTS, _script)}


def _defined_in(problem: Problem, name: str, languages: tuple[str, ...], *, exported: bool = False) -> list[str]:
    """Return the other file that defines a name at its top level, if exactly one does; tests do not count."""
    found = []
    for each in problem.project.named([name], 8):
        language = language_of(each.path)
        fits = language is not None and language.name in languages and not each.parent and not is_test(each.path)
        if fits and (not exported or re.match(r"export (?!default\b)", each.signature)):
            found.append(each.path)
    return found if len(found) == 1 and found[0] != problem.path else []


def python_module(path: str, importer: str, name: str, files: ProjectFiles) -> str | None:
    """Return the module name by which a Python file can import a name of another; None if there is no such module name.

    Args:
        path: the file that defines the name.
        importer: the file that needs the name.
        name: the name.
        files: the files of the project.
    """
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    start = len(parts) - 1
    while start > 0 and "/".join([*parts[:start], "__init__.py"]) in files:
        start -= 1
    for each in dict.fromkeys((start, 1 if parts[:1] == ["src"] else 0)):
        module = ".".join(parts[each:])
        if module and path in resolve("python", importer, Import(module, name, "", 0), files):
            return module
    return None
