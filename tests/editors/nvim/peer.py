"""A language server with scripted answers, so that tests can check exactly how the client reacts.

Usage: `python -m tests.editors.nvim.peer SCRIPT RECORD`

SCRIPT is a JSON file that is read again at each request:

    {"capabilities": {…}, "exit": code, "refined_on": method,
     "answers": {"x = ": [{"stream": [[delta, ms], …], "items": […], "after": [[delta, ms], …],
                           "error": {…}, "wait_ms": n, "refined_ms": n}, …]},
     "edits": [{"hunks": […], "verdict": […], "reason": …, "version": n, "progress": [message, …],
                "stream": [[delta, ms], …], "error": {…}, "wait_ms": n}, …],
     "actions": [{"title": …, "kind": …, "command": name, "argument": {…}}, …]}

- Each key of `answers` is the text before the cursor in the cursor's line; `*` is for all other texts. The first
  request with this text gets the first answer of the list, the second request the second, and so on. Further requests
  get the last answer.
- The server sends the deltas of `stream` before the answer, and the deltas of `after` after the answer. It sends each
  delta after the given delay.
- `wait_ms` is the delay of the answer.
- If an answer has `refined_ms`, the server sends `slm/refined` this number of milliseconds after the answer. The server
  also sends `slm/refined` after each message of the method `refined_on`.
- The first command `slm.refactor` or `slm.fix` gets the first answer of `edits`, the second command the second, and so
  on. The server first sends the `progress` messages and the deltas of `stream`. Without `version`, the answer is for
  the version in the command's argument.
- `actions` are the answer to `textDocument/codeAction`. The server adds document and range to each argument.
- With `exit`, the server exits immediately with this code.

Each message of the client is appended to RECORD, as one line of JSON.
"""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

EDITS = ("slm.refactor", "slm.fix")
"""Commands that answer with hunks."""

CAPABILITIES = {
    "textDocumentSync": {"openClose": True, "change": 1},
    "inlineCompletionProvider": {},
    "codeActionProvider": True,
    "executeCommandProvider": {"commands": ["slm.completionAccepted", *EDITS]},
    "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
}


class Peer:
    """The server of one connection."""

    def __init__(self, script: Path, record: Path) -> None:
        self._script = script
        self._record = record
        self._requests: Counter[str] = Counter()
        self._lines: dict[str, list[str]] = {}
        self._writing = threading.Lock()
        self._cancelled: set[int] = set()
        self._last: dict[str, Any] = {}

    def script(self) -> dict[str, Any]:
        return dict(json.loads(self._script.read_text()))

    def send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._writing:
            sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            sys.stdout.buffer.flush()

    def serve(self) -> int:
        if "exit" in self.script():
            sys.stderr.write("the script contains an exit code\n")
            return int(self.script()["exit"])
        while (message := self.read()) is not None:
            if self._last and message.get("method") == self.script().get("refined_on"):
                self.send_refined(self._last)
            with self._record.open("a") as record:
                record.write(json.dumps(message) + "\n")
            match message.get("method"):
                case "initialize":
                    capabilities = self.script().get("capabilities", CAPABILITIES)
                    info = {"name": "peer", "version": "0.0.1"}
                    self.send(id=message["id"], result={"capabilities": capabilities, "serverInfo": info})
                case "textDocument/inlineCompletion":
                    self._last = message["params"]
                    answer = self.scripted(message["params"])
                    threading.Thread(target=self.answer, args=(message, answer), daemon=True).start()
                case "textDocument/didOpen" | "textDocument/didChange":
                    document = message["params"]["textDocument"]
                    changed = message["params"].get("contentChanges", [document])[-1]
                    self._lines[document["uri"]] = changed["text"].split("\n")
                case "workspace/executeCommand" if message["params"]["command"] in EDITS:
                    edit = self.next_edit()
                    threading.Thread(target=self.answer_edit, args=(message, edit), daemon=True).start()
                case "textDocument/codeAction":
                    self.send(id=message["id"], result=self.actions(message["params"]))
                case "$/cancelRequest":
                    self._cancelled.add(message["params"]["id"])
                case "exit":
                    return 0
                case _ if "id" in message:
                    self.send(id=message["id"], result=None)
        return 1

    def scripted(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the scripted answer to a request."""
        line, character = params["position"]["line"], params["position"]["character"]
        before = (
            self._lines[params["textDocument"]["uri"]][line].encode("utf-16-le")[: 2 * character].decode("utf-16-le")
        )
        answers = self.script()["answers"]
        key = before if before in answers else "*"
        found = answers.get(key, [{}])
        self._requests[key] += 1
        return dict(found[min(self._requests[key], len(found)) - 1])

    def next_edit(self) -> dict[str, Any]:
        """Return the scripted answer to the next edit."""
        edits = self.script()["edits"]
        self._requests["edit"] += 1
        return dict(edits[min(self._requests["edit"], len(edits)) - 1])

    def answer_edit(self, message: dict[str, Any], edit: dict[str, Any]) -> None:
        number, params = message["id"], message["params"]
        argument, token = params["arguments"][0], params["workDoneToken"]
        for text in edit.get("progress", []):
            value = {"kind": "report", "message": text}
            self.send(method="$/progress", params={"token": token, "value": value})
        for delta, ms in edit.get("stream", []):
            time.sleep(ms / 1e3)
            piece = {"id": argument["id"], "kind": "edit", "delta": delta, "done": False}
            self.send(method="slm/stream", params={**piece, "textDocument": argument["textDocument"]})
        time.sleep(edit.get("wait_ms", 0) / 1e3)
        if number in self._cancelled:
            self.send(id=number, error={"code": -32800, "message": "cancelled"})
        elif "error" in edit:
            self.send(id=number, error=edit["error"])
        else:
            document = argument["textDocument"]
            document = {**document, "version": edit.get("version", document["version"])}
            result = {"id": argument["id"], "textDocument": document, "unit": argument["range"], "applied": False}
            result |= {name: edit.get(name, []) for name in ("hunks", "verdict")}
            self.send(id=number, result={**result, "reason": edit.get("reason")})

    def actions(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the scripted code actions for a range."""
        place = {"textDocument": {**params["textDocument"], "version": 0}, "range": params["range"]}
        return [
            {
                "title": each["title"],
                "kind": each["kind"],
                "command": {
                    "title": each["title"],
                    "command": each["command"],
                    "arguments": [{**place, **each["argument"]}],
                },
            }
            for each in self.script()["actions"]
        ]

    def answer(self, message: dict[str, Any], answer: dict[str, Any]) -> None:
        number = message["id"]
        time.sleep(answer.get("wait_ms", 0) / 1e3)
        self.stream(message, answer.get("stream", []), last_is_done=False)
        if number in self._cancelled:
            self.send(id=number, error={"code": -32800, "message": "cancelled"})
        elif "error" in answer:
            self.send(id=number, error=answer["error"])
        else:
            self.send(id=number, result={"items": answer.get("items", [])})
            self.stream(message, answer.get("after", []), last_is_done=True)
            if "refined_ms" in answer:
                time.sleep(answer["refined_ms"] / 1e3)
                self.send_refined(message["params"])

    def send_refined(self, params: dict[str, Any]) -> None:
        """Send `slm/refined` for the position of a request with these parameters."""
        document = {**params["textDocument"], "version": 1}
        self.send(method="slm/refined", params={"textDocument": document, "position": params["position"], "id": "two"})

    def stream(self, message: dict[str, Any], deltas: list[list[Any]], *, last_is_done: bool) -> None:
        document = message["params"]["textDocument"]
        for number, (delta, ms) in enumerate(deltas, 1):
            time.sleep(ms / 1e3)
            if message["id"] in self._cancelled:
                return
            done = last_is_done and number == len(deltas)
            piece = {"id": message["id"], "kind": "completion", "delta": delta, "done": done}
            self.send(method="slm/stream", params={**piece, "textDocument": document})

    def read(self) -> dict[str, Any] | None:
        length = 0
        while (line := sys.stdin.buffer.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return dict(json.loads(sys.stdin.buffer.read(length))) if length else None


if __name__ == "__main__":
    sys.exit(Peer(Path(sys.argv[1]), Path(sys.argv[2])).serve())
