"""Chooses how programs are isolated on this machine: tests the possible isolations and takes the first that works."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import Literal, TypeAlias

from slm_lsp.errors import SandboxUnavailableError
from slm_lsp.sandbox import bubblewrap, macos
from slm_lsp.sandbox.folder import Folder, temporary_folder
from slm_lsp.sandbox.launch import COUNTED_PER_NAMESPACE, MARK, Command, launch
from slm_lsp.sandbox.outcome import Limits
from slm_lsp.sandbox.supervisor import supervise
from slm_lsp.sandbox.view import Way

Setting: TypeAlias = Literal["auto", "none"]
"""The setting `sandbox`. With `auto`, programs run in isolation or not at all; with `none`, without isolation."""

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/run/current-system/sw/bin"
"""The value of PATH in the sandbox."""

OWN_PROCESSES = 2
"""Number of bubblewrap's own processes: one outside the process namespace and one, the first process, inside it."""

TRIAL = Limits(cpu_s=5, wall_s=10)
"""Limits of the program `true`, which is run to test an isolation."""

CURES = {
    "linux": "Install bubblewrap (`apt install bubblewrap`, or the extra `sandbox` of slm-lsp), or ",
    "darwin": "Report the reason to slm-lsp, or ",
}
WITHOUT = 'set `sandbox = "none"` in your own settings to run programs without isolation. See docs/sandbox.md.'


@dataclass(frozen=True, slots=True)
class Isolation:
    """A way to isolate programs."""

    name: Literal["bubblewrap", "sandbox-exec", "none"]
    program: Path | None = None
    own_user: bool = False
    """Whether each run gets its own user id. Only root can do this, and only with bubblewrap."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways to show a project to a program, in the order in which to try them."""
        if self.name == "none":
            return ("link",)
        if self.name == "sandbox-exec" or self.program is None:
            return ("clone",)
        # A program with its own user id may not write to the files of an overlay: they keep their owner.
        can_overlay = not self.own_user and "--overlay" in bubblewrap.options(self.program)
        return ("overlay", "copy") if can_overlay else ("copy",)

    def command(
        self, argv: Sequence[str], folder: Folder, limits: Limits, readable: Sequence[Path], environ: Mapping[str, str]
    ) -> Command:
        """Return the command that runs `argv` in `folder`."""
        outer = {"PATH": PATH}
        if self.name == "bubblewrap" and self.program is not None:
            user = bubblewrap.unused_id() if self.own_user else None
            filtered = bubblewrap.prepare(folder, os.uname().machine, user)
            known = bubblewrap.options(self.program)
            prefix = bubblewrap.arguments(
                self.program, folder, readable, known, filtered=filtered, home=home(), user=user
            )
            variables = _environment("/tmp", environ)  # noqa: S108 - the sandbox's own
            counted = self.own_user or _linux_version() >= COUNTED_PER_NAMESPACE
            inner = launch(argv, variables, limits, count_processes=counted)
            return Command([*prefix, *inner], outer, folder.root, OWN_PROCESSES, folder.outside / "status")
        prefix = macos.arguments([folder.work, folder.tmp], readable) if self.name == "sandbox-exec" else []
        mark = secrets.token_hex(16)
        variables = _environment(str(folder.tmp), {**environ, MARK: mark})
        inner = launch(argv, variables, limits, count_processes=False)
        return Command([*prefix, *inner], outer, folder.work, mark=mark)


_chosen: list[Isolation] = []
_choosing = Lock()


def choose(setting: Setting = "auto") -> Isolation:
    """Return the isolation that works on this machine. The first call tests it, which takes a fraction of a second.

    Raises:
        SandboxUnavailableError: no isolation works, and the user has not set `sandbox = "none"`.
    """
    if setting == "none":
        if os.name != "posix":
            raise SandboxUnavailableError("slm-lsp cannot limit what programs do on this operating system.")
        return Isolation("none")
    with _choosing:
        if not _chosen:
            _chosen.append(_first_that_works(possible()))
        return _chosen[0]


def possible(system: str = sys.platform) -> list[Isolation]:
    """Return the isolations that may work on this system, in order of preference."""
    if system == "linux":
        found = [Isolation("bubblewrap", each) for each in bubblewrap.candidates()]
        if os.geteuid() == 0 and bubblewrap.SETPRIV.exists():
            able = [each for each in found if each.program and "--perms" in bubblewrap.options(each.program)]
            return [*(replace(each, own_user=True) for each in able), *found]
        return found
    return [Isolation("sandbox-exec", macos.PROGRAM)] if system == "darwin" else []


def trial(isolation: Isolation) -> str:
    """Run `true` in isolation; return the reason of a failure, or an empty string on success."""
    try:
        with temporary_folder() as folder:
            command = isolation.command(["true"], folder, TRIAL, (), {})
            ended = supervise(command, b"", TRIAL, folder, Event())
    except (OSError, ValueError) as error:
        return str(error)
    if ended.started and ended.exit == 0:
        return ""
    return ended.stderr.decode("utf-8", "replace").strip() or str(ended.why or f"exit status {ended.exit}")


def _first_that_works(isolations: Sequence[Isolation]) -> Isolation:
    problems = []
    for each in isolations:
        problem = trial(each)
        if not problem:
            return each
        problems.append(f"{each.program}: {problem}")
    reasons = " ".join(problems) or "No sandbox program was found."
    raise SandboxUnavailableError(
        f"Programs cannot be isolated on this machine, so slm-lsp does not run them. {reasons}",
        CURES[sys.platform] + WITHOUT if sys.platform in CURES else "",
    )


def home() -> Path:
    """Return the user's home with symbolic links resolved; a path that does not exist if the user has no home."""
    try:
        return Path.home().resolve()
    except RuntimeError:
        return Path("/nonexistent")


def _environment(tmp: str, own: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": PATH, "HOME": tmp, "TMPDIR": tmp, "LANG": "C.UTF-8", **own}


def _linux_version() -> tuple[int, ...]:
    release = os.uname().release.split(".")
    return tuple(int(each) for each in release[:2] if each.isdigit())
