"""The tasks of `eval fix`: functions with a seeded bug, visible tests and hidden tests.

The data is HumanEvalFix (Muennighoff et al., OctoPack, arXiv 2308.07124; MIT), one JSON object per line.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from slm_lsp.errors import UsageError
from slm_lsp.features.edit.units import Extent, Unit, find_unit
from slm_lsp.languages.registry import languages
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

    @property
    def unit(self) -> Unit:
        """The wrong function."""
        at = len(self.head) + len(self.body) - len(self.body.lstrip())
        return find_unit(self.text, (at, at), languages()[self.language], Extent.FUNCTION)

    async def passes_hidden(self, text: str) -> bool:
        """Return whether the hidden tests pass with a version of the file."""
        return (await self.passes(text, self.hidden_tests)).ok

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


def _task(row: _Row) -> FixTask:
    language = LANGUAGES[row.task_id.partition("/")[0]]
    return FixTask(row.task_id, language, row.prompt, row.buggy_solution, row.entry_point, row.test, row.example_test)
