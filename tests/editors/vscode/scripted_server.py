"""A language server with scripted answers, for tests in which the order and timing of messages must be exact.

The first answer for a position contains only the first line of a suggestion; the next answer contains all of it. Each
message of the client is appended to the file that the first argument names, as one line of JSON.
"""

import json
import sys
import time
from typing import Any

COMPLETE = "for item in items:\n    total += item"
FIRST_LINE, _, _ = COMPLETE.partition("\n")
LATE_FROM, LATE_S = 20, 0.2
"""For column `LATE_FROM` and all later columns, the server delays its answers by `LATE_S` seconds."""
EMPTY_AT = 26
"""For this column, the first answer is late and empty."""
REFINED_AT = (10, 24, EMPTY_AT)
"""Columns whose answers are refined. For the second and third column, the first answer is late.

For these columns, the server answers the first request with `FAST` or nothing. It then sends `slm/refined` and answers
the next request with `BETTER`. It sends `slm/refined` again when the client reports that the suggestion was rejected.
"""
REFINED_S = 0.5
FAST, BETTER = "sum(items)", "max(items)"
ALTERNATIVES = ["while items:", "return sum(items)"]


def receive() -> dict[str, Any] | None:
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def send(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    sys.stdout.buffer.flush()


class Scripted:
    def __init__(self) -> None:
        self.last_position: tuple[int, int] | None = None
        self.versions: dict[str, int] = {}

    def result(self, message: dict[str, Any]) -> object:
        match message["method"]:
            case "initialize":
                capabilities = {
                    "textDocumentSync": 2,
                    "inlineCompletionProvider": {},
                    "executeCommandProvider": {"commands": ["slm.completionAccepted"]},
                }
                return {"capabilities": capabilities, "serverInfo": {"name": "slm-lsp", "version": "9.9.9"}}
            case "textDocument/inlineCompletion":
                return {"items": self.items(message["params"])}
            case "slm/status":
                return {
                    "state": "ready", "model": "scripted", "tier": "fast", "where": "local",
                    "tokensPerSecond": 50.0, "indexed": 43, "reason": None,
                }  # fmt: skip
        return None

    def items(self, params: dict[str, Any]) -> list[dict[str, object]]:
        position = params["position"]
        if position["character"] >= LATE_FROM:
            time.sleep(LATE_S)
        at = position["line"], position["character"]
        repeated, self.last_position = at == self.last_position, at
        if at[1] == EMPTY_AT and not repeated:
            return []
        if at[1] in REFINED_AT:
            return [item(BETTER if repeated else FAST, position)]
        if params["context"]["triggerKind"] == 1:
            texts = [COMPLETE, *ALTERNATIVES]
        else:
            texts = [COMPLETE if repeated else FIRST_LINE]
        return [item(text, position) for text in texts]

    @property
    def refines(self) -> bool:
        """Whether the last request was for a column whose answers are refined."""
        return self.last_position is not None and self.last_position[1] in REFINED_AT

    def send_refined(self, uri: str) -> None:
        """Send `slm/refined` for the position of the last request."""
        assert self.last_position is not None
        line, character = self.last_position
        document = {"uri": uri, "version": self.versions.get(uri, 1)}
        position = {"line": line, "character": character}
        send({"method": "slm/refined", "params": {"textDocument": document, "position": position, "id": BETTER[:9]}})

    def stream(self, message: dict[str, Any]) -> None:
        """Stream the complete suggestion. The answer to the request contained only its first line."""
        uri = message["params"]["textDocument"]["uri"]
        document = {"uri": uri, "version": self.versions.get(uri, 1)}
        piece = {"id": message["id"], "kind": "completion", "textDocument": document}
        for delta, done in ((FIRST_LINE, False), (COMPLETE.removeprefix(FIRST_LINE), False), ("", True)):
            send({"method": "slm/stream", "params": {**piece, "delta": delta, "done": done}})


def item(text: str, position: dict[str, int]) -> dict[str, object]:
    return {
        "insertText": text,
        "range": {"start": position, "end": position},
        "command": {"title": "", "command": "slm.completionAccepted", "arguments": [{"id": text[:9]}]},
    }


def main() -> None:
    server = Scripted()
    uri = ""
    with open(sys.argv[1], "a", encoding="utf-8") as record:  # noqa: PTH123 - stays open while the server runs
        while (message := receive()) is not None:
            record.write(json.dumps(message) + "\n")
            record.flush()
            method = message.get("method", "")
            if method == "textDocument/didChange":
                document = message["params"]["textDocument"]
                server.versions[document["uri"]] = document["version"]
            if "id" in message and method:
                previous = server.last_position
                send({"id": message["id"], "result": server.result(message)})
                if method == "textDocument/inlineCompletion" and server.last_position != previous:
                    uri = message["params"]["textDocument"]["uri"]
                    if server.refines:
                        time.sleep(REFINED_S)
                        server.send_refined(uri)
                    else:
                        server.stream(message)
            if method == "workspace/executeCommand" and server.refines:
                (outcome,) = message["params"]["arguments"]
                if outcome["kind"] == "rejected":
                    server.send_refined(uri)
            if method == "exit":
                return


if __name__ == "__main__":
    main()
