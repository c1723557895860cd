"""Registers the handlers of edits: the commands and the code actions."""

from typing import Any

from lsprotocol import types

from slm_lsp.server.edit_actions import KINDS, CodeActions
from slm_lsp.server.edits import FIX, REFACTOR, Edits
from slm_lsp.server.protocol import Runs, Server
from slm_lsp.server.sessions import Sessions


def register_edits(server: Server, edits: Edits, sessions: Sessions) -> None:
    """Register the handlers of edits."""
    actions = CodeActions(sessions)

    @server.runs_command(REFACTOR, Runs.ENGINE)
    async def refactor(argument: Any) -> Any:
        return await edits.refactor(argument)

    @server.runs_command(FIX, Runs.ENGINE)
    async def fix(argument: Any) -> Any:
        return await edits.fix(argument)

    options = types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)

    @server.handles(types.TEXT_DOCUMENT_CODE_ACTION, Runs.THREAD, options)
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        return await actions.at(params, server.client_capabilities)

    @server.handles(types.CODE_ACTION_RESOLVE, Runs.THREAD)
    async def resolve_code_action(action: types.CodeAction) -> types.CodeAction:
        return await actions.resolve(action, server.client_capabilities)
