"""Every handler declares where its work runs."""

import pytest
from lsprotocol import types

from slm_lsp.server.app import create_server
from slm_lsp.server.protocol import Runs


def test_every_handler_declares_where_it_runs() -> None:
    server = create_server({})
    manager = server.protocol.fm
    assert {*manager.features, *manager.commands} == set(server.runs)
    assert server.runs[types.TEXT_DOCUMENT_INLINE_COMPLETION] is Runs.ENGINE


@pytest.mark.parametrize("runs", [Runs.THREAD, Runs.ENGINE])
def test_plain_function_can_only_run_on_the_loop(runs: Runs) -> None:
    with pytest.raises(TypeError, match="must be a coroutine function"):
        create_server({}).handles("slm/test", runs)(lambda _: None)


def test_coroutine_function_cannot_be_declared_to_run_on_the_loop() -> None:
    async def handler(_: object) -> None: ...

    with pytest.raises(TypeError, match="must be a plain function"):
        create_server({}).handles("slm/test", Runs.LOOP)(handler)
