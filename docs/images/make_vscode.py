"""Create the screenshots vscode.png and vscode-edit.png. They need the strong model.

    python -m docs.images.make_vscode               # both
    python -m docs.images.make_vscode edit          # only vscode-edit.png

Each is a real VS Code with the extension, the server and the strong model on the example project.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.editors.vscode.code import Browser, Code, Window, build, running, set_up, until

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROJECT = ROOT / "fixtures" / "inventory"
TIMEOUT_S = 400.0


def main(names: list[str]) -> None:
    """Save the named screenshots; without a name, all of them."""
    screenshots = {"suggestion": ("orders.py", suggestion), "edit": ("stock.py", edit)}
    for name in names or screenshots:
        file, take = screenshots[name]
        with project_window(file) as window:
            take(window)


def suggestion(window: Window) -> None:
    """Type the beginning of a line, and save a screenshot of the window with the suggestion."""
    until(lambda: "state ready" in window.status()["tooltip"], TIMEOUT_S)
    go_to(window, "37:16")
    window.type("sum(")
    print(window.ghost())  # noqa: T201 - the text of the screenshot
    until(lambda: "t/s" in window.status()["text"], TIMEOUT_S)
    save(window, "vscode.png")


def edit(window: Window) -> None:
    """Request an edit, and save a screenshot of the window with its hunks."""
    go_to(window, "41:9")
    window.do("instruct", text="skip items with quantity 0 and round the result to 2 digits")
    until(lambda: window.do("zones"), TIMEOUT_S)
    print("\n\n".join(window.do("zones")))  # noqa: T201 - the text of the screenshot
    until(lambda: window.do("lenses"))
    save(window, "vscode-edit.png")


def go_to(window: Window, place: str) -> None:
    """Move the cursor to LINE:COLUMN."""
    window.press("Control+g")
    window.type(place)
    window.press("Enter")


def save(window: Window, name: str) -> None:
    """Save a screenshot when the window is drawn."""
    window.do("wait", ms=1500)
    window.do("screenshot", path=str(HERE / name))


@contextmanager
def project_window(file: str) -> Iterator[Window]:
    """Open a file of the example project in VS Code, and wait until the project is indexed."""
    tools, vsix = set_up(), build()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "inventory"
        shutil.copytree(PROJECT, folder)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SLM_LSP_MODEL": "strong"}
        code = Code(tools, Path(temporary) / "code", environ)
        code.install(vsix)
        browser = Browser(tools)
        with running(code):
            window = browser.open(code.url(folder, folder / file))
            window.do("focus")
            until(lambda: "index 100 %" in window.status()["tooltip"], TIMEOUT_S)
            yield window
            window.close()
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
