"""A language client without an editor, to measure suggestions without the time that an editor needs to display them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.lsp.client import LanguageClient

if TYPE_CHECKING:
    from slm_lsp.text import Position

MILLISECONDS = 1e3


class RawClient:
    """A client with one open document."""

    def __init__(self, client: LanguageClient, uri: str) -> None:
        self._client = client
        self._uri = uri
        self._version = 0

    def open(self, text: str, language: str) -> None:
        """Open the document."""
        item = types.TextDocumentItem(self._uri, language, self._version, text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def rest_at(self, at: "Position") -> None:
        """Notify the server that the cursor rests at a position, as both editors do."""
        position = {"line": at.line, "character": at.column}
        self._client.protocol.notify("slm/cursor", {"textDocument": {"uri": self._uri}, "position": position})

    def type(self, at: "Position", key: str) -> None:
        """Insert text. The line and column of `at` count from 0; columns are in UTF-16 code units."""
        self._change(at, at.column, key)

    def delete(self, at: "Position", length: int) -> None:
        """Delete `length` UTF-16 code units of one line, from a position on."""
        self._change(at, at.column + length, "")

    def _change(self, at: "Position", end_column: int, text: str) -> None:
        self._version += 1
        place = types.Range(types.Position(at.line, at.column), types.Position(at.line, end_column))
        change = types.TextDocumentContentChangePartial(place, text)
        document = types.VersionedTextDocumentIdentifier(self._version, self._uri)
        self._client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def complete(self, at: "Position") -> tuple[float, list[types.InlineCompletionItem]]:
        """Request a completion. Return the milliseconds until the answer, and the items of the answer."""
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            types.TextDocumentIdentifier(self._uri),
            types.Position(at.line, at.column),
        )
        begun = time.monotonic()
        answer = await self._client.text_document_inline_completion_async(params)
        took = (time.monotonic() - begun) * MILLISECONDS
        items = answer.items if isinstance(answer, types.InlineCompletionList) else list(answer or [])
        return took, list(items)


@asynccontextmanager
async def raw_client(server: Sequence[str], environ: Mapping[str, str], file: Path) -> AsyncIterator[RawClient]:
    """Run a server and a client for one file, and stop both afterwards.

    Args:
        server: the server's command line.
        environ: environment variables of the server.
        file: path of the document; it need not exist.
    """
    client = LanguageClient("slm-bench", "1")
    client.feature("slm/status")(lambda status: None)  # ignore status notifications: only answers are measured
    await client.start_io(*server, env=dict(environ))
    try:
        folder = types.WorkspaceFolder(file.parent.as_uri(), file.parent.name)
        params = types.InitializeParams(types.ClientCapabilities(), workspace_folders=[folder])
        await client.initialize_async(params)
        client.initialized(types.InitializedParams())
        yield RawClient(client, file.as_uri())
        await client.shutdown_async(None)
        client.exit(None)
    finally:
        await asyncio.wait_for(client.stop(), timeout=10)  # type: ignore[no-untyped-call]
