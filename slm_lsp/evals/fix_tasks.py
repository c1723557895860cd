"""The tasks of `eval fix`: functions with a seeded bug, visible tests and hidden tests.

The data is HumanEvalFix (Muennighoff et al., OctoPack, arXiv 2308.07124; MIT), one JSON object per line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slm_lsp.errors import UsageError
from slm_lsp.sandbox.isolation import Setting
from slm_lsp.sandbox.run import Limits, Outcome, run

LIMITS = Limits(cpu_s=20, wall_s=40, memory_bytes=1536 * 2**20)

JAVASCRIPT_ASSERT = "console.assert = (ok) => { if (!ok) throw new Error('assertion failed'); };\n"
"""By default, `console.assert` only prints a message and the program goes on."""

FILES = {"python": "solution.py", "javascript": "solution.js", "java": "Main.java"}
COMMANDS = {
    "python": ["python3", "solution.py"],
    "javascript": ["node", "solution.js"],
    "java": ["/bin/sh", "-c", "javac -nowarn Main.java && java -Xmx512m Main"],
}
LANGUAGES = {"Python": "python", "JavaScript": "javascript", "Java": "java"}
"""Languages by the first part of a task's name."""


class _Row(msgspec.Struct, frozen=True):
    """One line of the data; other fields are ignored."""

    task_id: str
    prompt: str
    buggy_solution: str
    test: str
    example_test: str
    entry_point: str


@dataclass(frozen=True, slots=True)
class FixTask:
    """A file with one wrong function."""

    name: str
    language: str
    head: str
    """The file up to the body of the function."""
    body: str
    """The wrong body."""
    function: str
    hidden_tests: str
    visible_tests: str

    @property
    def path(self) -> str:
        """Name of the file."""
        return FILES[self.language]

    @property
    def text(self) -> str:
        """The file with the bug."""
        return self.head + self.body

    async def passes(self, text: str, tests: str, isolation: Setting = "auto") -> Outcome:
        """Run tests on a version of the file, in the sandbox."""
        start = JAVASCRIPT_ASSERT if self.language == "javascript" else ""
        files = {self.path: f"{start}{text}\n\n{tests}\n"}
        return await run(COMMANDS[self.language], files=files, limits=LIMITS, isolation=isolation)


def load_tasks(file: Path) -> list[FixTask]:
    """Read tasks.

    Raises:
        UsageError: the file does not exist or is not HumanEvalFix data.
    """
    decoder = msgspec.json.Decoder(_Row)
    try:
        rows = [decoder.decode(line) for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise UsageError(f"{file} is not HumanEvalFix data: {error}.") from error
    return [_task(each) for each in rows if each.task_id.partition("/")[0] in LANGUAGES]


def spread(tasks: Sequence[FixTask], count: int | None) -> list[FixTask]:
    """Return this number of tasks, evenly spread over the data; all without a number."""
    if count is None or count >= len(tasks):
        return list(tasks)
    return [tasks[number * len(tasks) // count] for number in range(count)]


def _task(row: _Row) -> FixTask:
    language = LANGUAGES[row.task_id.partition("/")[0]]
    return FixTask(row.task_id, language, row.prompt, row.buggy_solution, row.entry_point, row.test, row.example_test)
