"""A server that says what a test wants to see: the same suggestion each time, its first line before the rest.

What the client sends is written to the file named by the first argument, a JSON message a line. It stands in where the
order of messages matters to the millisecond; everything else is tested with the real server.
"""

import json
import sys
import time
from typing import Any

WHOLE = "for item in items:\n    total += item"
FIRST, _, _ = WHOLE.partition("\n")
LATE_FROM, LATE_S = 20, 0.2
"""Answers for columns from this one on come late."""
UNSURE_AT = 26
"""The first answer for this column comes late and is empty."""
REFINED_AT = (10, 24, UNSURE_AT)
"""Answers for these columns are refined: one that comes at once, and two that come late. `BETTER` can be requested
after `FAST` or nothing. `slm/refined` says so, and says it once more when the client reports that it was rejected."""
REFINED_S = 0.5
FAST, BETTER = "sum(items)", "max(items)"
OTHERS = ["while items:", "return sum(items)"]


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
        self.asked_at: tuple[int, int] | None = None
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
        again, self.asked_at = at == self.asked_at, at
        if at[1] == UNSURE_AT and not again:
            return []
        if at[1] in REFINED_AT:
            return [item(BETTER if again else FAST, position)]
        texts = [WHOLE, *OTHERS] if params["context"]["triggerKind"] == 1 else [WHOLE if again else FIRST]
        return [item(text, position) for text in texts]

    @property
    def refines(self) -> bool:
        """Whether the last request was for a column whose answers are refined."""
        return self.asked_at is not None and self.asked_at[1] in REFINED_AT

    def refined(self, uri: str) -> None:
        """A better suggestion can be asked for where the last request was."""
        assert self.asked_at is not None
        line, character = self.asked_at
        document = {"uri": uri, "version": self.versions.get(uri, 1)}
        position = {"line": line, "character": character}
        send({"method": "slm/refined", "params": {"textDocument": document, "position": position, "id": BETTER[:9]}})

    def stream(self, message: dict[str, Any]) -> None:
        """The rest of what was answered with its first line."""
        uri = message["params"]["textDocument"]["uri"]
        document = {"uri": uri, "version": self.versions.get(uri, 1)}
        piece = {"id": message["id"], "kind": "completion", "textDocument": document}
        for delta, done in ((FIRST, False), (WHOLE.removeprefix(FIRST), False), ("", True)):
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
    with open(sys.argv[1], "a", encoding="utf-8") as heard:  # noqa: PTH123 - appended to for as long as it runs
        while (message := receive()) is not None:
            heard.write(json.dumps(message) + "\n")
            heard.flush()
            method = message.get("method", "")
            if method == "textDocument/didChange":
                document = message["params"]["textDocument"]
                server.versions[document["uri"]] = document["version"]
            if "id" in message and method:
                asked_before = server.asked_at
                send({"id": message["id"], "result": server.result(message)})
                if method == "textDocument/inlineCompletion" and server.asked_at != asked_before:
                    uri = message["params"]["textDocument"]["uri"]
                    if server.refines:
                        time.sleep(REFINED_S)
                        server.refined(uri)
                    else:
                        server.stream(message)
            if method == "workspace/executeCommand" and server.refines:
                (outcome,) = message["params"]["arguments"]
                if outcome["kind"] == "rejected":
                    server.refined(uri)
            if method == "exit":
                return


if __name__ == "__main__":
    main()
