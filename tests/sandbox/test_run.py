"""Real programs in the real sandbox: languages, files, isolation, cancellation."""

import asyncio
import socket
from pathlib import Path

import pytest

from slm_lsp.errors import SandboxUnavailableError, UsageError
from slm_lsp.sandbox import isolation
from slm_lsp.sandbox.run import File, Limits, Reason, run
from tests.sandbox.programs import (
    LONG,
    c,
    in_sandbox,
    names,
    needs_c,
    needs_java,
    needs_perl,
    needs_python,
    python,
    sleeping,
    until,
)

pytestmark = in_sandbox


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


async def test_only_new_and_changed_files_are_returned() -> None:
    script = "echo new > made; echo more >> changed; mkdir -p a/b; echo x > a/b/run; chmod +x a/b/run; rm gone"
    files = {"changed": "some\n", "same": "same", "gone": b"", "deep/same": "same"}
    outcome = await run(["/bin/sh", "-c", script], files=files, limits=LONG)
    assert outcome.files == {
        "made": File(b"new\n"),
        "changed": File(b"some\nmore\n"),
        "a/b/run": File(b"x\n", executable=True),
    }
    assert outcome.files_complete


async def test_a_folder_is_copied_into_the_sandbox_and_the_original_is_not_changed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "in").mkdir(parents=True)
    (project / "in" / "a").write_text("1")
    outcome = await run(["/bin/sh", "-c", "cat in/a; echo 2 > in/a"], files=project, limits=LONG)
    assert (outcome.stdout, outcome.files) == (b"1", {"in/a": File(b"2\n")})
    assert (project / "in" / "a").read_text() == "1"


async def test_a_file_of_this_machine_can_be_copied_into_the_sandbox(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o555)
    outcome = await run(["./here"], files={"here": script}, limits=LONG)
    assert outcome.stdout == b"ran\n"


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..", "", ".", "a\\b", "a\0b"])
async def test_file_paths_outside_the_working_folder_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a path inside"):
        await run(["true"], files={name: b""})


async def test_links_are_not_followed_when_files_are_returned(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    outcome = await run(["/bin/sh", "-c", f"ln -s {secret} link; ln -s {tmp_path} folder"], limits=LONG)
    assert (outcome.exit, outcome.files) == (0, {})


async def test_number_and_size_of_returned_files_are_limited() -> None:
    limits = Limits(wall_s=300, returned_bytes=5, returned_files=2)
    outcome = await run(["/bin/sh", "-c", "echo 123456 > a; echo 1 > b; echo 2 > c; echo > d"], limits=limits)
    assert (sorted(outcome.files), outcome.files_complete) == (["b", "c"], False)


@pytest.mark.parametrize("argv", [[], [""], ["-x"], ["true", "a\0b"]])
async def test_command_lines_without_a_program_are_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        await run(argv)


@pytest.mark.parametrize("readable", [Path("/"), Path.home(), Path("/nowhere/at/all")])
async def test_home_folder_and_missing_paths_cannot_be_made_readable(readable: Path) -> None:
    with pytest.raises(UsageError):
        await run(["true"], readable=[readable])


@pytest.mark.parametrize("program", ["no-such-program", "./missing", "./data", "/etc"])
async def test_missing_program_is_reported_as_could_not_start(program: str) -> None:
    outcome = await run([program], files={"data": "x"}, limits=LONG)
    assert (outcome.exit, outcome.why) == (None, Reason.COULD_NOT_START)
    assert program in outcome.explanation


# Isolation


@needs_python
async def test_network_cannot_be_reached() -> None:
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
async def test_unix_sockets_of_the_machine_cannot_be_reached(tmp_path: Path) -> None:
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
    """Root owns the file. If /proc were writable, a program in a sandbox started by root could change the file."""
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


async def test_environment_variables_of_the_program_do_not_apply_to_bubblewrap() -> None:
    """LD_PRELOAD must not apply to bubblewrap, because a library preloaded there would run outside the sandbox.

    The library does not exist. If bubblewrap tried to load it, its standard error would say so.
    """
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


# Cancellation


async def test_cancelling_kills_all_processes_and_removes_the_folder(temporary: Path) -> None:
    running = asyncio.create_task(run(["/bin/sh", "-c", "sleep 8642 & setsid sleep 8642 & wait"], limits=LONG))
    await until(sleeping)
    assert len(names(temporary)) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not sleeping()
    assert names(temporary) == []


async def test_cancelling_at_any_moment_leaves_no_processes_and_no_files() -> None:
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
    """While a program runs, this test can count to more than 5."""
    running = asyncio.create_task(run(["sleep", "1000"], limits=Limits(wall_s=2)))
    counted = 0
    while not running.done():
        counted += 1
        await asyncio.sleep(0.01)
    assert counted > 5
    assert (await running).why == Reason.WALL_TIME


# Machines on which no isolation works


@pytest.fixture
def no_isolation_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_chosen", [])
    monkeypatch.setattr(isolation.bubblewrap, "candidates", lambda: [Path("/bin/false")])


@pytest.mark.usefixtures("no_isolation_works")
async def test_programs_are_refused_with_advice_if_no_isolation_works() -> None:
    with pytest.raises(SandboxUnavailableError) as caught:
        await run(["true"])
    assert "/bin/false" in caught.value.what
    assert "bubblewrap" in caught.value.cure
    assert 'sandbox = "none"' in caught.value.cure


@pytest.mark.usefixtures("no_isolation_works")
async def test_setting_none_runs_programs_without_isolation() -> None:
    assert (await run(["true"], isolation="none")).exit == 0
