"""Programs that VS Code starts instead of the real server. They record the messages that they receive."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Received:
    """The messages that the server has received."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def all(self, method: str) -> list[Any]:
        """Return the parameters of all messages of a method."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [each["params"] for each in map(json.loads, lines) if each.get("method") == method]

    def commands(self, name: str) -> list[Any]:
        """Return the arguments of all executions of a command."""
        executed = self.all("workspace/executeCommand")
        return [argument for each in executed if each["command"] == name for argument in each["arguments"]]

    def clear(self) -> None:
        """Forget all messages."""
        if self.file.exists():
            self.file.write_text("")


def write_program(program: Path, module: str, received: Received) -> None:
    """Write a program `slm-lsp` whose server is a module of these tests and which lists one installed model."""
    program.write_text(
        f'#!/bin/sh\nexport PYTHONPATH={ROOT}\n[ "$1" = serve ] && exec {sys.executable} -m {module} {received.file}\n'
        'echo \'{"models": [{"name": "scripted", "tier": "fast", "bytes": 1, "installed": true, "intact": true}]}\'\n'
    )
    program.chmod(0o755)
