"""A real VS Code: code-server with the extension in it, shown by headless Chromium. Set up by `setup.sh`."""

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
CANNOT = 3  # the exit code of setup.sh on a machine that cannot have an editor
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
    """This machine cannot have the editor; the text says why."""


def set_up() -> Path:
    """The folder with code-server and what drives it, made if need be.

    Raises:
        CannotSetUpError: this machine cannot have it.
    """
    folder = platformdirs.user_cache_path("slm-lsp-tests") / "vscode"
    done = subprocess.run([HERE / "setup.sh", folder], capture_output=True, text=True, timeout=SET_UP_S, check=False)
    if done.returncode == CANNOT:
        raise CannotSetUpError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise RuntimeError(done.stderr)
    return folder


def build() -> Path:
    """The packaged extension.

    Raises:
        CannotSetUpError: npm cannot fetch what builds it.
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
    """Node.js, which `set_up` saw."""
    return shutil.which("node") or "node"


class Code:
    """A code-server of its own: settings, extensions and state under `folder`."""

    def __init__(self, tools: Path, folder: Path, environ: Mapping[str, str]) -> None:
        self._tools = tools
        # VSCODE_CLI: it was started from a terminal, whose variables count; else it asks a login shell for others.
        self._environ = {**environ, "VSCODE_CLI": "1", "EXTENSIONS_GALLERY": "{}"}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.settings()

    @property
    def machine_settings(self) -> Path:
        """The file with the settings of the machine it runs on."""
        return self._folder / "data" / "Machine" / "settings.json"

    def settings(self, **machine: object) -> None:
        """Write the user's settings; `machine` are those of the machine it runs on, `slm_server_path` for a key."""
        data = self._folder / "data"
        own = {key.replace("_", "."): value for key, value in machine.items()}
        for folder, tree in ((data / "User", SETTINGS), (data / "Machine", own)):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "settings.json").write_text(json.dumps(tree))

    def install(self, vsix: Path) -> None:
        """Install an extension from its file."""
        command = [*self._command(), "--install-extension", vsix]
        done = subprocess.run(command, env=self._environ, timeout=120, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Serve on a port of this machine."""
        log = (self._folder / "code-server.log").open("ab")
        arguments = ["--auth", "none", "--bind-addr", f"127.0.0.1:{self.port}"]
        quiet = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"]
        self._process = subprocess.Popen(
            [*self._command(), *arguments, *quiet], env=self._environ, stdout=log, stderr=subprocess.STDOUT
        )
        until(lambda: _listens(self.port), START_S)

    def stop(self) -> None:
        """End it and whatever it started, but for the engine, which is the user's."""
        if self._process is None:
            return
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        self._process.wait(30)
        for child in psutil.wait_procs(children, timeout=5)[1]:
            with suppress(psutil.Error):  # it may end meanwhile
                if "slm_lsp.engine.daemon" not in " ".join(child.cmdline()):
                    child.kill()

    def servers(self) -> list[psutil.Process]:
        """The language servers that its windows started."""
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
        """What the extension wrote into its log, all windows together."""
        files = sorted((self._folder / "data" / "logs").rglob("*slm-lsp.log"))
        return "\n".join(file.read_text() for file in files)

    def url(self, folder: Path | None, file: Path | None = None) -> str:
        """The address of a window on a folder, on a file of several folders, or on nothing."""
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
    """Chromium, and the windows in it."""

    def __init__(self, tools: Path) -> None:
        self._process = subprocess.Popen(
            [node(), HERE / "drive.mjs", tools], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._windows = 0

    def open(self, url: str) -> "Window":
        """A new window."""
        self._windows += 1
        window = Window(self, f"window {self._windows}")
        window.do("open", url=url)
        return window

    def send(self, command: Mapping[str, object]) -> Any:
        """Have the driver do something.

        Raises:
            RuntimeError: it could not be done.
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
        """Keep a picture of every window and close it: a test failed and left them."""
        self.send({"do": "clear", "path": str(artefacts() / name)})

    def close(self) -> None:
        """Close every window."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Window:
    """One window of the editor, as a user sees it."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self._name = name

    def do(self, action: str, **how: object) -> Any:
        """One action of `drive.mjs`."""
        return self._browser.send({"do": action, "window": self._name, **how})

    def type(self, text: str, delay: int = 20) -> None:
        """Type at the cursor; `delay` in milliseconds between two keys."""
        self.do("type", text=text, delay=delay)

    def press(self, key: str) -> None:
        """One key, or keys at once: `Control+End`."""
        self.do("press", key=key)

    def ghost(self, ms: int = 30000) -> str | None:
        """The grey text at the cursor, or None after so many milliseconds."""
        text: str | None = self.do("ghost", ms=ms)
        return text

    def status(self) -> dict[str, str]:
        """The status item: its `text`, and what it `says` in full."""
        found: dict[str, str] = self.do("status")
        return found

    def notices(self) -> list[str]:
        """The pop-ups on the screen."""
        found: list[str] = self.do("notices")
        return found

    def close(self) -> None:
        """Close it."""
        self.do("close")


@contextmanager
def running(code: Code) -> Iterator[Code]:
    """An editor while it serves."""
    code.start()
    try:
        yield code
    finally:
        code.stop()


def until(condition: Callable[[], object], seconds: float = 60.0, *, every: float = 0.1) -> Any:
    """Wait for something to become true; its value.

    Raises:
        AssertionError: it did not.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def artefacts() -> Path:
    """Where pictures of the screen are kept."""
    folder = Path(os.environ.get("SLM_LSP_ARTEFACTS", HERE.parents[2] / "build" / "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
