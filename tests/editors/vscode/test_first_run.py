"""Installation of server and model by the extension, and its messages about problems."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest

from slm_lsp.models.store import Store
from tests.conftest import REAL_MODELS
from tests.editors.vscode.code import Browser, Code, Window, artefacts, running, until
from tests.editors.vscode.conftest import ROOT, with_server_on_path
from tests.models.conftest import Hub, serve

pytestmark = [pytest.mark.real_model, pytest.mark.editor]

INSTALL_S = 900
LOAD_S = 120


@pytest.fixture
def bare(home: dict[str, str], tools: Path, vsix: Path, tmp_path: Path) -> Iterator[Code]:
    """A VS Code in an environment without server and model."""
    environ = {**home, "PATH": without_server(home["PATH"]), "SLM_LSP_MODELS_DIR": str(tmp_path / "models")}
    editor = Code(tools, tmp_path / "code", environ)
    editor.install(vsix)
    with running(editor):
        yield editor


def without_server(path: str) -> str:
    """Return PATH without the folders that contain a server."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if not (Path(folder) / "slm-lsp").exists())


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def notice(window: Window, part: str) -> str:
    """Wait for a notification that contains `part`, and return its text."""
    return next(each for each in until(lambda: [n for n in window.notices() if part in n], 120) if part in each)


def status_tooltip(window: Window, text: str, seconds: float = 120) -> str:
    """Wait until the status item shows `text`, and return its tooltip."""
    until(lambda: text in window.status()["text"], seconds)
    return window.status()["tooltip"]


@pytest.fixture
def hub(fast_model: Path) -> Iterator[Hub]:
    yield from serve(Hub(fast_model.read_bytes()))


def pip_cache(*arguments: str) -> str:
    """Return the output of `pip cache` of this environment."""
    command = [sys.executable, "-m", "pip", "cache", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_documented_steps_lead_to_the_first_suggestion(
    home: dict[str, str], tools: Path, vsix: Path, tmp_path: Path, browser: Browser, hub: Hub, project: Path
) -> None:
    """The steps of docs/editors/vscode.md: install extension, server and model; type; press Tab."""
    if "llama_cpp_python" not in pip_cache("list", "llama_cpp_python"):
        pytest.skip("this would compile llama-cpp-python for minutes; `make setup` puts its wheel into pip's cache")
    environ = {
        **home,
        "PATH": without_server(home["PATH"]),
        "SLM_LSP_MODELS_DIR": str(tmp_path / "models"),
        "HF_ENDPOINT": hub.url,
        "PIP_CACHE_DIR": pip_cache("dir").strip(),
        "PIP_CONFIG_FILE": str(Path.home() / ".config" / "pip" / "pip.conf"),
    }
    environ.pop("PYTHONPATH", None)  # so that the installed server runs, not this checkout
    code = Code(tools, tmp_path / "code", environ)
    code.settings(slm_server_installFrom=str(ROOT))
    code.install(vsix)  # step 1
    with running(code):
        window = browser.open(code.url(project, project / "fib.py"))
        assert "was not found" in notice(window, "needs its server")
        window.do("screenshot", path=str(artefacts() / "vscode-no-server.png"))
        window.do("button", label="Install")  # step 2
        assert "No model" in status_tooltip(window, "no model", INSTALL_S)
        assert "491 MB" in notice(window, "needs a model")
        window.do("screenshot", path=str(artefacts() / "vscode-no-model.png"))
        window.do("button", label="Download")  # step 3
        status_tooltip(window, "slm fast", LOAD_S)
        window.do("focus")
        window.type("return ")  # step 4
        assert (window.ghost(LOAD_S * 1000) or "").startswith("fib(")
        window.press("Tab")  # step 5
        until(lambda: "return fib(" in (project / "fib.py").read_text())
        own = tmp_path / "code" / "data" / "User" / "globalStorage" / "slm-lsp.slm-lsp" / "server"
        assert (own / "bin" / "slm-lsp").exists()
        assert [server.exe() for server in code.servers()]
        window.do("command", title="slm-lsp: Remove the Server Installed by This Extension")
        status_tooltip(window, "no server")
        assert not own.exists()
        window.close()


def test_missing_server_is_reported_once(bare: Code, browser: Browser, project: Path) -> None:
    window = browser.open(bare.url(project, project / "fib.py"))
    assert "Click to install it" in status_tooltip(window, "no server")
    assert "slm.server.installFrom" in notice(window, "needs its server")
    window.do("button", label="Not Now")
    window.do("statusClick")
    assert window.do("entries")[0].endswith("Install the server")
    window.close()
    second = browser.open(bare.url(project, project / "fib.py"))
    status_tooltip(second, "no server")
    second.do("wait", ms=2000)
    assert second.notices() == []
    second.close()


def test_each_kind_of_broken_server_has_its_own_message(
    bare: Code, browser: Browser, project: Path, tmp_path: Path
) -> None:
    """A configured path that does not exist, a program that cannot be started, a crashing one and an old one."""
    started = tmp_path / "started"
    crashing = script(tmp_path / "crash" / "slm-lsp", f"#!/bin/sh\necho x >> {started}\necho out of luck >&2\nexit 1\n")
    lost = script(tmp_path / "lost" / "slm-lsp", "#!/no/such/python\n")
    old = script(tmp_path / "old" / "slm-lsp", f"#!{sys.executable}\n{OLD_SERVER}")

    bare.settings(slm_server_path="/nowhere/slm-lsp")
    window = browser.open(bare.url(project, project / "fib.py"))
    assert "is /nowhere/slm-lsp" in notice(window, "slm.server.path")

    bare.settings(slm_server_path=str(lost))
    assert "cannot be started" in status_tooltip(window, "stopped")
    assert "install it again" in notice(window, "cannot be started")

    bare.settings(slm_server_path=str(old))
    assert "slm-lsp 0.0.9" in until(lambda: "0.0.9" in (tooltip := window.status()["tooltip"]) and tooltip)
    assert "0.1.0 or later" in notice(window, "is slm-lsp 0.0.9")
    window.close()

    bare.settings(slm_server_path=str(crashing))
    window = browser.open(bare.url(project, project / "fib.py"))
    assert "ended 5 times in 3 minutes" in status_tooltip(window, "stopped")
    assert "out of luck" in notice(window, "started 5 times in 3 minutes")
    assert started.read_text().count("x") == 5
    window.do("button", label="Start Again")
    until(lambda: started.read_text().count("x") == 10, 120)
    status_tooltip(window, "stopped")
    window.do("wait", ms=1000)
    assert window.notices() == []
    window.close()


OLD_SERVER = """
import json, sys
if "serve" in sys.argv:
    length = int(sys.stdin.readline().split(":")[1])
    while sys.stdin.readline().strip():
        pass
    number = json.loads(sys.stdin.read(length))["id"]
    result = {"capabilities": {}, "serverInfo": {"name": "slm-lsp", "version": "0.0.9"}}
    body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result})
    sys.stdout.write(f"Content-Length: {len(body)}\\r\\n\\r\\n{body}")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_status_item_shows_that_no_model_is_installed(
    home: dict[str, str], tools: Path, vsix: Path, tmp_path: Path, browser: Browser, project: Path
) -> None:
    environ = with_server_on_path({**home, "SLM_LSP_MODELS_DIR": str(tmp_path / "models")})
    code = Code(tools, tmp_path / "code", environ)
    code.install(vsix)
    with running(code):
        window = browser.open(code.url(project, project / "fib.py"))
        assert "No model is installed" in status_tooltip(window, "no model")
        notice(window, "needs a model")
        window.do("button", label="Not Now")
        window.do("focus")
        window.type("return ")
        assert window.ghost(2000) is None
        assert "no model" in window.status()["text"]
        window.do("screenshot", path=str(artefacts() / "vscode-model-missing.png"))
        assert window.notices() == []
        window.do("statusClick")
        assert window.do("entries")[0].endswith("Download a model")
        window.press("Escape")
        put_model(tmp_path / "models")
        window.do("command", title="slm-lsp: Restart the Server")
        status_tooltip(window, "slm fast", LOAD_S)
        window.do("focus")
        window.press("Backspace")
        window.type(" ")
        assert (window.ghost(LOAD_S * 1000) or "").startswith("fib(")
        window.close()


def put_model(folder: Path) -> None:
    """Link the installed fast model into another store."""
    model = Store(REAL_MODELS).find("fast")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / model.path.name).symlink_to(model.path)
    shutil.copy(model.path.with_suffix(".json"), folder)


def test_download_into_an_unwritable_folder_is_reported(
    home: dict[str, str], tools: Path, vsix: Path, tmp_path: Path, browser: Browser, project: Path
) -> None:
    code = Code(tools, tmp_path / "code", with_server_on_path({**home, "SLM_LSP_MODELS_DIR": "/proc/models"}))
    code.install(vsix)
    with running(code):
        window = browser.open(code.url(project, project / "fib.py"))
        notice(window, "needs a model")
        window.do("button", label="Download")
        assert "/proc/models" in notice(window, "/proc/models")
        assert "no model" in window.status()["text"]
        window.close()


def test_cancelled_download_resumes(
    home: dict[str, str], tools: Path, vsix: Path, tmp_path: Path, browser: Browser, hub: Hub, project: Path
) -> None:
    models = tmp_path / "models"
    environ = with_server_on_path({**home, "SLM_LSP_MODELS_DIR": str(models), "HF_ENDPOINT": hub.url})
    code = Code(tools, tmp_path / "code", environ)
    code.install(vsix)
    hub.faults = ["hold"]
    with running(code):
        window = browser.open(code.url(project, project / "fib.py"))
        notice(window, "needs a model")
        window.do("button", label="Download")
        assert hub.half_sent.wait(60)
        until(lambda: [each for each in window.notices() if "Downloading the model" in each])
        window.do("button", label="Cancel")
        until(lambda: not window.notices())
        assert "no model" in window.status()["text"]
        (partial,) = models.glob("*.partial")
        kept = until(lambda: partial.stat().st_size)
        assert 0 < kept <= len(hub.data) // 2

        window.do("command", title="slm-lsp: Download a Model")
        assert window.do("entries")[0].startswith("qwen2.5-coder-0.5b")
        window.press("Enter")
        status_tooltip(window, "slm fast", LOAD_S)
        assert hub.requests[-1].range == f"bytes={kept}-"
        window.close()


def test_full_disk_is_reported_with_the_size_needed(
    bare: Code, browser: Browser, project: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=1m none '{models}'"
    if shutil.which("unshare") is None or subprocess.run([*unshare, mount], capture_output=True).returncode:
        pytest.skip("cannot mount a small file system: needs unprivileged user namespaces")
    command = f'{mount} && exec {sys.executable} -m slm_lsp.cli.main "$@"'
    small = script(tmp_path / "small" / "slm-lsp", f'#!/bin/sh\nexec {" ".join(unshare)} {quote(command)} - "$@"\n')
    bare.settings(slm_server_path=str(small))
    window = browser.open(bare.url(project, project / "fib.py"))
    notice(window, "needs a model")
    window.do("button", label="Download")
    message = notice(window, "bytes are needed")
    assert "free" in message
    assert "no model" in window.status()["text"]
    window.close()
