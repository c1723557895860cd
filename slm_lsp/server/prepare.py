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
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: {"token": ""},
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
    types.TEXT_DOCUMENT_CODE_ACTION: {
        "textDocument": _DOCUMENT,
        "range": _RANGE,
        "context": {"diagnostics": [{"range": _RANGE, "message": ""}], "only": ["quickfix"], "triggerKind": 1},
    },
    types.CODE_ACTION_RESOLVE: {"title": "", "kind": "quickfix", "data": {}},
}

_AT_START = types.Range(types.Position(0, 0), types.Position(0, 0))
_COMMAND = types.Command("", "", arguments=[])

_SERVER_CAPABILITIES = types.ServerCapabilities(
    text_document_sync=types.TextDocumentSyncOptions(open_close=True, save=types.SaveOptions()),
    execute_command_provider=types.ExecuteCommandOptions(commands=[]),
    inline_completion_provider=types.InlineCompletionOptions(),
    code_action_provider=types.CodeActionOptions([], resolve_provider=True),
    workspace=types.WorkspaceOptions(types.WorkspaceFoldersServerCapabilities(supported=True)),
)

_RESULTS: tuple[Any, ...] = (
    types.InitializeResult(_SERVER_CAPABILITIES, types.ServerInfo("")),
    types.InlineCompletionList([types.InlineCompletionItem("", range=_AT_START, command=_COMMAND)]),
    [types.CodeAction("", "", diagnostics=[types.Diagnostic(_AT_START, "")], command=_COMMAND, data={}), _COMMAND],
    types.CompletionList(False, [types.CompletionItem("", text_edit=types.TextEdit(_AT_START, ""))]),
)

_WORKSPACE_EDIT = types.WorkspaceEdit(
    document_changes=[
        types.TextDocumentEdit(
            types.OptionalVersionedTextDocumentIdentifier("", 1), [types.AnnotatedTextEdit("", _AT_START, "")]
        )
    ],
    change_annotations={"": types.ChangeAnnotation("")},
)

_PROGRESS = (types.WorkDoneProgressBegin(""), types.WorkDoneProgressReport(), types.WorkDoneProgressEnd())

_SENT: tuple[Any, ...] = (
    types.ApplyWorkspaceEditRequest(1, types.ApplyWorkspaceEditParams(_WORKSPACE_EDIT)),
    types.WorkDoneProgressCreateRequest(1, types.WorkDoneProgressCreateParams("")),
    types.ShowMessageNotification(types.ShowMessageParams(types.MessageType.Warning, "")),
    *(types.ProgressNotification(types.ProgressParams("", each)) for each in _PROGRESS),
)


def prepare(protocol: Protocol) -> None:
    """Decode and encode a sample of each frequent message type, and read the table of languages."""
    for method, params in _NOTIFICATIONS.items():
        protocol.structure_message({"jsonrpc": "2.0", "method": method, "params": params})
    for method, params in _REQUESTS.items():
        protocol.structure_message({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    for result in _RESULTS:
        protocol.encode(JsonRPCResponseMessage(1, "2.0", result))
    for message in _SENT:
        protocol.encode(message)
    language_of("a.py")
