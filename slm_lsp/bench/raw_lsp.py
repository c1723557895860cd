"""A language client without an editor: what a suggestion costs before anything is drawn."""

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
    """One document at a time, changed as a whole."""

    def __init__(self, client: LanguageClient, uri: str) -> None:
        self._client = client
        self._uri = uri
        self._version = 0

    def open(self, text: str, language: str) -> None:
        """Open the document."""
        item = types.TextDocumentItem(self._uri, language, self._version, text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def rest_at(self, at: "Position") -> None:
        """Tell that the cursor rests somewhere, as both editors do."""
        position = {"line": at.line, "character": at.column}
        self._client.protocol.notify("slm/cursor", {"textDocument": {"uri": self._uri}, "position": position})

    def type(self, at: "Position", key: str) -> None:
        """Insert text; `at` counts from 0, in characters of one UTF-16 unit."""
        self._version += 1
        place = types.Position(at.line, at.column)
        change = types.TextDocumentContentChangePartial(types.Range(place, place), key)
        document = types.VersionedTextDocumentIdentifier(self._version, self._uri)
        self._client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def complete(self, at: "Position") -> tuple[float, list[types.InlineCompletionItem]]:
        """Milliseconds until the answer, and the answer."""
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
    """A server of its own and a client for one file, ended afterwards.

    Args:
        server: the command, with its arguments.
        environ: its environment.
        file: which need not be there.
    """
    client = LanguageClient("slm-bench", "1")
    client.feature("slm/status")(lambda status: None)  # what is measured is the answer alone
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
