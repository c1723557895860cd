"""Resolving imports to files of the project."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slm_lsp.index.resolve import MAX_FILES, ProjectFiles, resolve
from slm_lsp.languages.symbols import Import


def found(language: str, files: list[str], importer: str, module: str, name: str = "") -> list[str]:
    return list(resolve(language, importer, Import(module, name, "", 0), ProjectFiles.of([*files, importer])))


PYTHON = [
    "src/shop/__init__.py", "src/shop/orders.py", "src/shop/logging.py", "src/shop/tax/__init__.py",
    "src/shop/tax/rates.py", "tests/conftest.py", "tests/helpers.py", "tools/helpers.py", "tools/random.py",
    "stubs/fast.pyi", "plain/deep/leaf.py",
]  # fmt: skip


@pytest.mark.parametrize(
    ("importer", "module", "name", "expected"),
    [
        ("src/shop/cart.py", ".", "orders", ["src/shop/orders.py"]),
        ("src/shop/cart.py", ".orders", "Order", ["src/shop/orders.py"]),
        ("src/shop/cart.py", ".", "VERSION", ["src/shop/__init__.py"]),
        ("src/shop/tax/law.py", "..orders", "*", ["src/shop/orders.py"]),
        ("src/shop/tax/law.py", "..", "tax", ["src/shop/tax/__init__.py"]),
        ("src/shop/tax/law.py", ".....", "tax", []),
        ("app.py", "shop.tax", "rates", ["src/shop/tax/rates.py"]),
        ("app.py", "shop.tax", "Rate", ["src/shop/tax/__init__.py"]),
        ("app.py", "shop.tax.rates", "", ["src/shop/tax/rates.py"]),
        ("app.py", "shop", "", ["src/shop/__init__.py"]),
        ("tests/test_a.py", "helpers", "make", ["tests/helpers.py"]),
        ("tools/run.py", "helpers", "make", ["tools/helpers.py"]),
        ("plain/run.py", "deep", "leaf", ["plain/deep/leaf.py"]),
        ("app.py", "fast", "", ["stubs/fast.pyi"]),
        # In a package, `logging` is the standard library's module. Next to a script, `random` is the project's file.
        ("src/shop/cart.py", "logging", "", []),
        ("src/shop/cart.py", "orders", "", []),
        ("tools/run.py", "random", "", ["tools/random.py"]),
        ("tests/test_a.py", "random", "", []),
        ("app.py", "numpy", "array", []),
    ],
)
def test_python_imports_resolve_to_files(importer: str, module: str, name: str, expected: list[str]) -> None:
    assert found("python", PYTHON, importer, module, name) == expected


SCRIPT = [
    "src/units.ts", "src/pantry/index.ts", "src/pantry/shelf.js", "src/shared/text.ts", "src/view/App.tsx",
    "src/legacy.js", "src/types.d.ts", "src/both.js", "src/both.ts", "web/src/units.ts", "src/seats.css", "index.js",
]  # fmt: skip


@pytest.mark.parametrize(
    ("importer", "module", "expected"),
    [
        ("src/menu.ts", "./units", ["src/units.ts"]),
        ("src/menu.ts", "./pantry", ["src/pantry/index.ts"]),
        ("src/menu.ts", "./pantry/", ["src/pantry/index.ts"]),
        ("src/pantry/index.ts", "..", []),
        ("src/menu.ts", "..", ["index.js"]),
        ("src/view/Menu.tsx", "../shared/text.js", ["src/shared/text.ts"]),
        ("src/view/Menu.tsx", "./App.jsx", ["src/view/App.tsx"]),
        ("src/menu.ts", "./types", ["src/types.d.ts"]),
        ("src/menu.ts", "./both", ["src/both.ts"]),
        ("src/menu.js", "./both", ["src/both.js"]),
        ("src/menu.ts", "./seats.css?inline", ["src/seats.css"]),
        ("src/menu.ts", "../../outside", []),
        ("src/view/Menu.tsx", "@/units", ["src/units.ts"]),
        ("web/src/menu.ts", "~/units", ["web/src/units.ts"]),
        ("src/menu.ts", "@/nothing", []),
        ("src/menu.ts", "react", []),
        ("src/menu.ts", "@scope/units", []),
        ("src/menu.ts", "node:fs", []),
    ],
)
def test_javascript_and_typescript_imports_resolve_to_files(importer: str, module: str, expected: list[str]) -> None:
    assert found("javascript" if importer.endswith(".js") else "typescript", SCRIPT, importer, module) == expected


GO = [
    "units/units.go", "units/area.go", "units/area_test.go", "errors/errors.go", "http/serve.go",
    "internal/store/store.go", "services/mail/go.mod", "services/mail/send/send.go", "only/only_test.go",
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("example.org/apiary/units", ["units/units.go", "units/area.go"]),
        ("github.com/me/apiary/internal/store", ["internal/store/store.go"]),
        ("apiary/http", ["http/serve.go"]),
        ("example.org/mailer/send", ["services/mail/send/send.go"]),
        ("example.org/apiary/only", []),
        ("github.com/pkg/errors", []),
        ("net/http", []),
        ("fmt", []),
    ],
)
def test_go_imports_resolve_to_files(module: str, expected: list[str]) -> None:
    assert found("go", GO, "main.go", module) == expected


RUST = [
    "core/src/lib.rs", "core/src/garden.rs", "core/src/garden/beds.rs", "core/src/tools/mod.rs",
    "core/src/tools/rake.rs", "core/tests/common/mod.rs", "seed-store/src/lib.rs", "seed-store/src/shelf.rs",
    "app/src/main.rs",
]  # fmt: skip


def test_rust_integration_test_imports_its_own_package() -> None:
    assert found("rust", ["src/lib.rs", "src/beds.rs"], "tests/sow.rs", "garden::beds", "Bed") == ["src/beds.rs"]


@pytest.mark.parametrize(
    ("importer", "module", "name", "expected"),
    [
        ("core/src/lib.rs", "garden", "", ["core/src/garden.rs"]),
        ("core/src/lib.rs", "tools", "", ["core/src/tools/mod.rs"]),
        ("core/src/garden.rs", "beds", "", ["core/src/garden/beds.rs"]),
        ("core/src/tools/mod.rs", "rake", "", ["core/src/tools/rake.rs"]),
        ("core/src/tools/rake.rs", "crate::garden::beds", "Bed", ["core/src/garden/beds.rs"]),
        ("core/src/tools/rake.rs", "crate::garden", "Soil", ["core/src/garden.rs"]),
        ("core/src/tools/rake.rs", "crate", "Error", ["core/src/lib.rs"]),
        ("core/src/tools/rake.rs", "super", "*", ["core/src/tools/mod.rs"]),
        ("core/src/garden/beds.rs", "super::super::tools", "Rake", ["core/src/tools/mod.rs"]),
        ("core/src/garden.rs", "self::beds", "Bed", ["core/src/garden/beds.rs"]),
        ("core/src/lib.rs", "garden::beds", "Bed", ["core/src/garden/beds.rs"]),
        ("core/tests/sow.rs", "common", "", ["core/tests/common/mod.rs"]),
        ("app/src/main.rs", "seed_store::shelf", "Shelf", ["seed-store/src/shelf.rs"]),
        ("app/src/main.rs", "seed_store", "Seed", ["seed-store/src/lib.rs"]),
        ("core/tests/sow.rs", "the_core::garden::beds", "Bed", ["core/src/garden/beds.rs"]),
        ("core/tests/sow.rs", "the_core", "Error", ["core/src/lib.rs"]),
        ("core/tests/sow.rs", "seed_store::shelf", "Shelf", ["seed-store/src/shelf.rs"]),
        ("core/src/bin/dig.rs", "the_core::garden", "Soil", ["core/src/garden.rs"]),
        ("core/tests/sow.rs", "std::collections", "HashMap", []),
        ("app/src/main.rs", "std::collections", "HashMap", []),
        ("app/src/main.rs", "serde", "Serialize", []),
    ],
)
def test_rust_imports_resolve_to_files(importer: str, module: str, name: str, expected: list[str]) -> None:
    assert found("rust", RUST, importer, module, name) == expected


JAVA = [
    "a/src/main/java/org/lending/Fees.java", "a/src/main/java/org/lending/Loan.java",
    "b/src/main/java/org/lending/Fees.java", "b/src/main/java/org/books/notes.txt",
]  # fmt: skip


@pytest.mark.parametrize(
    ("importer", "module", "name", "expected"),
    [
        ("a/src/main/java/org/Desk.java", "org.lending", "Fees", ["a/src/main/java/org/lending/Fees.java"]),
        ("b/src/main/java/org/Desk.java", "org.lending", "Fees", ["b/src/main/java/org/lending/Fees.java"]),
        ("b/src/main/java/org/Desk.java", "org.lending.Fees", "perDay", ["b/src/main/java/org/lending/Fees.java"]),
        ("b/src/main/java/org/Desk.java", "org.lending.Fees", "*", ["b/src/main/java/org/lending/Fees.java"]),
        ("a/x/Desk.java", "org.lending", "*", JAVA[:2]),
        ("a/x/Desk.java", "org.books", "*", []),
        ("a/x/Desk.java", "java.util", "List", []),
    ],
)
def test_java_imports_resolve_to_files(importer: str, module: str, name: str, expected: list[str]) -> None:
    assert found("java", JAVA, importer, module, name) == expected


C = ["src/ring.c", "src/ring.h", "include/station/ring.h", "include/station/rain.h", "lib/rain.h", "lib/time.h"]


@pytest.mark.parametrize(
    ("importer", "module", "expected"),
    [
        ("src/main.c", "ring.h", ["src/ring.h"]),
        ("src/main.c", "station/ring.h", ["include/station/ring.h"]),
        ("src/main.c", "../lib/rain.h", ["lib/rain.h"]),
        ("src/main.c", "rain.h", ["lib/rain.h", "include/station/rain.h"]),
        ("include/station/all.h", "rain.h", ["include/station/rain.h"]),
        ("src/main.c", "time.h", []),
        ("lib/clock.c", "time.h", ["lib/time.h"]),
        ("src/main.c", "openssl/ssl.h", []),
    ],
)
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_c_and_cpp_includes_resolve_to_files(language: str, importer: str, module: str, expected: list[str]) -> None:
    assert found(language, C, importer, module) == expected


def test_using_declaration_and_unsupported_language_resolve_to_no_file() -> None:
    assert found("cpp", ["std/string"], "a.cpp", "std", "string") == []
    assert found("csharp", ["System/Math.cs"], "a.cs", "System.Math") == []


def test_in_folder_returns_only_direct_files() -> None:
    files = ProjectFiles.of(["a.py", "b/c.py", "b/d/e.py"])
    assert list(files.in_folder("b")) == ["b/c.py"]
    assert list(files.in_folder(".")) == list(files.in_folder("")) == ["a.py"]
    assert list(files.in_folder("none")) == []
    assert list(files) == ["a.py", "b/c.py", "b/d/e.py"]
    assert len(files) == 3


def test_folder_import_returns_at_most_max_files() -> None:
    many = [f"units/part{i}.go" for i in range(30)]
    assert len(found("go", many, "main.go", "example.org/apiary/units")) == MAX_FILES


def test_resolving_in_a_project_of_50000_files_is_fast() -> None:
    paths = [f"pkg{i % 50}/mod{i % 500}/file{i}.py" for i in range(50_000)]
    paths += [f"pkg{i % 50}/mod{i}/__init__.py" for i in range(500)]
    begin = time.process_time()
    files = ProjectFiles.of(paths)
    assert time.process_time() - begin < 2
    begin = time.process_time()
    for i in range(100):
        resolve("python", "pkg1/mod1/file1.py", Import(f"pkg{i % 50}.mod{i}", f"file{i}", "", 0), files)
    assert time.process_time() - begin < 2


LANGUAGES = ("python", "javascript", "typescript", "tsx", "go", "rust", "java", "c", "cpp", "csharp", "none")
PIECES = ("a", "b", ".", "..", "/", "::", "crate", "self", "super", "@/", "~/", "*", "mod", "index", ".py", ".rs", "\0")
STRINGS = st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=7).map("".join))
PATHS = st.lists(st.sampled_from(("a", "b", "mod", "lib", "index", "src", "__init__")), min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from((".py", ".ts", ".js", ".go", ".rs", ".java", ".h")).map(
        lambda extension: "/".join(parts) + extension
    )
)


@example(language="rust", paths=[], importer="/a.rs", module="a", name="")
@given(
    language=st.sampled_from(LANGUAGES),
    paths=st.lists(st.one_of(PATHS, STRINGS), max_size=12),
    importer=st.one_of(PATHS, STRINGS),
    module=STRINGS,
    name=STRINGS,
)
def test_any_import_resolves_only_to_files_of_the_project(
    language: str, paths: list[str], importer: str, module: str, name: str
) -> None:
    files = ProjectFiles.of(paths)
    targets = resolve(language, importer, Import(module, name, "", 0), files)
    assert len(targets) <= MAX_FILES
    assert all(each in files for each in targets)
