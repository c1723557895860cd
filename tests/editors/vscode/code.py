"""Drives a real VS Code: code-server with the extension, shown in headless Chromium. `setup.sh` installs both."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs
import psutil

HERE = Path(__file__).parent
EXTENSION = HERE.parents[2] / "editors" / "vscode"
CANNOT = 3  # the exit code of setup.sh if the editor cannot be installed on this machine
SET_UP_S = 1200
START_S = 60

SETTINGS: Mapping[str, object] = {
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "update.mode": "none",
    "chat.commandCenter.enabled": False,
    "files.autoSave": "afterDelay",
    "files.autoSaveDelay": 100,
}


class CannotSetUpError(Exception):
    """The editor cannot be installed on this machine. The message gives the reason."""


def set_up() -> Path:
    """Install code-server and Playwright if they are missing, and return their folder.

    Raises:
        CannotSetUpError: they cannot be installed on this machine.
    """
    folder = platformdirs.user_cache_path("slm-lsp-tests") / "vscode"
    done = subprocess.run([HERE / "setup.sh", folder], capture_output=True, text=True, timeout=SET_UP_S, check=False)
    if done.returncode == CANNOT:
        raise CannotSetUpError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise RuntimeError(done.stderr)
    return folder


def build() -> Path:
    """Package the extension and return its file.

    Raises:
        CannotSetUpError: npm cannot install the build tools.
    """
    lock, installed = EXTENSION / "package-lock.json", EXTENSION / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        fetched = npm("ci", "--no-audit", "--no-fund")
        if fetched.returncode:
            raise CannotSetUpError(f"npm ci failed in editors/vscode: {fetched.stderr.strip()[-500:]}")
    packaged = npm("run", "package")
    if packaged.returncode:
        raise RuntimeError(packaged.stdout + packaged.stderr)
    return EXTENSION / "build" / "slm-lsp.vsix"


def npm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run npm in the extension's folder."""
    command = shutil.which("npm")
    if command is None:
        raise CannotSetUpError("npm is not installed")
    return subprocess.run(
        [command, *arguments], cwd=EXTENSION, capture_output=True, text=True, timeout=SET_UP_S, check=False
    )


def node() -> str:
    """Return the path of Node.js."""
    return shutil.which("node") or "node"


class Code:
    """A code-server with its own settings, extensions and state under `folder`."""

    def __init__(self, tools: Path, folder: Path, environ: Mapping[str, str]) -> None:
        self._tools = tools
        # VSCODE_CLI=1: VS Code uses these environment variables and does not read those of a login shell.
        self._environ = {**environ, "VSCODE_CLI": "1", "EXTENSIONS_GALLERY": "{}"}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.settings()

    @property
    def machine_settings(self) -> Path:
        """The file with VS Code's settings of the machine."""
        return self._folder / "data" / "Machine" / "settings.json"

    def settings(self, **machine: object) -> None:
        """Write the settings of the user and of the machine. `slm_server_path` means `slm.server.path`."""
        data = self._folder / "data"
        own = {key.replace("_", "."): value for key, value in machine.items()}
        for folder, tree in ((data / "User", SETTINGS), (data / "Machine", own)):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "settings.json").write_text(json.dumps(tree))

    def install(self, vsix: Path) -> None:
        """Install an extension from a file."""
        command = [*self._command(), "--install-extension", vsix]
        done = subprocess.run(command, env=self._environ, timeout=120, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start code-server and wait until it listens on its port."""
        log = (self._folder / "code-server.log").open("ab")
        arguments = ["--auth", "none", "--bind-addr", f"127.0.0.1:{self.port}"]
        quiet = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"]
        self._process = subprocess.Popen(
            [*self._command(), *arguments, *quiet], env=self._environ, stdout=log, stderr=subprocess.STDOUT
        )
        until(lambda: _listens(self.port), START_S)

    def stop(self) -> None:
        """Stop code-server and its child processes, except the engine, which other servers may use."""
        if self._process is None:
            return
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        self._process.wait(30)
        for child in psutil.wait_procs(children, timeout=5)[1]:
            with suppress(psutil.Error):  # the process may exit in the meantime
                if "slm_lsp.engine.daemon" not in " ".join(child.cmdline()):
                    child.kill()

    def servers(self) -> list[psutil.Process]:
        """Return the processes of the language servers that the windows started."""
        assert self._process is not None
        found = []
        for child in psutil.Process(self._process.pid).children(recursive=True):
            try:
                if child.cmdline()[-2:] == ["serve", "--stdio"]:
                    found.append(child)
            except (psutil.Error, IndexError):
                continue
        return found

    def log(self) -> str:
        """Return the extension's logs of all windows."""
        files = sorted((self._folder / "data" / "logs").rglob("*slm-lsp.log"))
        return "\n".join(file.read_text() for file in files)

    def url(self, folder: Path | None, file: Path | None = None) -> str:
        """Return the address that opens a window.

        Args:
            folder: folder or `.code-workspace` file of the window; None: the window has no folder.
            file: file that is open in the window; None: no file.
        """
        kind = "workspace" if folder is not None and folder.suffix == ".code-workspace" else "folder"
        parts = [f"{kind}={quote(str(folder))}"] if folder else ["ew=true"]
        if file is not None:
            remote = f"vscode-remote://127.0.0.1:{self.port}{file}"
            parts.append("payload=" + quote(json.dumps([["openFile", remote]])))
        return f"http://127.0.0.1:{self.port}/?" + "&".join(parts)

    def _command(self) -> list[str | Path]:
        entry = self._tools / "node_modules" / "code-server" / "out" / "node" / "entry.js"
        data, extensions = self._folder / "data", self._folder / "extensions"
        return [node(), entry, "--user-data-dir", data, "--extensions-dir", extensions]


class Browser:
    """A headless Chromium. Each of its pages is a window of VS Code."""

    def __init__(self, tools: Path) -> None:
        self._process = subprocess.Popen(
            [node(), HERE / "drive.mjs", tools], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._windows = 0

    def open(self, url: str) -> "Window":
        """Open a new window."""
        self._windows += 1
        window = Window(self, f"window {self._windows}")
        window.do("open", url=url)
        return window

    def send(self, command: Mapping[str, object]) -> Any:
        """Have the driver execute a command, and return its result.

        Raises:
            RuntimeError: the command failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the driver ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def clear(self, name: str) -> None:
        """Save a screenshot of every window and close all windows, after a failed test."""
        self.send({"do": "clear", "path": str(artefacts() / name)})

    def close(self) -> None:
        """Close all windows and the browser."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Window:
    """One window of the editor."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self._name = name

    def do(self, action: str, **how: object) -> Any:
        """Execute an action of `drive.mjs`."""
        return self._browser.send({"do": action, "window": self._name, **how})

    def type(self, text: str, delay: int = 20) -> None:
        """Type at the cursor, with `delay` milliseconds between two keys."""
        self.do("type", text=text, delay=delay)

    def press(self, key: str) -> None:
        """Press a key or a combination such as `Control+End`."""
        self.do("press", key=key)

    def ghost(self, ms: int = 30000) -> str | None:
        """Wait for ghost text at the cursor and return it; None if none appears within `ms` milliseconds."""
        text: str | None = self.do("ghost", ms=ms)
        return text

    def status(self) -> dict[str, str]:
        """Return the status item: its `text` and its `tooltip`."""
        found: dict[str, str] = self.do("status")
        return found

    def notices(self) -> list[str]:
        """Return the texts of the shown notifications."""
        found: list[str] = self.do("notices")
        return found

    def close(self) -> None:
        """Close the window."""
        self.do("close")


@contextmanager
def running(code: Code) -> Iterator[Code]:
    """Start an editor and stop it at the end of the block."""
    code.start()
    try:
        yield code
    finally:
        code.stop()


def until(condition: Callable[[], object], seconds: float = 60.0, *, every: float = 0.1) -> Any:
    """Wait until a condition is true, and return its value.

    Raises:
        AssertionError: the condition was not true in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"the condition was not true within {seconds} s")


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def artefacts() -> Path:
    """Return the folder for screenshots."""
    folder = Path(os.environ.get("SLM_LSP_ARTEFACTS", HERE.parents[2] / "build" / "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
