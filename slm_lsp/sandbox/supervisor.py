"""Runs one command and measures what it uses. When the command ends or exceeds a limit, kills all its descendants.

All functions here block, so `run` calls them in a thread.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

from slm_lsp.platform import processes
from slm_lsp.sandbox.folder import Folder
from slm_lsp.sandbox.launch import MARK, MISSING, STARTED, Command
from slm_lsp.sandbox.outcome import Limits, Reason
from slm_lsp.sandbox.watch import WATCH_S, Watch

DRAIN_S = 2.0
"""Maximum seconds for reading what an ended program has left in its pipes."""

CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a command that has ended."""

    started: bool
    """Whether the program was started. If this is False and `why` is None, the isolation failed; `stderr` says why."""
    exit: int | None
    stdout: bytes
    stderr: bytes
    why: Reason | None
    wall_s: float


def supervise(command: Command, stdin: bytes, limits: Limits, folder: Folder, cancelled: Event) -> Ended:
    """Run a command until it ends, exceeds a limit or `cancelled` is set. Afterwards, none of its processes is left.

    Raises:
        OSError: the command cannot be started.
    """
    watch = Watch(limits, command.own_processes, folder)
    begun = time.monotonic()
    process = subprocess.Popen(
        command.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=command.cwd,
        env=dict(command.environ),
        bufsize=0,
        start_new_session=True,
    )
    run = _Run(command, process, limits, watch)
    try:
        with run.pipes(stdin):
            run.follow(begun + limits.wall_s, cancelled)
            run.end()
            run.drain()
    finally:
        run.end()
    return run.ended(time.monotonic() - begun)


@dataclass
class _Run:
    command: Command
    process: "subprocess.Popen[bytes]"
    limits: Limits
    watch: Watch
    why: Reason | None = None
    output: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    _init: int | None = None
    """Handle (`processes.open_handle`) of the first process in the process namespace; None if not known yet."""
    _over: bool = False

    @contextlib.contextmanager
    def pipes(self, stdin: bytes) -> Iterator[None]:
        """Register the pipes of the process with the selector; close them at the end."""
        self._unsent = memoryview(stdin)
        streams = [(self.process.stdin, "stdin"), (self.process.stdout, "stdout"), (self.process.stderr, "stderr")]
        try:
            for stream, name in streams:
                if stream is not None:
                    os.set_blocking(stream.fileno(), False)
                    event = selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ
                    self._selector.register(stream.fileno(), event, (name, stream))
            yield
        finally:
            self._selector.close()
            for stream, _ in streams:
                if stream is not None:
                    stream.close()

    def follow(self, deadline: float, cancelled: Event) -> None:
        """Move input and output until the process ends, a limit is exceeded, or the run is cancelled."""
        while not cancelled.is_set():
            self._move(WATCH_S)
            if self.why is None and self.process.poll() is not None:
                return
            self._find_init()
            self.why = self.why or self.watch.look(self.process.pid)
            if self.why is None and time.monotonic() >= deadline:
                self.why = Reason.WALL_TIME
            if self.why is not None:
                return

    def end(self) -> None:
        """Kill all processes that are left, and wait until they have ended."""
        if self._over:
            return
        self._over = True
        self._find_init()
        if self._init is not None:
            # When this process ends, the kernel kills all processes of its namespace. This works even if they start
            # new processes faster than a walk over the process tree can find them.
            processes.kill_handle(self._init)
        if self.process.returncode is None:
            processes.kill_tree(self.process.pid)
            self.process.wait()
        if self._init is not None:
            processes.wait_gone(self._init)
        if self.command.mark:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            processes.kill_marked(MARK, self.command.mark)

    def drain(self) -> None:
        """Read what is left in the pipes, for at most `DRAIN_S`.

        Without isolation, a process may have escaped and may continue to write.
        """
        deadline = time.monotonic() + DRAIN_S
        while self._selector.get_map() and time.monotonic() < deadline and self._move(0):
            pass

    def ended(self, wall_s: float) -> Ended:
        """Return the result. Call this after the process has ended."""
        out, err = bytes(self.output["stdout"]), bytes(self.output["stderr"])
        started, missing = out.startswith(STARTED), out.startswith(MISSING)
        exit_status: int | None = self.process.returncode
        if exit_status is not None and exit_status < 0:
            exit_status = 128 - exit_status
        why = self.why
        if missing:
            why = Reason.COULD_NOT_START
        disk = self.watch.disk()
        if why is None:
            why = _by_signal(exit_status) or disk
        out = out[len(STARTED) :] if started or missing else out
        kept = self.limits.output_bytes
        return Ended(started, exit_status if why is None else None, out[:kept], err[:kept], why, wall_s)

    def _move(self, seconds: float) -> bool:
        """Wait up to `seconds` until a pipe is ready, and read or write once at each ready pipe.

        Returns:
            Whether any pipe was ready.
        """
        if not self._selector.get_map():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            return False
        ready = self._selector.select(seconds)
        for key, _ in ready:
            name, stream = key.data
            try:
                done = self._send(key.fd) if name == "stdin" else self._receive(key.fd, name)
            except BlockingIOError:
                continue
            except OSError:  # closed by the program
                done = True
            if done:
                self._selector.unregister(key.fd)
                stream.close()
        return bool(ready)

    def _send(self, descriptor: int) -> bool:
        if self._unsent:
            self._unsent = self._unsent[os.write(descriptor, self._unsent[:CHUNK_BYTES]) :]
        return not self._unsent

    def _receive(self, descriptor: int, name: str) -> bool:
        chunk = os.read(descriptor, CHUNK_BYTES)
        kept, most = self.output[name], self.limits.output_bytes + (len(STARTED) if name == "stdout" else 0)
        kept += chunk[: most + 1 - len(kept)]
        if len(kept) > most:
            self.why = self.why or Reason.OUTPUT
        return not chunk

    def _find_init(self) -> None:
        if self._init is None and self.command.status is not None:
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                first = self.command.status.read_text(encoding="ascii").splitlines()[0]
                self._init = processes.open_handle(int(json.loads(first)["child-pid"]))


def _by_signal(exit_status: int | None) -> Reason | None:
    """Return the kernel's limit that ended the program, according to its exit status; None if no such limit did."""
    by_status = {
        128 + getattr(signal, "SIGXCPU", -1): Reason.PROCESSOR_TIME,
        128 + getattr(signal, "SIGXFSZ", -2): Reason.FILE_SIZE,
    }
    return None if exit_status is None else by_status.get(exit_status)
