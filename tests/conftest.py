"""Fixtures for all tests: separate environments, the tiny model, and the real fast model if it is installed."""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from slm_lsp.errors import ModelError
from slm_lsp.models.catalogue import load_catalogue
from slm_lsp.models.files import Stamp
from slm_lsp.models.records import Record
from slm_lsp.models.store import Store, default_root
from slm_lsp.sandbox.seccomp import COMPUTE_ONLY_SUPPORTED
from tests.tiny import write_tiny_model

TESTS = Path(__file__).parent
FIXTURES = TESTS.parent / "fixtures"
REAL_MODELS = Path(os.environ.get("SLM_LSP_MODELS_DIR", default_root()))
REAL_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))

needs_wall = pytest.mark.skipif(
    not COMPUTE_ONLY_SUPPORTED, reason="the compute-only process needs Linux on x86-64 (slm_lsp/sandbox/seccomp.py)"
)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for `--dist=loadgroup`, which runs each group in one process.

    All tests of one editor are a group, because they share its installation; so are the tests of any other file. The
    editors come first, because they take longest.
    """
    for item in items:
        path = item.path.relative_to(TESTS)
        group = path.parts[1] if path.parts[0] == "editors" else path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] != "editors")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def fast_model() -> Path:
    try:
        return Store(REAL_MODELS).find("fast").path
    except ModelError as error:
        pytest.skip(f"needs the real fast model, which `make test` pulls: {error}")


def store_of_tiers(root: Path, *, fast: Path, strong: Path) -> Path:
    """Create a model store in which two files act as the fast and the strong tier.

    The records contain the hashes from the catalogue, so that the store accepts any two files.
    """
    root.mkdir()
    store = Store(root)
    for tier, file in (("fast", fast), ("strong", strong)):
        entry = load_catalogue().find(tier)
        path = store.records.path_of(entry.sha256)
        try:
            path.hardlink_to(file)
        except OSError:  # the file is on another disk
            shutil.copy(file, path)
        stamp = Stamp.of(path)
        store.records.write(Record(entry.name, stamp.bytes, entry.sha256, "added", 0.0, stamp))
    return root


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A new environment without the user's settings, cache and engine. Engines started in it are killed afterwards."""
    yield from environment(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`home` for a whole module, so that the real model is loaded once."""
    yield from environment(tmp_path_factory.mktemp("home"))


def environment(folder: Path) -> Iterator[dict[str, str]]:
    runtime = folder / "run"
    runtime.mkdir()
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SLM_LSP_")}
    environ |= {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_RUNTIME_DIR": str(runtime),
        "SLM_LSP_MODELS_DIR": str(REAL_MODELS),
        "SLM_LSP_MODEL": "fast",
    }
    yield environ
    for process in engines(environ):
        process.kill()
        process.wait()


def heed_interrupts() -> None:
    """Restore the default action of SIGINT. Pass this function as `preexec_fn` of a subprocess.

    A shell starts background jobs with SIGINT ignored. If the tests run in such a job, their child processes ignore it
    too.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def engines(environ: Mapping[str, str]) -> list[psutil.Process]:
    """Return the engine processes that run in an environment."""
    running = []
    for process in psutil.process_iter(["cmdline"]):
        if "slm_lsp.engine.daemon" in (process.info["cmdline"] or []):
            try:
                if process.environ().get("XDG_RUNTIME_DIR") == environ["XDG_RUNTIME_DIR"]:
                    running.append(process)
            except psutil.Error:
                continue
    return running
