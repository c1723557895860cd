"""Detecting the language of a file."""

import pytest

from slm_lsp.languages.registry import language_of, languages


@pytest.mark.parametrize(
    ("path", "first_line", "name"),
    [
        ("shop/orders.py", "", "python"),
        ("ORDERS.PY", "", "python"),
        ("SConstruct", "", "python"),
        ("bin/deploy", "#!/usr/bin/env python3", "python"),
        ("bin/deploy", "#!/usr/bin/env -S python3.11 -u", "python"),
        ("Rakefile", "", "ruby"),
        ("app/views/index.phtml", "", "php"),
        ("PAYROLL.CBL", "", "cobol"),
        ("solver/mesh.F90", "", "fortran"),
        ("bin/report", "#!/usr/bin/perl5 -w", "perl"),
        ("Main.dpr", "", "pascal"),
        ("web/app.mjs", "", "javascript"),
        ("App.jsx", "", "javascript"),
        ("bin/serve", "#!/usr/bin/env node", "javascript"),
        ("run", "#!/usr/bin/env -S deno run", "typescript"),
        ("web/app.mts", "", "typescript"),
        ("web/App.tsx", "", "tsx"),
        ("hive.go", "", "go"),
        ("src/lib.rs", "", "rust"),
        ("Loan.java", "", "java"),
        ("ring.h", "", "c"),
        ("ring.hpp", "", "cpp"),
        ("Kiln.cs", "", "csharp"),
        ("bin/deploy", "#!/bin/sh", "bash"),
        ("CMakeLists.txt", "", "cmake"),
        ("GNUmakefile", "", "make"),
        ("main.tf", "", "hcl"),
        ("Analysis.R", "", "r"),
        ("build.gradle.kts", "", "kotlin"),
        ("Dockerfile", "", "dockerfile"),
        ("LICENSE", "", "text"),
        ("docs/index.md", "", "markdown"),
        ("App.vue", "", "vue"),
        ("QRPGLESRC/ORDERS.RPGLE", "", "rpg"),
        ("run.bat", "", "batch"),
        ("notes", "no interpreter", None),
        ("data.unknown", "#!/bin/nothing-we-know", None),
    ],
)
def test_language_is_found_by_name_extension_or_interpreter(path: str, first_line: str, name: str | None) -> None:
    found = language_of(path, first_line)
    assert (found.name if found else None) == name


def test_no_two_languages_have_the_same_extension() -> None:
    claimed: dict[str, list[str]] = {}
    for language in languages().values():
        for extension in language.extensions:
            claimed.setdefault(extension, []).append(language.name)
    assert {extension: names for extension, names in claimed.items() if len(names) > 1} == {}
