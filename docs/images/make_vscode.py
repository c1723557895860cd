"""Create the screenshot docs/images/vscode.png. Run `python -m docs.images.make_vscode`; it needs the strong model.

It runs a real VS Code with the extension, the server and the strong model on the example project.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.editors.vscode.code import Browser, Code, build, running, set_up, until

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROJECT = ROOT / "fixtures" / "inventory"
TIMEOUT_S = 240.0


def main() -> None:
    """Type the beginning of a line, and save a screenshot of the window with the suggestion."""
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
            window = browser.open(code.url(folder, folder / "orders.py"))
            window.do("focus")
            until(lambda: "state ready" in window.status()["tooltip"], TIMEOUT_S)
            until(lambda: "100" in window.status()["tooltip"] or "indexed" in window.status()["tooltip"], TIMEOUT_S)
            window.press("Control+g")
            window.type("37:16")
            window.press("Enter")
            window.type("sum(")
            print(window.ghost())  # noqa: T201 - the text of the screenshot
            until(lambda: "t/s" in window.status()["text"], TIMEOUT_S)
            window.do("wait", ms=1500)
            window.do("screenshot", path=str(HERE / "vscode.png"))
            window.close()
            browser.close()


if __name__ == "__main__":
    main()
