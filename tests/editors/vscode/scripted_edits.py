"""A language server with scripted edits, for tests of what the editor does with them.

The edit of each document is the same: it puts spaces around each `*` and a comment above the line. The instruction
selects a deviation: `FAILING`, `NOTHING`, `SLOWLY`, `LATE`. Each message of the client is appended to the file that the
first argument names, as one line of JSON.
"""

import json
import sys
from typing import Any

from tests.editors.vscode.scripted_server import receive, send

FAILING = "fail a check"
NOTHING = "change nothing"
SLOWLY = "write slowly"
"""The server streams two lines and answers only when the client cancels the request."""
LATE = "answer late"
"""The server refuses the first request, as if the document had changed. It answers the second one."""

REASON = "the model returned the code unchanged"
EVIDENCE = "line 2: invalid syntax"
PROBLEM = "undefined name 'height'"
COMMENT = "# multiplies"

RANGE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}


class Scripted:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.refused = False

    def result(self, message: dict[str, Any]) -> object:
        match message["method"]:
            case "initialize":
                commands = ["slm.completionAccepted", "slm.refactor", "slm.fix"]
                capabilities = {
                    "textDocumentSync": 1,
                    "executeCommandProvider": {"commands": commands},
                    "codeActionProvider": {"codeActionKinds": ["refactor.rewrite"]},
                }
                return {"capabilities": capabilities, "serverInfo": {"name": "slm-lsp", "version": "9.9.9"}}
            case "slm/status":
                return {
                    "state": "ready", "model": "scripted", "tier": "fast", "where": "local",
                    "tokensPerSecond": 50.0, "indexed": 100, "reason": None,
                }  # fmt: skip
            case "textDocument/codeAction":
                return [action(message["params"])]
        return None

    def edit(self, argument: dict[str, Any]) -> dict[str, Any]:
        """Return the result of `slm.refactor` or `slm.fix`."""
        instruction = argument.get("instruction", "")
        lines = self.texts[argument["textDocument"]["uri"]].splitlines(keepends=True)
        hunks = [] if instruction == NOTHING else [hunk(lines, each) for each, line in enumerate(lines) if "*" in line]
        failed = instruction == FAILING
        verdict = [
            {"check": "parsed", "result": "failed" if failed else "passed", "evidence": EVIDENCE if failed else ""},
            {"check": "compiled", "result": "not available", "evidence": "no compiler"},
        ]
        return {
            "id": argument["id"], "textDocument": argument["textDocument"], "unit": RANGE, "hunks": hunks,
            "verdict": verdict, "applied": False, "model": "scripted", "tier": "fast",
            "reason": None if hunks else REASON, "timing": {"total_ms": 1500.0},
            "tokens": {"prompt": 100, "reused": 0, "generated": 40},
        }  # fmt: skip

    def refuses(self, instruction: str) -> bool:
        """Whether to answer that the document has changed."""
        before, self.refused = self.refused, instruction == LATE
        return self.refused and not before


def hunk(lines: list[str], index: int) -> dict[str, Any]:
    """Return the change of one line."""
    old = lines[index]
    indent = old[: len(old) - len(old.lstrip())]
    new = f"{indent}{COMMENT}\n{old.replace('*', ' * ')}"
    start, end = ({"line": line, "character": 0} for line in (index, index + 1))
    return {"range": {"start": start, "end": end}, "old": old, "new": new}


def action(params: dict[str, Any]) -> dict[str, Any]:
    """Return a code action that runs `slm.refactor`."""
    document = {**params["textDocument"], "version": 1}
    argument = {"textDocument": document, "range": params["range"], "instruction": "add spaces"}
    command = {"title": "Add spaces", "command": "slm.refactor", "arguments": [argument]}
    return {"title": "Add spaces", "kind": "refactor.rewrite", "command": command}


def main() -> None:
    server = Scripted()
    waiting: dict[str, Any] | None = None  # the request that is answered only when it is cancelled
    with open(sys.argv[1], "a", encoding="utf-8") as record:  # noqa: PTH123 - stays open while the server runs
        while (message := receive()) is not None:
            record.write(json.dumps(message) + "\n")
            record.flush()
            method, params = message.get("method", ""), message.get("params")
            if method == "textDocument/didOpen":
                document = params["textDocument"]
                server.texts[document["uri"]] = document["text"]
                publish(document)
            elif method == "textDocument/didChange":
                server.texts[params["textDocument"]["uri"]] = params["contentChanges"][-1]["text"]
            elif method == "$/cancelRequest" and waiting is not None and params["id"] == waiting["id"]:
                send({"id": waiting["id"], "error": {"code": -32800, "message": "cancelled"}})
                waiting = None
            elif method == "workspace/executeCommand" and params["command"] != "slm.completionAccepted":
                (argument,) = params["arguments"]
                instruction = argument.get("instruction", "")
                if instruction == SLOWLY:
                    stream(argument)
                    waiting = message
                elif server.refuses(instruction):
                    data = {"kind": "StaleEditError", "what": "The document has changed.", "cure": ""}
                    send({"id": message["id"], "error": {"code": -32803, "message": "stale", "data": data}})
                else:
                    send({"id": message["id"], "result": server.edit(argument)})
            elif "id" in message and method:
                send({"id": message["id"], "result": server.result(message)})
            elif method == "exit":
                return


def stream(argument: dict[str, Any]) -> None:
    """Stream the beginning of an edit."""
    piece = {"id": argument["id"], "kind": "edit", "done": False, "textDocument": argument["textDocument"]}
    for delta in ("def area(width, height):\n", "    return 0\n"):
        send({"method": "slm/stream", "params": {**piece, "delta": delta}})


def publish(document: dict[str, Any]) -> None:
    """Report a problem in the first three characters of a document."""
    diagnostic = {"range": RANGE, "severity": 1, "message": PROBLEM}
    params = {"uri": document["uri"], "version": document["version"], "diagnostics": [diagnostic]}
    send({"method": "textDocument/publishDiagnostics", "params": params})


if __name__ == "__main__":
    main()
