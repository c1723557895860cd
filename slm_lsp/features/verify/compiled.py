"""Check that a file still compiles after an edit, with the compiler of its language in the sandbox.

Only checks that need a single file are here. Compilers that need the whole project are run by the user's test command.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath

from slm_lsp.errors import SandboxUnavailableError
from slm_lsp.features.verify.verdict import Check
from slm_lsp.languages.registry import Language
from slm_lsp.sandbox.isolation import PATH, Setting
from slm_lsp.sandbox.run import Limits, Outcome, run

LIMITS = Limits(cpu_s=10, wall_s=20)

EVIDENCE_LINES = 3
"""Maximum number of lines of a compiler's message that the evidence quotes."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A command that checks one file without running it. `{}` is replaced by the name of the file."""

    argv: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.argv[0]


COMPILERS = {
    "bash": Compiler(("bash", "-n", "{}")),
    "c": Compiler(("gcc", "-fsyntax-only", "-w", "{}")),
    "cpp": Compiler(("g++", "-fsyntax-only", "-w", "{}")),
    "fortran": Compiler(("gfortran", "-fsyntax-only", "-w", "{}")),
    "javascript": Compiler(("node", "--check", "{}")),
    "lua": Compiler(("luac", "-p", "{}")),
    "perl": Compiler(("perl", "-c", "{}")),
    "php": Compiler(("php", "-l", "{}")),
    "python": Compiler(("python3", "-m", "py_compile", "{}")),
    "ruby": Compiler(("ruby", "-c", "{}")),
}
"""The compiler for each language, by the name of the language."""


async def check_compiled(
    language: Language | None, path: str, old: str, new: str, isolation: Setting = "auto"
) -> Check:
    """Return the check `compiled`: the compiler accepts the new file.

    If the compiler also rejects the old file, for example because it needs other files, the check is not available.

    Args:
        language: language of the file.
        path: path of the file. The compiler gets a file with the same name.
        old: the text before the edit.
        new: the text after the edit.
        isolation: the user's setting `sandbox`.
    """
    compiler = COMPILERS.get(language.name) if language else None
    if compiler is None:
        return Check("compiled", "not available", "slm-lsp has no compiler check for this language")
    if shutil.which(compiler.name, path=PATH) is None:
        return Check("compiled", "not available", f"{compiler.name} is not installed")
    name = PurePosixPath(path).name
    try:
        after = await _compile(compiler, name, new, isolation)
        if after.ok:
            return Check("compiled", "passed", f"{compiler.name} accepts the file")
        before = await _compile(compiler, name, old, isolation)
    except SandboxUnavailableError as error:
        return Check("compiled", "not available", error.what)
    if not before.ok:
        return Check("compiled", "not available", f"{compiler.name} rejects the file before the edit too")
    return Check("compiled", "failed", _evidence(after))


async def compiler_output(language: Language | None, path: str, text: str, isolation: Setting = "auto") -> str:
    """Return what the compiler prints if it rejects a file; empty if it accepts the file or if there is no compiler.

    The arguments are those of `check_compiled`.

    Raises:
        SandboxUnavailableError: programs cannot be isolated on this machine.
    """
    compiler = COMPILERS.get(language.name) if language else None
    if compiler is None or shutil.which(compiler.name, path=PATH) is None:
        return ""
    outcome = await _compile(compiler, PurePosixPath(path).name, text, isolation)
    if outcome.ok or outcome.exit is None:
        return ""
    return (outcome.stderr + outcome.stdout).decode("utf-8", errors="replace").strip()


async def _compile(compiler: Compiler, name: str, text: str, isolation: Setting) -> Outcome:
    argv = [each.replace("{}", name) for each in compiler.argv]
    return await run(argv, files={name: text}, limits=LIMITS, isolation=isolation)


def _evidence(outcome: Outcome) -> str:
    if outcome.explanation:
        return outcome.explanation
    text = (outcome.stderr or outcome.stdout).decode("utf-8", errors="replace").strip()
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    # Python prints the message in the last line, compilers print it in the first lines.
    chosen = lines[-1:] if re.match(r"\w*(Error|Exception)\b", lines[-1] if lines else "") else lines[:EVIDENCE_LINES]
    return "; ".join(chosen) or f"exit status {outcome.exit}"
