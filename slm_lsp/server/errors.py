"""Maps the package's errors to errors of the protocol. No other module of the server does this."""

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from slm_lsp.errors import RequestCancelledError, SlmError, StaleEditError, UsageError


def lsp_error(error: SlmError) -> JsonRpcException:
    """Return the error for the client. `data` has the parts of `error`, so that a client can offer to fix the cause."""
    if isinstance(error, RequestCancelledError):
        return superseded()
    code = types.ErrorCodes.InvalidParams if isinstance(error, UsageError) else types.LSPErrorCodes.RequestFailed
    return JsonRpcException(str(error), code.value, {"kind": error.kind, "what": error.what, "cure": error.cure})


def stale(reason: str) -> JsonRpcException:
    """Return the answer to a request for an edit of a document whose text is no longer current."""
    return lsp_error(StaleEditError(reason, "Run the action again."))


def superseded() -> JsonRpcException:
    """Return the answer to a request that the server cancelled for a newer request or a newer version."""
    return JsonRpcException(
        "The server cancelled the request: the document was changed, or a newer request replaced it.",
        types.LSPErrorCodes.ServerCancelled.value,
    )
