"""The workspace folders of open documents: known names, threads, connections, and cancelled indexing."""

import asyncio
import threading
from pathlib import Path

import psutil
import pytest
from lsprotocol import types

from slm_lsp.index.database import index_dir
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.process import IndexerState
from slm_lsp.index.store import Writer
from slm_lsp.server.projects import RESUME_S, Projects
from slm_lsp.server.sessions import Sessions
from tests.index.test_process import indexers, until


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "shop"
    root.mkdir()
    (root / "orders.py").write_text("class Order:\n    pass\n")
    return root


def index(root: Path) -> None:
    folder = index_dir(root)
    with Writer(folder) as writer:
        indexer = Indexer(root, folder, writer)
        indexer.check()
        indexer.close()


def test_names_that_the_project_defines_are_known(workspace: Path) -> None:
    index(workspace)
    sessions = Sessions()
    sessions.set_folders([types.WorkspaceFolder(workspace.as_uri(), "shop")], [])

    async def look_up() -> list[bool]:
        projects = Projects(sessions, lambda *_: None)
        knows = projects.knows((workspace / "new.py").as_uri())
        outside = projects.knows((workspace.parent / "elsewhere.py").as_uri())
        found = [knows("Order"), knows("Ordre"), outside("Order")]
        await projects.close()
        return found

    assert asyncio.run(look_up()) == [True, False, False]


def test_names_are_known_as_soon_as_there_is_an_index(workspace: Path) -> None:
    sessions = Sessions()
    sessions.set_folders([types.WorkspaceFolder(workspace.as_uri(), "shop")], [])

    async def look_up() -> list[bool]:
        projects = Projects(sessions, lambda *_: None)
        knows = projects.knows((workspace / "new.py").as_uri())
        found = [knows("Order")]
        await projects.stop_indexing(workspace)
        index(workspace)
        found.append(knows("Order"))
        await projects.close()
        return found

    assert asyncio.run(look_up()) == [False, True]


def retrieval_threads() -> list[str]:
    """Return the names of the threads that search for snippets."""
    return [each.name for each in threading.enumerate() if each.name.startswith("retrieve")]


def connections(root: Path) -> list[str]:
    """Return the databases of an index that are open in this process."""
    folder = str(index_dir(root))
    return [each.path for each in psutil.Process().open_files() if each.path.startswith(folder)]


@pytest.mark.parametrize("by", ["removing the folder", "closing all"])
async def test_closed_workspace_leaves_no_thread_and_no_connection(workspace: Path, by: str) -> None:
    index(workspace)
    folder = types.WorkspaceFolder(workspace.as_uri(), "shop")
    uri = (workspace / "new.py").as_uri()
    sessions = Sessions()
    sessions.set_folders([folder], [])
    sessions.open(types.TextDocumentItem(uri, "python", 1, "order = Order()\n"))
    projects = Projects(sessions, lambda *_: None)
    knows = projects.knows(uri)
    assert knows("Order")
    cursor = sessions.cursor(sessions.get(uri).document, types.Position(1, 0))
    await projects.retrieve(sessions.get(uri).document, cursor, 100, 5.0)
    assert len(retrieval_threads()) == 1
    assert len([each for each in connections(workspace) if each.endswith(".db")]) >= 2

    if by == "removing the folder":
        sessions.set_folders([], [folder])
        for each in projects.remove([folder]):
            await each.close()
    else:
        await projects.close()
    await until(lambda: retrieval_threads() == [])
    assert not knows("Order")
    assert connections(workspace) == []
    await projects.close()


async def test_opening_or_saving_a_document_resumes_cancelled_indexing_after_a_pause(workspace: Path) -> None:
    now = [0.0]
    states: list[IndexerState] = []
    sessions = Sessions()
    sessions.set_folders([types.WorkspaceFolder(workspace.as_uri(), "shop")], [])
    projects = Projects(sessions, lambda _, state: states.append(state), lambda: now[0])
    uri = (workspace / "orders.py").as_uri()
    projects.viewed(uri)
    await until(lambda: bool(states) and states[-1].state == "ready")
    await projects.stop_indexing(workspace)
    states.clear()

    now[0] = RESUME_S - 1
    projects.resume_indexing(uri)
    assert not indexers()
    now[0] = RESUME_S
    projects.viewed(uri)
    assert not indexers()
    projects.resume_indexing(uri)
    await until(lambda: bool(states) and states[-1].state == "ready")
    await projects.close()
