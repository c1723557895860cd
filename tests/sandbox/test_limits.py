"""Real programs that exceed each limit, with isolation and without."""

import pytest

from slm_lsp.sandbox.launch import MARK
from slm_lsp.sandbox.run import File, Limits, Outcome, Reason, run
from tests.sandbox.programs import (
    LONG,
    MIB,
    SHORT,
    in_sandbox,
    needs_python,
    python,
    sleeping,
)

pytestmark = in_sandbox


# Limits


async def test_program_that_sleeps_too_long_is_ended() -> None:
    outcome = await run(["sleep", "1000"], limits=SHORT)
    assert (outcome.exit, outcome.why) == (None, Reason.WALL_TIME)
    assert "1 s" in outcome.explanation


async def test_endless_loop_is_ended_by_processor_time() -> None:
    outcome = await run(["/bin/sh", "-c", "while :; do :; done"], limits=Limits(cpu_s=0.5, wall_s=300))
    assert (outcome.exit, outcome.why) == (None, Reason.PROCESSOR_TIME)


async def test_processor_time_of_all_processes_is_added_up() -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; wait"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(cpu_s=1.5, wall_s=300))
    assert outcome.why == Reason.PROCESSOR_TIME


@needs_python
async def test_program_that_uses_too_much_memory_is_ended() -> None:
    outcome = await python(
        "kept = []\nwhile True: kept.append(b'x' * 2**20)", limits=Limits(memory_bytes=200 * MIB, wall_s=300)
    )
    assert (outcome.exit, outcome.why) == (None, Reason.MEMORY)


@needs_python
async def test_many_processes_that_together_use_too_much_memory_are_ended() -> None:
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
async def test_memory_shared_by_several_processes_counts_once() -> None:
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
async def test_address_space_is_limited_if_the_caller_sets_a_limit() -> None:
    limits = Limits(wall_s=300, address_bytes=300 * MIB)
    outcome = await python("bytearray(500 * 2**20)", limits=limits)
    assert (outcome.exit, outcome.why) == (1, None)
    assert b"MemoryError" in outcome.stderr


async def test_size_of_shared_memory_is_limited() -> None:
    outcome = await run(["/bin/sh", "-c", "head -c 200M /dev/zero > /dev/shm/x"], limits=Limits(file_bytes=1024 * MIB))
    assert b"No space left" in outcome.stderr


async def test_fork_bomb_is_ended() -> None:
    bomb = "f() { f | f & }; f; wait; sleep 1000"
    outcome = await run(["/bin/sh", "-c", bomb], limits=LONG)
    assert (outcome.exit, outcome.why) == (None, Reason.PROCESSES)


@needs_python
async def test_program_with_too_many_threads_is_ended() -> None:
    text = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(999,), daemon=True).start()"
    outcome = await python(text + "\n", limits=Limits(wall_s=300, processes=4))
    # For an ordinary user, the kernel refuses to start too many threads. For root, the kernel does not count threads.
    assert outcome.why == Reason.PROCESSES or b"can't start new thread" in outcome.stderr


@pytest.mark.parametrize("stream", [1, 2])
async def test_program_with_endless_output_is_ended_and_its_output_is_cut(stream: int) -> None:
    outcome = await run(["/bin/sh", "-c", f"yes >&{stream}"], limits=Limits(wall_s=300, output_bytes=100_000))
    assert outcome.why == Reason.OUTPUT
    assert (outcome.stdout, outcome.stderr)[stream - 1] == b"y\n" * 50_000


async def test_output_up_to_the_limit_is_complete() -> None:
    outcome = await run(["/bin/sh", "-c", "yes | head -c 1000"], limits=Limits(wall_s=300, output_bytes=1000))
    assert (outcome.exit, len(outcome.stdout), outcome.why) == (0, 1000, None)


async def test_program_that_does_not_read_its_input_does_not_block_the_run() -> None:
    outcome = await run(["true"], stdin=b"x" * 10 * MIB, limits=LONG)
    assert outcome.exit == 0


async def test_large_input_and_output_are_passed_completely() -> None:
    content = b"0123456789abcde\n" * 50_000
    outcome = await run(["cat"], stdin=content, limits=LONG)
    assert outcome.stdout == content


async def test_program_that_writes_a_huge_file_is_ended() -> None:
    outcome = await run(["head", "-c", "200M", "/dev/zero"], limits=Limits(wall_s=300, output_bytes=300 * MIB))
    assert outcome.exit == 0
    script = "exec head -c 200M /dev/zero > big"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(wall_s=300))
    assert (outcome.exit, outcome.why) == (None, Reason.FILE_SIZE)


@pytest.mark.parametrize("folder", [".", "/tmp"])
async def test_program_that_writes_many_large_files_is_ended(folder: str) -> None:
    script = f"cd {folder}; for i in 1 2 3 4 5 6 7 8 9; do head -c 10M /dev/zero > $i; done"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(wall_s=300, disk_bytes=50 * MIB))
    assert (outcome.exit, outcome.why) == (None, Reason.DISK)


@needs_python
async def test_program_that_writes_large_deleted_files_is_ended() -> None:
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


async def test_program_that_makes_too_many_files_is_ended() -> None:
    script = "i=0; while :; do i=$((i+1)); : > $i; done"
    outcome = await run(["/bin/sh", "-c", script], limits=Limits(wall_s=300, cpu_s=300, files=500))
    assert outcome.why == Reason.FILES


async def test_files_passed_to_the_program_do_not_count_towards_the_limits() -> None:
    given = {f"{n}": b"x" * 5000 for n in range(50)}
    limits = Limits(wall_s=300, files=5, disk_bytes=100_000)
    outcome = await run(["/bin/sh", "-c", "echo > new"], files=given, limits=limits)
    assert (outcome.exit, list(outcome.files)) == (0, ["new"])


@needs_python
async def test_deeply_nested_and_unreadable_folders_are_removed() -> None:
    text = "import os\nfor _ in range(3000):\n  os.mkdir('d'); os.chdir('d')\nos.chmod('/work/d', 0)"
    outcome = await python(text, limits=Limits(wall_s=300, cpu_s=300))
    assert outcome.why in (Reason.FILES, None)  # None if the folders could not be read


@needs_python
@pytest.mark.parametrize("ends", ["", "time.sleep(999)"])
async def test_detached_daemon_is_killed(ends: str) -> None:
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
async def test_limits_also_apply_without_isolation(script: str, limits: Limits, why: Reason) -> None:
    outcome = await unisolated(script, limits)
    assert (outcome.exit, outcome.why) == (None, why)


async def test_exit_status_after_signal_n_is_128_plus_n_as_in_a_shell() -> None:
    assert (await unisolated("kill -TERM $$")).exit == 128 + 15
    assert (await run(["/bin/sh", "-c", "kill -TERM $$"], limits=LONG)).exit == 128 + 15


async def test_detached_processes_are_found_and_killed_without_isolation() -> None:
    outcome = await unisolated("setsid sleep 8642 >/dev/null 2>&1 & sleep 0.2; echo done")
    assert (outcome.exit, outcome.stdout) == (0, b"done\n")
    assert not sleeping()


async def test_without_isolation_a_program_still_has_its_own_environment_and_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_SECRET", "hidden")
    outcome = await unisolated("env; echo x > made; echo y > $TMPDIR/z")
    names = {line.partition(b"=")[0].decode() for line in outcome.stdout.splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "SHLVL", "_", MARK, "OLDPWD"}
    assert outcome.files == {"made": File(b"x\n")}
