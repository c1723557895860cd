"""Runs one command, watches what it uses, and kills it with all its descendants when it ends or exceeds a limit.

Everything here blocks, so `run` calls it in a thread.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from slm_lsp.platform import processes
from slm_lsp.sandbox.folder import Folder, Size, free_bytes, measure
from slm_lsp.sandbox.outcome import KIB, Limits, Reason

WATCH_S, DISK_S = 0.02, 0.25
"""Seconds between two looks at processes and memory, and at the disk."""

SHARE = 20
"""Looking takes at most one part in so many of the time: the pause after a look that took long is longer."""

DRAIN_S = 2.0
"""The longest time for reading what an ended program has left in its pipes."""

CHUNK_BYTES = 65_536
OPEN_FILES = 256
THREADS = 8
"""Threads for each process of `Limits.processes`."""

DATA = 4
"""`RLIMIT_DATA` as a multiple of the memory limit. It stops a single process that allocates faster than we look. The
Java virtual machine reserves several times what it uses."""

COUNTED_PER_NAMESPACE = (5, 14)
"""The first Linux that counts processes for `RLIMIT_NPROC` in each user namespace. Older ones
count all processes of the user."""

STARTED, MISSING = b"started\n", b"missing\n"
"""What `LAUNCH` writes before anything else."""

LAUNCH = """
try() {{ ulimit "$@" 2>/dev/null || :; }}
try -c 0
try -t {cpu_s}
try -f {file_blocks}
try -n {open_files}
try -d {data_kib}
[ -z "{address_kib}" ] || try -v {address_kib}
[ -z "{threads}" ] || ulimit -u {threads} 2>/dev/null || try -p {threads}
case "$1" in
  */*) [ -x "$1" ] && [ ! -d "$1" ] ;;
  *) command -v "$1" >/dev/null 2>&1 ;;
esac || {{ echo missing; exit 127; }}
echo started
exec "$@"
"""
"""A script for any POSIX shell: sets the limits that the kernel enforces for each process, then becomes the program.

`ulimit` counts files in blocks of 512 bytes and memory in KiB. Bash names the limit of processes `-u`, dash `-p`.
"""

MARK = "SLM_SANDBOX_RUN"
"""The environment variable by which detached processes are found where there is no process namespace."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is started, and how it is isolated."""

    argv: Sequence[str]
    """Isolation and program."""
    environ: Mapping[str, str]
    """Environment of the isolation, not of the program: a variable such as LD_PRELOAD acts outside the sandbox here."""
    cwd: Path
    own_processes: int = 0
    """Processes of the isolation itself, which count for no limit."""
    status: Path | None = None
    """The file in which bubblewrap writes its status; None without a process namespace."""
    mark: str = ""
    """The value of `MARK` in the program's environment."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    started: bool
    """Whether the program was started. If neither this nor `why` is set, the isolation failed; `stderr` says why."""
    exit: int | None
    stdout: bytes
    stderr: bytes
    why: Reason | None
    wall_s: float


def launch_script(limits: Limits, *, count_processes: bool) -> str:
    """The script that starts a program under the limits of the kernel.

    Args:
        limits: of the run.
        count_processes: whether `RLIMIT_NPROC` would count the processes of this run only.
    """
    return LAUNCH.format(
        cpu_s=int(limits.cpu_s) + 2,  # for one process; the supervisor watches the sum, more precisely
        file_blocks=max(1, limits.file_bytes // 512),
        open_files=OPEN_FILES,
        data_kib=DATA * limits.memory_bytes // KIB,
        address_kib="" if limits.address_bytes is None else limits.address_bytes // KIB,
        threads=limits.processes * THREADS if count_processes else "",
    )


def launch(argv: Sequence[str], environ: Mapping[str, str], limits: Limits, *, count_processes: bool) -> list[str]:
    """The command that starts a program inside the isolation, with these variables and no others."""
    variables = [f"{name}={value}" for name, value in environ.items()]
    script = launch_script(limits, count_processes=count_processes)
    return ["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", script, "sh", *argv]


def supervise(command: Command, stdin: bytes, limits: Limits, folder: Folder, cancelled: Event) -> Ended:
    """Run a command to its end, or until it exceeds a limit or `cancelled` is set. No process of it is left then.

    Raises:
        OSError: the command cannot be started.
    """
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
    run = _Run(command, process, limits, _Watch(limits, command.own_processes, folder))
    try:
        with run.pipes(stdin):
            run.follow(begun + limits.wall_s, cancelled)
            run.end()
            run.drain()
    finally:
        run.end()
    return run.ended(time.monotonic() - begun)


@dataclass
class _Watch:
    """Looks regularly at what a run uses."""

    limits: Limits
    own_processes: int
    folder: Folder
    next_look: float = 0.0
    next_disk: float = 0.0

    def __post_init__(self) -> None:
        self._disk_before = self._measure().disk_bytes
        self._free_before = free_bytes(self.folder.root)
        processes.restore_devices()
        self.next_disk = time.monotonic() + DISK_S

    def look(self, pid: int) -> Reason | None:
        """The limit that is exceeded now, if any. Looks only when it is time to."""
        begun = time.monotonic()
        if begun < self.next_look:
            return None
        used = processes.usage(pid)
        found = self._processes(used)
        if found is None and begun >= self.next_disk:
            found = self.disk(used.pids)
            self.next_disk = _later(begun, DISK_S)
        self.next_look = _later(begun, WATCH_S)
        return found

    def disk(self, pids: Sequence[int] = ()) -> Reason | None:
        """Whether files take too much space or are too many. Restores the devices, too."""
        processes.restore_devices()
        size = self._measure()
        if size.entries > self.limits.files or size.too_deep:
            return Reason.FILES
        used = size.disk_bytes - self._disk_before + processes.deleted_bytes(pids)
        if size.unreadable:
            used = max(used, self._free_before - free_bytes(self.folder.root))
        return Reason.DISK if used > self.limits.disk_bytes else None

    def _processes(self, used: processes.Usage) -> Reason | None:
        limits = self.limits
        if len(used.pids) - self.own_processes > limits.processes or used.threads > limits.processes * THREADS:
            return Reason.PROCESSES
        if used.cpu_s > limits.cpu_s:
            return Reason.PROCESSOR_TIME
        if used.resident_bytes > limits.memory_bytes:
            exact = processes.proportional_bytes(used.pids, used.resident_bytes)
            return Reason.MEMORY if exact > limits.memory_bytes else None
        return None

    def _measure(self) -> Size:
        return measure(self.folder.work, self.folder.tmp, stop_after=self.limits.files)


@dataclass
class _Run:
    command: Command
    process: "subprocess.Popen[bytes]"
    limits: Limits
    watch: _Watch
    why: Reason | None = None
    output: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    _init: int | None = None
    """A handle of the first process in the process namespace."""
    _over: bool = False

    @contextlib.contextmanager
    def pipes(self, stdin: bytes) -> Iterator[None]:
        """Have the pipes to the process watched; close them at the end."""
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
        """Kill whatever is left, and wait until it is gone."""
        if self._over:
            return
        self._over = True
        self._find_init()
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
        """Read what is left in the pipes. Without isolation a process may have escaped and go on writing."""
        deadline = time.monotonic() + DRAIN_S
        while self._selector.get_map() and time.monotonic() < deadline and self._move(0):
            pass

    def ended(self, wall_s: float) -> Ended:
        """The result, once the process has ended."""
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
        """Wait for the pipes at most this long, and read and write once; return whether any was ready."""
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


def _later(begun: float, pause: float) -> float:
    now = time.monotonic()
    return now + max(pause, (now - begun) * SHARE)


def _by_signal(exit_status: int | None) -> Reason | None:
    """The limit of the kernel that ended the program, as its exit status says it."""
    by_status = {
        128 + getattr(signal, "SIGXCPU", -1): Reason.PROCESSOR_TIME,
        128 + getattr(signal, "SIGXFSZ", -2): Reason.FILE_SIZE,
    }
    return None if exit_status is None else by_status.get(exit_status)
