"""Answers `textDocument/codeAction`: fixes for diagnostics, and refactorings that make sense at a place.

No model is used to find actions. An action has either a command that makes the edit with the model (`edits.py`), or the
edit of a rule (`rule_actions.py`), which is computed when the client resolves the action.
"""

import asyncio
from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

from lsprotocol import types
from pygls.capabilities import get_capability

from slm_lsp.errors import ParseTimeoutError, SlmError
from slm_lsp.features.edit.hunks import Hunk
from slm_lsp.features.edit.offers import REWRITE, offers
from slm_lsp.server.apply_edit import workspace_edit
from slm_lsp.server.document import Document
from slm_lsp.server.edits import FIX, REFACTOR
from slm_lsp.server.errors import lsp_error, stale
from slm_lsp.server.rule_actions import OWN, RulePlace
from slm_lsp.server.sessions import Sessions
from slm_lsp.text import Encoding

QUICKFIX = types.CodeActionKind.QuickFix.value

RULES = ("refactor.extract", "refactor.inline", f"source.organizeImports{OWN}", f"source.removeUnusedImports{OWN}")

KINDS = (QUICKFIX, REWRITE, *RULES)
"""Kinds of the actions, as announced to the client."""

MAX_FIXES = 5
"""Maximum number of diagnostics for which a fix is offered at one place."""

TITLE_CHARACTERS = 80
"""Maximum length of a title that quotes a diagnostic."""

Action = types.CodeAction | types.Command


class CodeActions:
    """Finds the actions for a place in an open document. Use it on the event loop only."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def at(self, params: types.CodeActionParams, capabilities: types.ClientCapabilities) -> list[Action]:
        """Return the actions for a range, in the form that the client supports. None for a document that is not open.

        When an editor asks automatically, for example to show a light bulb, and nothing is selected, return only fixes:
        otherwise the light bulb would be visible in every function.
        """
        document, context = self._sessions.current(params.text_document.uri), params.context
        if document is None:
            return []
        place = self._place(document, params.range)
        found = _fixes(place, context.diagnostics) if _is_wanted(QUICKFIX, context.only) else []
        automatic = context.trigger_kind == types.CodeActionTriggerKind.Automatic
        if not automatic or place.selection[0] < place.selection[1]:
            # A rule may read all files of the project, so its edit is computed only for the chosen action.
            kinds = KINDS if _can_resolve("edit", capabilities) else (REWRITE,)
            wanted = [each for each in kinds if _is_wanted(each, context.only)]
            found += await asyncio.to_thread(_refactorings, place, params.range, wanted, self._sessions.encoding)
        return [_supported(each, capabilities) for each in found]

    async def resolve(self, action: types.CodeAction, capabilities: types.ClientCapabilities) -> types.CodeAction:
        """Return an action with its command or its edit, which `data` describes.

        Raises:
            JsonRpcException: the document has changed since the action was offered, or a rule refuses the edit.
        """
        data: Any = action.data
        if isinstance(data, dict) and "rule" in data:
            action.edit = await self._edit(data, action.title, capabilities)
        return _with_command(action)

    def _place(self, document: Document, span: types.Range) -> RulePlace:
        start, end = sorted(document.offset(each, self._sessions.encoding) for each in (span.start, span.end))
        root = self._sessions.workspace_of(document.uri)
        return RulePlace(document, self._sessions.place_of(document.uri)[1], root, (start, end))

    async def _edit(
        self, data: dict[str, Any], title: str, capabilities: types.ClientCapabilities
    ) -> types.WorkspaceEdit:
        """Return the edit of a rule."""
        document = self._sessions.current(data["textDocument"]["uri"])
        if document is None or document.version != data["textDocument"]["version"]:
            raise stale("The document has changed since the action was offered.")
        start, end = (types.Position(**data["range"][each]) for each in ("start", "end"))
        place = self._place(document, types.Range(start, end))
        try:
            hunks: tuple[Hunk, ...] = await asyncio.to_thread(place.change, data["rule"])
        except SlmError as error:
            raise lsp_error(error) from error
        annotation = types.ChangeAnnotation(f"slm-lsp: {title}", needs_confirmation=False)
        return workspace_edit(document, hunks, annotation, self._sessions.encoding, capabilities)


def _can_resolve(part: str, capabilities: types.ClientCapabilities) -> bool:
    """Return whether a client requests a part of an action, `command` or `edit`, when the user has chosen it."""
    properties = get_capability(capabilities, "text_document.code_action.resolve_support.properties", ())
    return part in properties and bool(get_capability(capabilities, "text_document.code_action.data_support", False))


def _supported(action: types.CodeAction, capabilities: types.ClientCapabilities) -> Action:
    """Return an action with its command, unless the client can resolve the command later.

    A client without support for `CodeAction` gets the command itself.
    """
    if _can_resolve("command", capabilities):
        return action
    complete = _with_command(action)
    literals = get_capability(capabilities, "text_document.code_action.code_action_literal_support")
    return complete.command if literals is None and complete.command is not None else complete


def _with_command(action: types.CodeAction) -> types.CodeAction:
    """Return an action with the command that its `data` contains, if any."""
    data: Any = action.data
    if isinstance(data, dict) and data.get("command") in (FIX, REFACTOR):
        action.command = types.Command(action.title, data["command"], arguments=[data.get("argument")])
    return action


def _is_wanted(kind: str, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Return whether a client that asks only for some kinds of actions, or for all, wants a kind."""
    if only is None:
        return True
    wanted = [each.value if isinstance(each, types.CodeActionKind) else each for each in only]
    return any(not each or kind == each or kind.startswith(f"{each}.") for each in wanted)


def _refactorings(
    place: RulePlace, span: types.Range, kinds: Sequence[str], encoding: Encoding
) -> list[types.CodeAction]:
    """Return the refactorings of some kinds that make sense at a place. Call this in a thread, because it may parse."""
    document = place.document
    found: list[types.CodeAction] = []
    if REWRITE in kinds:
        try:
            for offer in offers(document.syntax, place.selection):
                code = types.Range(document.position(offer.start, encoding), document.position(offer.end, encoding))
                argument = _argument(document, code) | {"instruction": offer.instruction}
                found.append(_action(offer.title, offer.kind, REFACTOR, argument))
        except ParseTimeoutError:
            return []
    if any(each in kinds for each in RULES):
        for kind, rule in place.actions():
            if kind in kinds:
                data: Any = _argument(document, span) | {"rule": rule.name}
                found.append(types.CodeAction(rule.title, kind, data=data))
    return found


def _fixes(place: RulePlace, diagnostics: Sequence[types.Diagnostic]) -> list[types.CodeAction]:
    """Return an action for each diagnostic, at most `MAX_FIXES`."""
    return list(_different(_fix(place, each) for each in diagnostics))[:MAX_FIXES]


def _different(actions: Iterator[types.CodeAction]) -> Iterator[types.CodeAction]:
    titles: set[str] = set()
    for each in actions:
        if each.title not in titles:
            titles.add(each.title)
            yield each


def _fix(place: RulePlace, diagnostic: types.Diagnostic) -> types.CodeAction:
    # In LSP 3.18, a message may be a `MarkupContent`.
    message: Any = diagnostic.message
    text = message.value if isinstance(message, types.MarkupContent) else str(message)
    start = diagnostic.range.start
    # The usual format of compilers, which contains the line number.
    error = f"{place.path}:{start.line + 1}:{start.character + 1}: {text}"
    argument = _argument(place.document, diagnostic.range) | {"error": error}
    title = f"Fix with slm-lsp: {shorten(text, TITLE_CHARACTERS, placeholder='…')}"
    action = _action(title, QUICKFIX, FIX, argument)
    action.diagnostics = [diagnostic]
    return action


def _argument(document: Document, place: types.Range) -> dict[str, Any]:
    start, end = ({"line": each.line, "character": each.character} for each in (place.start, place.end))
    identifier = {"uri": document.uri, "version": document.version}
    return {"textDocument": identifier, "range": {"start": start, "end": end}}


def _action(title: str, kind: str, command: str, argument: dict[str, Any]) -> types.CodeAction:
    return types.CodeAction(title, kind, data={"command": command, "argument": argument})
