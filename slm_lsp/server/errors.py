"""The one place where our errors become errors of the protocol."""

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from slm_lsp.errors import RequestCancelledError, SlmError, UsageError


def lsp_error(error: SlmError) -> JsonRpcException:
    """`error` as the client gets it; `data` has its parts for clients that want to offer a cure."""
    if isinstance(error, RequestCancelledError):
        return overtaken()
    code = types.ErrorCodes.InvalidParams if isinstance(error, UsageError) else types.LSPErrorCodes.RequestFailed
    return JsonRpcException(str(error), code.value, {"kind": error.kind, "what": error.what, "cure": error.cure})


def overtaken() -> JsonRpcException:
    """The answer to a request that a newer one, or a newer version of its document, made pointless."""
    return JsonRpcException("Overtaken by a newer request.", types.LSPErrorCodes.ServerCancelled.value)
