"""The tasks of `eval edit`: Python files, an instruction to change each, and hidden tests.

The data is EditEval (Hu et al., InstructCoder, arXiv 2310.20329; MIT), one JSON object per line.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from slm_lsp.errors import UsageError
from slm_lsp.sandbox.run import Limits, run

LIMITS = Limits(cpu_s=20, wall_s=40, memory_bytes=1536 * 2**20)

PATH = "solution.py"
CODE = "{{Code}}"
"""Placeholder for the edited code in the text that surrounds the code in a test."""


class _Row(msgspec.Struct, frozen=True):
    """One line of the data; other fields are ignored."""

    task_id: str
    instruction: str
    input: str
    output: str
    test: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class EditTask:
    """A file and an instruction to change it."""

    name: str
    instruction: str
    text: str
    """The file before the edit."""
    solution: str
    """The edited file that the authors of the data wrote."""
    test: str
    context: str

    async def passes(self, text: str) -> bool:
        """Return whether the tests pass with a version of the file. They run in the sandbox."""
        code = self.context.replace(CODE, text) if CODE in self.context else f"{self.context}\n{text}"
        files = {PATH: f"{code}\n\n{self.test}\n\ncheck()\n"}
        return (await run(["python3", PATH], files=files, limits=LIMITS)).ok


def load_tasks(file: Path) -> list[EditTask]:
    """Read tasks.

    Raises:
        UsageError: the file does not exist or is not EditEval data.
    """
    decoder = msgspec.json.Decoder(_Row)
    try:
        rows = [decoder.decode(line) for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise UsageError(f"{file} is not EditEval data: {error}.") from error
    return [
        EditTask(
            each.task_id, each.instruction.strip(), each.input.strip("\n"), each.output, each.test, each.context.strip()
        )
        for each in rows
    ]
