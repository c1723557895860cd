"""Fixtures with a real VS Code. Tests that use them are skipped if VS Code cannot be installed on this machine."""

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.code import Browser, CannotSetUpError, Code, build, running, set_up

ROOT = Path(__file__).parents[3]
PROGRAM = "def fib(n):\n    if n < 2:\n        return n\n    "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After a failed test, save screenshots of its windows and close them."""
    report = yield
    browser = item.funcargs.get("browser")
    if report.when == "call" and report.failed and isinstance(browser, Browser):
        browser.clear(f"failed-{item.name}")
    return report


@pytest.fixture(scope="session")
def tools() -> Path:
    try:
        return set_up()
    except CannotSetUpError as error:
        pytest.skip(f"VS Code cannot be set up here: {error}")


@pytest.fixture(scope="session")
def vsix() -> Path:
    try:
        return build()
    except CannotSetUpError as error:
        pytest.skip(f"the extension cannot be built here: {error}")


@pytest.fixture(scope="module")
def browser(tools: Path) -> Iterator[Browser]:
    browser = Browser(tools)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def editor_environ(module_home: dict[str, str]) -> dict[str, str]:
    """The environment of an editor in which the server of this checkout is the first on PATH."""
    return with_server_on_path(module_home)


@pytest.fixture(scope="module")
def code(
    tools: Path, vsix: Path, editor_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Code]:
    """A VS Code with the extension, the server on PATH, and the real models."""
    editor = Code(tools, tmp_path_factory.mktemp("code"), editor_environ)
    editor.install(vsix)
    with running(editor):
        yield editor


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a program that ends in the middle of a function."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "fib.py").write_text(PROGRAM)
    return folder


def with_server_on_path(environ: dict[str, str]) -> dict[str, str]:
    programs = Path(sys.executable).parent
    return {**environ, "PATH": f"{programs}:{environ['PATH']}", "PYTHONPATH": str(ROOT), "SLM_LSP_MODEL": "fast"}
