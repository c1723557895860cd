"""The prompts that the real server evaluates before a request, with the tiny model."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slm_lsp.engine.client.connection import EngineClient
from tests.server.test_wire import Wire


@pytest.fixture
def environ(home: dict[str, str], tiny_model: Path) -> dict[str, str]:
    return home | {"SLM_LSP_MODEL": str(tiny_model)}


@pytest.fixture
def wire(environ: dict[str, str], tmp_path: Path) -> Iterator[Wire]:
    found = Wire(environ)
    found.request(1, "initialize", {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": {}})
    found.notify("initialized", {})
    yield found
    found.process.kill()
    found.process.wait()


def opened(wire: Wire, file: Path) -> None:
    item = {"uri": file.as_uri(), "languageId": "python", "version": 1, "text": f"{file.stem} = 1\n"}
    wire.notify("textDocument/didOpen", {"textDocument": item})


async def served(engine: EngineClient, count: int) -> None:
    """Wait until the engine has answered at least `count` requests."""
    deadline = time.monotonic() + 90
    while (await engine.stats()).served < count:
        assert time.monotonic() < deadline, "the engine served fewer requests"
        await asyncio.sleep(0.05)


async def warmed(wire: Wire) -> None:
    """Wait until the server has evaluated a prompt."""
    number = 100
    while wire.request(number, "slm/status", {})["result"]["state"] != "ready":
        await asyncio.sleep(0.05)
        number += 1


async def test_prompt_of_every_opened_file_is_evaluated(wire: Wire, environ: dict[str, str], tmp_path: Path) -> None:
    async with EngineClient(environ) as engine:
        opened(wire, tmp_path / "first.py")
        await asyncio.wait_for(warmed(wire), 90)
        before = (await engine.stats()).served
        opened(wire, tmp_path / "second.py")
        await served(engine, before + 1)
        for name in ("third.py", "fourth.py", "fifth.py"):
            opened(wire, tmp_path / name)
        await served(engine, before + 4)


async def test_warm_up_interrupted_by_typing_runs_again(wire: Wire, environ: dict[str, str], tmp_path: Path) -> None:
    async with EngineClient(environ) as engine:
        opened(wire, tmp_path / "first.py")
        opened(wire, tmp_path / "second.py")
        for version in range(2, 5):
            document = {"uri": (tmp_path / "second.py").as_uri(), "version": version}
            wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": "x = 2\n"}]})
        await served(engine, 2)
