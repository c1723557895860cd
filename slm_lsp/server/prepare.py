"""Does slow one-time work before a client connects, so that the first messages do not block the event loop.

When a message type is used for the first time, lsprotocol generates code to decode and encode it, which takes up to
12 ms. Reading the table of languages takes about as long.
"""

from typing import Any

from lsprotocol import types
from pygls.protocol.json_rpc import JsonRPCResponseMessage

from slm_lsp.languages.registry import language_of
from slm_lsp.server.protocol import Protocol

_DOCUMENT = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": ""}
_POSITION = {"line": 0, "character": 0}
_RANGE = {"start": _POSITION, "end": _POSITION}

_CAPABILITIES: dict[str, dict[str, Any]] = {
    "workspace": {},
    "textDocument": {"inlineCompletion": {}},
    "window": {},
    "general": {},
}

_NOTIFICATIONS: dict[str, dict[str, Any]] = {
    types.INITIALIZED: {},
    types.TEXT_DOCUMENT_DID_OPEN: {"textDocument": _DOCUMENT},
    types.TEXT_DOCUMENT_DID_CHANGE: {
        "textDocument": _DOCUMENT,
        "contentChanges": [{"range": _RANGE, "text": ""}, {"text": ""}],
    },
    types.TEXT_DOCUMENT_DID_SAVE: {"textDocument": _DOCUMENT},
    types.TEXT_DOCUMENT_DID_CLOSE: {"textDocument": _DOCUMENT},
    types.CANCEL_REQUEST: {"id": 1},
}

_REQUESTS: dict[str, dict[str, Any]] = {
    types.INITIALIZE: {"processId": None, "rootUri": None, "capabilities": _CAPABILITIES},
    types.TEXT_DOCUMENT_INLINE_COMPLETION: {
        "textDocument": _DOCUMENT,
        "position": _POSITION,
        "context": {"triggerKind": 2},
    },
    types.TEXT_DOCUMENT_COMPLETION: {"textDocument": _DOCUMENT, "position": _POSITION},
    types.WORKSPACE_EXECUTE_COMMAND: {"command": "", "arguments": []},
}

_AT_START = types.Range(types.Position(0, 0), types.Position(0, 0))
_COMMAND = types.Command("", "", arguments=[])

_SERVER_CAPABILITIES = types.ServerCapabilities(
    text_document_sync=types.TextDocumentSyncOptions(open_close=True, save=types.SaveOptions()),
    execute_command_provider=types.ExecuteCommandOptions(commands=[]),
    inline_completion_provider=types.InlineCompletionOptions(),
    workspace=types.WorkspaceOptions(types.WorkspaceFoldersServerCapabilities(supported=True)),
)

_RESULTS: tuple[Any, ...] = (
    types.InitializeResult(_SERVER_CAPABILITIES, types.ServerInfo("")),
    types.InlineCompletionList([types.InlineCompletionItem("", range=_AT_START, command=_COMMAND)]),
    types.CompletionList(False, [types.CompletionItem("", text_edit=types.TextEdit(_AT_START, ""))]),
)


def prepare(protocol: Protocol) -> None:
    """Decode and encode a sample of each frequent message type, and read the table of languages."""
    for method, params in _NOTIFICATIONS.items():
        protocol.structure_message({"jsonrpc": "2.0", "method": method, "params": params})
    for method, params in _REQUESTS.items():
        protocol.structure_message({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    for result in _RESULTS:
        protocol.encode(JsonRPCResponseMessage(1, "2.0", result))
    language_of("a.py")
