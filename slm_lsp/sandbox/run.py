"""`run` runs any program in any language, in isolation and with limits.

All untrusted code runs through this function, except the two kinds of Python programs in `process`. `docs/sandbox.md`
describes what is isolated, what is not, and how each platform does it.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from slm_lsp.errors import SandboxUnavailableError, UsageError
from slm_lsp.sandbox.folder import Files, changed, fill, stamps, temporary_folder
from slm_lsp.sandbox.isolation import Isolation, Setting, choose, home
from slm_lsp.sandbox.outcome import File, Limits, Outcome, Reason, explain
from slm_lsp.sandbox.supervisor import supervise
from slm_lsp.sandbox.view import View, Way, fill_with, resolved

__all__ = ["File", "Files", "Limits", "Outcome", "Reason", "Setting", "View", "run"]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Valid names of environment variables (POSIX)."""

Result = TypeVar("Result")
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Program:
    """What is run, with checked arguments."""

    argv: Sequence[str]
    files: Files | Path | View
    stdin: bytes
    limits: Limits
    readable: Sequence[Path]
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.argv[0]


async def run(
    argv: Sequence[str],
    *,
    files: Files | Path | View = NOTHING,
    stdin: bytes = b"",
    limits: Limits = Limits(),  # noqa: B008 - frozen
    readable: Sequence[Path] = (),
    environ: Mapping[str, str] = NOTHING,
    isolation: Setting = "auto",
) -> Outcome:
    """Run a program in a temporary folder, and return its exit status, output and files.

    When this returns, every process of the program has ended and the folder is removed. Cancelling the coroutine kills
    the program first.

    Args:
        argv: the program and its arguments. A name without a slash is searched in the system's folders of programs;
            `./name` is a program in `files`. Use paths relative to the working folder, because the absolute path of the
            working folder depends on the platform.
        files: content of the working folder at the start, a folder whose content is copied into it, or a view of a
            project. A program cannot change the files of the project.
        stdin: standard input.
        limits: what the program may use.
        readable: further files and folders that the program may read, at their own absolute paths, such as an
            interpreter outside `/usr`. The user's home folder as a whole is refused.
        environ: environment variables. The user's own variables are not passed on; PATH, HOME, TMPDIR and LANG have
            defaults.
        isolation: the user's setting `sandbox`.

    Raises:
        SandboxUnavailableError: programs cannot be isolated on this machine.
        UsageError: an argument is invalid, for example a file's path leads out of the working folder.
    """
    _check_program(argv)
    _check_names(environ)
    if isinstance(files, View):
        files = resolved(files)
        _readable(files.root)
    program = _Program(argv, files, stdin, limits, [_readable(each) for each in readable], environ)
    cancelled = threading.Event()

    def work() -> Outcome:
        chosen = choose(isolation)
        *first, last = chosen.ways if isinstance(files, View) else chosen.ways[-1:]
        for way in first:
            with contextlib.suppress(SandboxUnavailableError):
                return _run_in(chosen, way, program, cancelled)
        return _run_in(chosen, last, program, cancelled)

    return await _in_thread(work, cancelled)


def _run_in(chosen: Isolation, way: Way, program: _Program, cancelled: threading.Event) -> Outcome:
    """Run a program in a new temporary folder. If its files are a view, `way` is how the view is made."""
    limits = program.limits
    with temporary_folder() as folder:
        if isinstance(program.files, View):
            folder = fill_with(program.files, folder, way)
        else:
            fill(folder.work, program.files)
        command = chosen.command(program.argv, folder, limits, program.readable, program.environ)
        before = stamps(folder.work)  # after `command`, which may change the owner of the files
        try:
            ended = supervise(command, program.stdin, limits, folder, cancelled)
        except OSError as error:
            raise UsageError(f"{program.name} cannot be started: {error.strerror}.") from error
        if not ended.started and ended.why is None and not cancelled.is_set():
            raise SandboxUnavailableError(
                f"The sandbox could not start {program.name}: {ended.stderr.decode('utf-8', 'replace').strip()}",
                "Run `slm-lsp doctor` to test the sandbox.",
            )
        made, complete = changed(folder.work, before, limits)
    explanation = explain(ended.why, limits, program.name) if ended.why else ""
    return Outcome(
        ended.exit,
        ended.stdout,
        ended.stderr,
        ended.why,
        explanation,
        MappingProxyType(made),
        complete,
        ended.wall_s,
    )


async def _in_thread(work: "Callable[[], Result]", cancelled: threading.Event) -> "Result":
    """Run `work` in a new thread. On cancellation, set `cancelled` and wait until the thread has cleaned up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: "Result | None", error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def target() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:
            failure = error
        loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=target, name="sandbox", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        cancelled.set()
        while not done.done():
            try:
                await asyncio.wait([done])
            except asyncio.CancelledError:
                continue
        done.exception()
        raise


def _check_program(argv: Sequence[str]) -> None:
    if not argv or not argv[0] or argv[0].startswith("-"):
        raise UsageError(f"{list(argv)!r} does not begin with the name of a program.")
    if any("\0" in each for each in argv):
        raise UsageError("An argument of a program contains a zero byte.")


def _check_names(environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        if not VARIABLE.fullmatch(name) or "\0" in value:
            raise UsageError(f"{name!r} is not a valid environment variable.")


def _readable(path: Path) -> Path:
    """Return `path` as an absolute path.

    Raises:
        UsageError: the path does not exist, or the user's home is inside it.
    """
    absolute = path.absolute()
    if not absolute.exists():
        raise UsageError(f"{absolute} does not exist, so the sandbox cannot show it to a program.")
    if home().is_relative_to(absolute.resolve()):
        raise UsageError(f"{absolute} contains your home folder, so the sandbox does not show it to a program.")
    return absolute
