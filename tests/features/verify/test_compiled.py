"""Compiler checks of single files, with the real compilers in the real sandbox."""

import shutil

import pytest

from slm_lsp.features.verify.compiled import COMPILERS, check_compiled
from slm_lsp.languages.registry import languages
from slm_lsp.sandbox.isolation import PATH

CASES = {
    "bash": ("if true; then echo a; fi\n", "if true; then echo a\n"),
    "c": ("int f(int a) { return a; }\n", "int f(int a) { return b; }\n"),
    "cpp": ("int f(int a) { return a; }\n", "int f(int a) { return b; }\n"),
    "fortran": ("program a\nend program\n", "program a\nx = (1\nend program\n"),
    "javascript": ("const a = 1;\n", "const a = ;\n"),
    "lua": ("local a = 1\n", "local a = = 1\n"),
    "perl": ("my $a = 1;\n", "my $a = (1;\n"),
    "php": ("<?php $a = 1;\n", "<?php $a = ;\n"),
    "python": ("def f():\n    return 1\n", "def f():\n    x = 1\n    nonlocal x\n"),
    "ruby": ("a = 1\n", "a = (1\n"),
}
ENDINGS = {"bash": "sh", "c": "c", "cpp": "cpp", "fortran": "f90", "javascript": "js", "lua": "lua", "perl": "pl"}
ENDINGS |= {"php": "php", "python": "py", "ruby": "rb"}


@pytest.mark.parametrize("name", sorted(COMPILERS))
async def test_compiler_accepts_a_valid_file_and_rejects_an_invalid_one(name: str) -> None:
    program = COMPILERS[name].name
    if shutil.which(program, path=PATH) is None:
        pytest.skip(f"needs {program}")
    valid, invalid = CASES[name]
    path = f"src/a.{ENDINGS[name]}"
    language = languages()[name]
    assert (await check_compiled(language, path, valid, valid + "\n")).result == "passed"
    failed = await check_compiled(language, path, valid, invalid)
    assert failed.result == "failed"
    assert failed.evidence
    assert (await check_compiled(language, path, invalid, invalid + "\n")).result == "not available"


async def test_check_is_not_available_for_a_language_without_a_compiler() -> None:
    found = await check_compiled(languages()["markdown"], "a.md", "a", "b")
    assert (found.result, found.check) == ("not available", "compiled")
