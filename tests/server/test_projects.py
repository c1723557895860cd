"""What the server knows of the projects round its documents."""

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from slm_lsp.index.database import index_dir
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.store import Writer
from slm_lsp.server.documents import Documents
from slm_lsp.server.projects import Projects


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
    documents = Documents()
    documents.set_folders([types.WorkspaceFolder(workspace.as_uri(), "shop")], [])

    async def ask() -> list[bool]:
        projects = Projects(documents, lambda *_: None)
        knows = projects.knows((workspace / "new.py").as_uri())
        outside = projects.knows((workspace.parent / "elsewhere.py").as_uri())
        found = [knows("Order"), knows("Ordre"), outside("Order")]
        await projects.close()
        return found

    assert asyncio.run(ask()) == [True, False, False]


def test_without_an_index_no_name_is_and_later_it_may_be(workspace: Path) -> None:
    documents = Documents()
    documents.set_folders([types.WorkspaceFolder(workspace.as_uri(), "shop")], [])

    async def ask() -> list[bool]:
        projects = Projects(documents, lambda *_: None)
        knows = projects.knows((workspace / "new.py").as_uri())
        found = [knows("Order")]
        await projects.stop_indexing(workspace)
        index(workspace)
        found.append(knows("Order"))
        await projects.close()
        return found

    assert asyncio.run(ask()) == [False, True]
