"""Real programs in the real sandbox. As root they also show that root's rights do not reach into it."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from slm_lsp.errors import SandboxUnavailableError, UsageError
from slm_lsp.sandbox import isolation
from slm_lsp.sandbox.run import File, Limits, Outcome, Reason, run
from slm_lsp.sandbox.supervisor import MARK

PYTHON = "/usr/bin/python3"
MIB = 2**20
SHORT = Limits(wall_s=1)
LONG = Limits(wall_s=300, cpu_s=200)
"""For programs that another limit ends, or none, however busy the machine is."""


def problem() -> str:
    try:
        isolation.choose()
    except SandboxUnavailableError as error:
        return str(error)
    return ""


NO_SANDBOX = problem()
pytestmark = pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX)


def needs(program: str, package: str) -> pytest.MarkDecorator:
    reason = f"needs {program}; `apt-get install {package}` would run it"
    return pytest.mark.skipif(shutil.which(program, path=isolation.PATH) is None, reason=reason)


needs_c = needs("cc", "gcc libc6-dev")
needs_java = needs("javac", "default-jdk-headless")
needs_perl = needs("perl", "perl")
needs_python = needs("python3", "python3")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test leaves no process and no temporary file behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = processes(folder)
    yield folder
    assert names(folder) == []
    assert processes(folder) - before == set()


def processes(folder: Path) -> set[int]:
    """The processes that descend from this one, and those of sandboxes in `folder` that have lost their parents."""
    found = {each.pid for each in psutil.Process().children(recursive=True)}
    return found | {each.pid for each in psutil.process_iter() if str(folder) in " ".join(command_line(each))}


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def python(text: str, *arguments: str, limits: Limits = LONG, **options: object) -> Outcome:
    return await run([PYTHON, "p.py", *arguments], files={"p.py": text}, limits=limits, **options)  # type: ignore[arg-type]


async def c(text: str, limits: Limits = LONG) -> Outcome:
    compiled = await run(["cc", "-O1", "-o", "program", "program.c"], files={"program.c": text}, limits=LONG)
    assert compiled.ok, compiled.stderr
    return await run(["./program"], files=compiled.files, limits=limits)


# Languages


@needs_c
async def test_c_program_is_compiled_and_run() -> None:
    source = '#include <stdio.h>\nint main(void) { char s[9]; scanf("%8s", s); printf("<%s>", s); return 3; }'
    compiled = await run(["cc", "-o", "program", "program.c"], files={"program.c": source}, limits=LONG)
    assert (compiled.exit, list(compiled.files), compiled.why) == (0, ["program"], None)
    assert compiled.files["program"].executable
    outcome = await run(["./program"], files=compiled.files, stdin=b"text", limits=LONG)
    assert (outcome.exit, outcome.stdout, outcome.stderr, outcome.why) == (3, b"<text>", b"", None)


@needs_perl
async def test_perl_script_runs() -> None:
    script = 'use List::Util qw(sum); open(F, ">", "sum.txt"); print F sum(1 .. 4); print scalar <STDIN>;'
    outcome = await run(["perl", "script.pl"], files={"script.pl": script}, stdin=b"line\n", limits=LONG)
    assert (outcome.exit, outcome.stdout, outcome.stderr) == (0, b"line\n", b"")
    assert outcome.files == {"sum.txt": File(b"10")}


@needs_java
async def test_java_class_is_compiled_and_run() -> None:
    source = "public class Sum { public static void main(String[] a) { System.out.print(a.length + 1); } }"
    compiled = await run(["javac", "-d", "out", "Sum.java"], files={"Sum.java": source}, limits=LONG)
    assert (compiled.exit, list(compiled.files)) == (0, ["out/Sum.class"]), compiled.stderr
    outcome = await run(["java", "-cp", "out", "Sum", "x", "y"], files=compiled.files, limits=LONG)
    assert (outcome.exit, outcome.stdout, outcome.stderr) == (0, b"3", b"")


@needs_python
async def test_python_program_runs() -> None:
    outcome = await python("import sys; print(sys.stdin.read().upper(), sys.argv[1])", "x", stdin=b"in")
    assert (outcome.exit, outcome.stdout, outcome.stderr) == (0, b"IN x\n", b"")


async def test_readable_file_outside_the_folder_can_be_read_but_not_written(tmp_path: Path) -> None:
    file = tmp_path / "kept.txt"
    file.write_text("kept")
    outcome = await run(["/bin/sh", "-c", f"cat {file}; echo x > {file}"], readable=[file], limits=LONG)
    assert outcome.stdout == b"kept"
    assert b"Read-only file system" in outcome.stderr
    assert file.read_text() == "kept"


# Files


async def test_made_and_changed_files_are_returned_but_not_the_others() -> None:
    script = "echo new > made; echo more >> changed; mkdir -p a/b; echo x > a/b/run; chmod +x a/b/run; rm gone"
    files = {"changed": "some\n", "same": "same", "gone": b"", "deep/same": "same"}
    outcome = await run(["/bin/sh", "-c", script], files=files, limits=LONG)
    assert outcome.files == {
        "made": File(b"new\n"),
        "changed": File(b"some\nmore\n"),
        "a/b/run": File(b"x\n", executable=True),
    }
    assert outcome.files_complete


async def test_a_folder_is_copied_into_the_sandbox_and_stays_as_it_was(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "in").mkdir(parents=True)
    (project / "in" / "a").write_text("1")
    outcome = await run(["/bin/sh", "-c", "cat in/a; echo 2 > in/a"], files=project, limits=LONG)
    assert (outcome.stdout, outcome.files) == (b"1", {"in/a": File(b"2\n")})
    assert (project / "in" / "a").read_text() == "1"


async def test_content_may_come_from_a_file_of_this_machine(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o555)
    outcome = await run(["./here"], files={"here": script}, limits=LONG)
    assert outcome.stdout == b"ran\n"


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..", "", ".", "a\\b", "a\0b"])
async def test_paths_of_files_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a path inside"):
        await run(["true"], files={name: b""})


async def test_links_are_not_followed_when_files_are_returned(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    outcome = await run(["/bin/sh", "-c", f"ln -s {secret} link; ln -s {tmp_path} folder"], limits=LONG)
    assert (outcome.exit, outcome.files) == (0, {})


async def test_returned_files_are_bounded() -> None:
    limits = Limits(wall_s=300, returned_bytes=5, returned_files=2)
    outcome = await run(["/bin/sh", "-c", "echo 123456 > a; echo 1 > b; echo 2 > c; echo > d"], limits=limits)
    assert (sorted(outcome.files), outcome.files_complete) == (["b", "c"], False)


@pytest.mark.parametrize("argv", [[], [""], ["-x"], ["true", "a\0b"]])
async def test_arguments_that_name_no_program_are_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        await run(argv)


@pytest.mark.parametrize("readable", [Path("/"), Path.home(), Path("/nowhere/at/all")])
async def test_home_as_a_whole_and_missing_paths_cannot_be_made_readable(readable: Path) -> None:
    with pytest.raises(UsageError):
        await run(["true"], readable=[readable])


@pytest.mark.parametrize("program", ["no-such-program", "./missing", "./data", "/etc"])
async def test_program_that_does_not_exist_could_not_start(program: str) -> None:
    outcome = await run([program], files={"data": "x"}, limits=LONG)
    assert (outcome.exit, outcome.why) == (None, Reason.COULD_NOT_START)
    assert program in outcome.explanation


# Isolation


@needs_python
async def test_network_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        outcome = await python(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
    assert (outcome.exit, outcome.why) == (1, None)
    assert b"Connection refused" in outcome.stderr
    interfaces = await python("import socket; print(socket.if_nameindex())")
    assert interfaces.stdout == b"[(1, 'lo')]\n"


@needs_python
@pytest.mark.parametrize("family", ["AF_VSOCK", "AF_PACKET", "AF_ALG"])
async def test_sockets_that_namespaces_do_not_confine_are_refused(family: str) -> None:
    outcome = await python(f"import socket; socket.socket(socket.{family}, socket.SOCK_STREAM)")
    assert b"Address family not supported" in outcome.stderr


@needs_python
async def test_unix_sockets_of_the_machine_are_out_of_reach(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0slm-lsp-test-of-the-sandbox")
        server.listen()
        text = "import socket; socket.socket(socket.AF_UNIX).connect('\\0slm-lsp-test-of-the-sandbox')"
        assert b"Connection refused" in (await python(text)).stderr


@pytest.mark.parametrize("place", ["/", "/usr", "/etc", "/dev", "/proc", "/var", "{tmp_path}"])
async def test_nothing_outside_the_folder_can_be_written(tmp_path: Path, place: str) -> None:
    folder = Path(place.format(tmp_path=tmp_path))
    outcome = await run(["/bin/sh", "-c", f"echo x > {folder}/slm-lsp-test-file"], limits=LONG)
    assert outcome.exit not in (0, None)
    assert "slm-lsp-test-file" not in names(folder)


async def test_home_and_other_users_files_cannot_be_read() -> None:
    home = Path.home()
    outcome = await run(["/bin/sh", "-c", f"ls {home} /root /home /work/* /etc/shadow /etc/ssl /run /var"], limits=LONG)
    assert outcome.stdout == b""
    assert outcome.stderr.count(b"No such file") == outcome.stderr.count(b"\n")


async def test_settings_of_the_kernel_cannot_be_changed_even_by_root() -> None:
    """The file belongs to root, so without a read-only /proc a sandbox started by root could write it."""
    outcome = await run(["/bin/sh", "-c", "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern"])
    assert b"Read-only file system" in outcome.stderr


async def test_environment_of_the_user_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "hidden")
    outcome = await run(["/usr/bin/env"], environ={"GIVEN": "value"}, limits=LONG)
    names = {line.partition(b"=")[0] for line in outcome.stdout.splitlines()}
    assert names <= {b"PATH", b"HOME", b"TMPDIR", b"LANG", b"PWD", b"SHLVL", b"_", b"GIVEN"}
    assert b"GIVEN=value" in outcome.stdout.splitlines()


@pytest.mark.parametrize("name", ["", "A=B", "-S", "A B", "BASH_FUNC_x%%", "A\0"])
async def test_invalid_names_of_variables_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        await run(["true"], environ={name: "x"})


async def test_variables_of_the_program_do_not_act_outside_the_sandbox() -> None:
    """A library that is preloaded into bubblewrap would run unconfined; one that is missing would be reported there."""
    outcome = await run(["true"], environ={"LD_PRELOAD": "/work/missing.so", "PATH": "/nowhere:/bin"}, limits=LONG)
    assert outcome.exit == 0
    assert b"/work/missing.so" in outcome.stderr
    assert b"bwrap" not in outcome.stderr


async def test_permissions_of_devices_are_restored_if_a_program_of_root_changes_them() -> None:
    await run(["chmod", "660", "/dev/full"], limits=LONG)
    outcome = await run(["stat", "-c", "%a", "/dev/full"], limits=LONG)
    assert outcome.stdout == b"666\n"


@needs_python
async def test_other_processes_are_invisible() -> None:
    outcome = await python("import os; print(sorted(int(each) for each in os.listdir('/proc') if each.isdigit())[-1])")
    assert int(outcome.stdout) < 10


@needs_c
@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",
        "syscall(SYS_clone, 0x10000000 | 17, 0, 0, 0, 0)",
        "syscall(SYS_clone3, 0, 0)",
        "ptrace(0, 0, 0, 0)",
        'mount("tmpfs", "/tmp", "tmpfs", 0, 0)',
        "syscall(SYS_keyctl, 0, 0)",
        "syscall(SYS_bpf, 0, 0, 0)",
        "syscall(SYS_io_uring_setup, 1, 0)",
        "syscall(SYS_perf_event_open, 0, 0, 0, 0, 0)",
        "syscall(SYS_userfaultfd, 0)",
        'syscall(SYS_memfd_create, "x", 0)',
        "syscall(100000)",
    ],
)
async def test_dangerous_system_calls_are_refused(call: str) -> None:
    headers = ["<errno.h>", "<sched.h>", "<sys/mount.h>", "<sys/ptrace.h>", "<sys/syscall.h>", "<unistd.h>"]
    lines = ["#define _GNU_SOURCE", *(f"#include {each}" for each in headers)]
    body = f"int main(void) {{ return {call} == -1 && (errno == EPERM || errno == ENOSYS) ? 0 : 1; }}"
    assert (await c("\n".join([*lines, body]))).exit == 0


# Limits


async def test_program_that_sleeps_too_long_is_ended() -> None:
    outcome = await run(["sleep", "1000"], limits=SHORT)
    assert (outcome.exit, outcome.why) == (None, Reason.WALL_TIME)
    assert "1 s" in outcome.explanation


async def test_endless_loop_is_ended_by_processor_time() -> None:
    outcome = await run(["/bin/sh", "-c", "while :; do :; done"], limits=Limits(cpu_s=0.5, wall_s=300))
    assert (outcome.exit, outcome.why) == (None, Reason.PROCESSOR_TIME)


async def test_processor_time_of_all_processes_counts_together() -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; wait"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(cpu_s=1.5, wall_s=300))
    assert outcome.why == Reason.PROCESSOR_TIME


@needs_python
async def test_memory_bomb_is_ended() -> None:
    outcome = await python(
        "kept = []\nwhile True: kept.append(b'x' * 2**20)", limits=Limits(memory_bytes=200 * MIB, wall_s=300)
    )
    assert (outcome.exit, outcome.why) == (None, Reason.MEMORY)


@needs_python
async def test_memory_bomb_of_many_processes_is_ended() -> None:
    text = """
import os, time
for _ in range(9):
    if os.fork() == 0:
        kept = b"x" * 40 * 2**20
        time.sleep(999)
time.sleep(999)
"""
    outcome = await python(text, limits=Limits(memory_bytes=250 * MIB, wall_s=300))
    assert outcome.why == Reason.MEMORY


@needs_python
async def test_memory_that_processes_share_counts_once() -> None:
    text = """
import os, time
kept = b"x" * 60 * 2**20
for _ in range(9):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
for _ in range(9):
    os.wait()
"""
    outcome = await python(text, limits=Limits(memory_bytes=250 * MIB, wall_s=300))
    assert (outcome.exit, outcome.why) == (0, None)


@needs_python
async def test_address_space_is_limited_on_request() -> None:
    limits = Limits(wall_s=300, address_bytes=300 * MIB)
    outcome = await python("bytearray(500 * 2**20)", limits=limits)
    assert (outcome.exit, outcome.why) == (1, None)
    assert b"MemoryError" in outcome.stderr


async def test_shared_memory_is_bounded() -> None:
    outcome = await run(["/bin/sh", "-c", "head -c 200M /dev/zero > /dev/shm/x"], limits=Limits(file_bytes=1024 * MIB))
    assert b"No space left" in outcome.stderr


async def test_fork_bomb_is_ended() -> None:
    bomb = "f() { f | f & }; f; wait; sleep 1000"
    outcome = await run(["/bin/sh", "-c", bomb], limits=LONG)
    assert (outcome.exit, outcome.why) == (None, Reason.PROCESSES)


@needs_python
async def test_too_many_threads_are_ended() -> None:
    text = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(999,), daemon=True).start()"
    outcome = await python(text + "\n", limits=Limits(wall_s=300, processes=4))
    # The kernel lets threads fail to start for an ordinary user; for root it does not count them.
    assert outcome.why == Reason.PROCESSES or b"can't start new thread" in outcome.stderr


@pytest.mark.parametrize("stream", [1, 2])
async def test_endless_output_is_ended_and_cut(stream: int) -> None:
    outcome = await run(["/bin/sh", "-c", f"yes >&{stream}"], limits=Limits(wall_s=300, output_bytes=100_000))
    assert outcome.why == Reason.OUTPUT
    assert (outcome.stdout, outcome.stderr)[stream - 1] == b"y\n" * 50_000


async def test_output_up_to_the_limit_is_complete() -> None:
    outcome = await run(["/bin/sh", "-c", "yes | head -c 1000"], limits=Limits(wall_s=300, output_bytes=1000))
    assert (outcome.exit, len(outcome.stdout), outcome.why) == (0, 1000, None)


async def test_input_that_is_not_read_does_not_block() -> None:
    outcome = await run(["true"], stdin=b"x" * 10 * MIB, limits=LONG)
    assert outcome.exit == 0


async def test_large_input_and_output_pass_through() -> None:
    content = b"0123456789abcde\n" * 50_000
    outcome = await run(["cat"], stdin=content, limits=LONG)
    assert outcome.stdout == content


async def test_huge_file_is_ended() -> None:
    outcome = await run(["head", "-c", "200M", "/dev/zero"], limits=Limits(wall_s=300, output_bytes=300 * MIB))
    assert outcome.exit == 0
    script = "exec head -c 200M /dev/zero > big"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(wall_s=300))
    assert (outcome.exit, outcome.why) == (None, Reason.FILE_SIZE)


@pytest.mark.parametrize("folder", [".", "/tmp"])
async def test_many_large_files_are_ended(folder: str) -> None:
    script = f"cd {folder}; for i in 1 2 3 4 5 6 7 8 9; do head -c 10M /dev/zero > $i; done"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(wall_s=300, disk_bytes=50 * MIB))
    assert (outcome.exit, outcome.why) == (None, Reason.DISK)


@needs_python
async def test_large_files_without_a_name_are_ended() -> None:
    text = """
import os, time
kept = []
for n in range(9):
    kept.append(open(str(n), "wb"))
    os.unlink(str(n))
    kept[-1].write(b"x" * 10 * 2**20)
    kept[-1].flush()
time.sleep(999)
"""
    outcome = await python(text, limits=Limits(wall_s=300, disk_bytes=50 * MIB))
    assert outcome.why == Reason.DISK


async def test_too_many_files_are_ended() -> None:
    script = "i=0; while :; do i=$((i+1)); : > $i; done"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(wall_s=300, cpu_s=300, files=500))
    assert outcome.why == Reason.FILES


@needs_python
async def test_deeply_nested_and_unreadable_folders_are_removed() -> None:
    text = "import os\nfor _ in range(3000):\n  os.mkdir('d'); os.chdir('d')\nos.chmod('/work/d', 0)"
    outcome = await python(text, limits=Limits(wall_s=300, cpu_s=300))
    assert outcome.why in (Reason.FILES, None)  # None where the folders could not be read


@needs_python
@pytest.mark.parametrize("ends", ["", "time.sleep(999)"])
async def test_daemon_that_detaches_does_not_survive(ends: str) -> None:
    text = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        while True: time.sleep(1)
    os._exit(0)
os.wait()
{ends}
"""
    outcome = await python(text, limits=SHORT if ends else LONG)
    assert outcome.why == (Reason.WALL_TIME if ends else None)


# Cancellation


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never happened")


def sleeping() -> bool:
    return any("8642" in command_line(each) for each in psutil.process_iter())


async def test_cancelling_kills_everything_and_removes_the_folder(temporary: Path) -> None:
    running = asyncio.create_task(run(["/bin/sh", "-c", "sleep 8642 & setsid sleep 8642 & wait"], limits=LONG))
    await until(sleeping)
    assert len(names(temporary)) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not sleeping()
    assert names(temporary) == []


async def test_cancelling_at_any_moment_leaves_nothing_behind() -> None:
    for milliseconds in range(0, 60, 4):
        running = asyncio.create_task(run(["sleep", "8642"], limits=LONG))
        await asyncio.sleep(milliseconds / 1000)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not sleeping()


async def test_several_programs_run_at_the_same_time() -> None:
    outcomes = await asyncio.gather(*(run(["/bin/sh", "-c", f"echo {n}"], limits=LONG) for n in range(5)))
    assert [each.stdout for each in outcomes] == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]


async def test_the_event_loop_is_not_blocked() -> None:
    """Another task goes on while a program runs: it counts, and the program ends when it has."""
    running = asyncio.create_task(run(["sleep", "1000"], limits=Limits(wall_s=2)))
    counted = 0
    while not running.done():
        counted += 1
        await asyncio.sleep(0.01)
    assert counted > 5
    assert (await running).why == Reason.WALL_TIME


# Without isolation


async def unisolated(script: str, limits: Limits = LONG) -> Outcome:
    return await run(["/bin/sh", "-c", script], limits=limits, isolation="none")


@pytest.mark.parametrize(
    ("script", "limits", "why"),
    [
        ("sleep 1000", SHORT, Reason.WALL_TIME),
        ("while :; do :; done", Limits(cpu_s=0.5, wall_s=300), Reason.PROCESSOR_TIME),
        ("yes", LONG, Reason.OUTPUT),
        ("exec head -c 200M /dev/zero > big", LONG, Reason.FILE_SIZE),
        ("for i in 1 2 3 4 5 6 7; do head -c 10M /dev/zero > $i; done", Limits(disk_bytes=50 * MIB), Reason.DISK),
        ("i=0; while [ $i -lt 90 ]; do i=$((i+1)); sleep 1000 & done; wait", LONG, Reason.PROCESSES),
    ],
)
async def test_limits_apply_without_isolation_too(script: str, limits: Limits, why: Reason) -> None:
    outcome = await unisolated(script, limits)
    assert (outcome.exit, outcome.why) == (None, why)


async def test_program_ended_by_a_signal_has_the_shell_s_exit_status() -> None:
    assert (await unisolated("kill -TERM $$")).exit == 128 + 15
    assert (await run(["/bin/sh", "-c", "kill -TERM $$"], limits=LONG)).exit == 128 + 15


async def test_detached_processes_are_found_and_killed_without_isolation() -> None:
    outcome = await unisolated("setsid sleep 8642 >/dev/null 2>&1 & sleep 0.2; echo done")
    assert (outcome.exit, outcome.stdout) == (0, b"done\n")
    assert not sleeping()


async def test_environment_and_folder_without_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "hidden")
    outcome = await unisolated("env; echo x > made; echo y > $TMPDIR/z")
    names = {line.partition(b"=")[0].decode() for line in outcome.stdout.splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "SHLVL", "_", MARK, "OLDPWD"}
    assert outcome.files == {"made": File(b"x\n")}


# Where nothing works


@pytest.fixture
def nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_chosen", [])
    monkeypatch.setattr(isolation.bubblewrap, "candidates", lambda: [Path("/bin/false")])


@pytest.mark.usefixtures("nothing_works")
async def test_without_isolation_programs_are_refused_with_a_cure() -> None:
    with pytest.raises(SandboxUnavailableError) as caught:
        await run(["true"])
    assert "/bin/false" in caught.value.what
    assert "bubblewrap" in caught.value.cure
    assert 'sandbox = "none"' in caught.value.cure


@pytest.mark.usefixtures("nothing_works")
async def test_users_may_do_without_isolation() -> None:
    assert (await run(["true"], isolation="none")).exit == 0
