"""The commands that isolate programs on each platform. These tests only compare text; `test_run.py` runs programs."""

import os
from pathlib import Path
from threading import Event

import pytest

from slm_lsp.errors import SandboxUnavailableError
from slm_lsp.sandbox import bubblewrap, isolation, macos
from slm_lsp.sandbox.folder import Folder, temporary_folder
from slm_lsp.sandbox.isolation import Isolation
from slm_lsp.sandbox.launch import launch_script
from slm_lsp.sandbox.outcome import Limits
from slm_lsp.sandbox.run import run
from slm_lsp.sandbox.supervisor import supervise

NEW = frozenset({"--disable-userns", "--size"})
FOLDER = Folder(Path("/tmp/slm-sandbox-x"))


def bwrap_arguments(known: frozenset[str] = NEW, readable: tuple[Path, ...] = (), home: str = "/home/user") -> str:
    program = Path("/usr/bin/bwrap")
    return " ".join(bubblewrap.arguments(program, FOLDER, readable, known, filtered=True, home=Path(home)))


def test_bubblewrap_command_has_all_options_for_isolation() -> None:
    command = bwrap_arguments()
    for option in ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop ALL", "--disable-userns"):
        assert option in command
    for option in ("--seccomp 9", "--remount-ro /proc", "--remount-ro /dev", "--remount-ro /"):
        assert option in command
    assert "--share-net" not in command


def test_only_the_folders_of_the_run_are_writable() -> None:
    words = bwrap_arguments(readable=(Path("/opt/tool"),)).split()
    bound = [words[at + 1] for at, word in enumerate(words) if word in ("--bind", "--dev-bind")]
    assert bound == ["/tmp/slm-sandbox-x/tmp", "/tmp/slm-sandbox-x/work"]
    assert "--ro-bind /opt/tool /opt/tool" in " ".join(words)


def test_older_bubblewrap_gets_no_unknown_options() -> None:
    command = bwrap_arguments(known=frozenset())
    assert "--disable-userns" not in command
    assert "--size" not in command
    assert "/dev/shm" not in command


def test_home_inside_a_system_folder_is_hidden() -> None:
    assert "--tmpfs /usr/home/user" in bwrap_arguments(home="/usr/home/user")
    assert "--tmpfs /home/user" not in bwrap_arguments()


def test_bwrap_in_the_current_folder_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert all(each.is_absolute() and each.parent != tmp_path for each in bubblewrap.candidates())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap.candidates()[0] == program, "the one on PATH comes first"


def test_macos_profile_denies_by_default_and_allows_writing_only_in_the_folders_of_the_run() -> None:
    text = macos.profile([Path("/private/tmp/work")], [Path('/opt/a "quoted" \\ tool')])
    rules = text.splitlines()
    assert rules[:2] == ["(version 1)", "(deny default)"]
    assert "network" not in text
    writes = [each for each in rules if "file-write*" in each]
    assert writes == ['(allow file-write* (subpath "/private/tmp/work"))']
    assert '(subpath "/opt/a \\"quoted\\" \\\\ tool")' in text
    assert text.count("(") == text.count(")")
    assert "/Users" not in text


def test_each_platform_offers_only_its_own_isolation() -> None:
    assert isolation.possible("darwin") == [Isolation("sandbox-exec", macos.PROGRAM)]
    assert {each.name for each in isolation.possible("linux")} <= {"bubblewrap"}
    assert isolation.possible("win32") == []


def test_macos_command_runs_the_program_under_the_profile_with_its_own_variables() -> None:
    mac = Isolation("sandbox-exec", macos.PROGRAM)
    command = mac.command(["tool", "x"], FOLDER, Limits(), (), {"A": "b"})
    assert command.argv[:2] == ["/usr/bin/sandbox-exec", "-p"]
    assert command.argv[3:5] == ["/usr/bin/env", "-i"]
    assert "A=b" in command.argv
    assert command.argv[-2:] == ["tool", "x"]
    assert "A" not in command.environ


def test_error_output_of_a_broken_bubblewrap_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(isolation, "_chosen", [])
    monkeypatch.setattr(isolation.bubblewrap, "candidates", lambda: [broken])
    with pytest.raises(SandboxUnavailableError, match=f"{broken}: No permissions to create a new namespace"):
        isolation.choose()


def test_the_next_bubblewrap_is_tried_if_the_first_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    real = isolation.bubblewrap.candidates()
    if not real:
        pytest.skip("needs bubblewrap; `apt-get install bubblewrap` would run it")
    monkeypatch.setattr(isolation, "_chosen", [])
    monkeypatch.setattr(isolation.bubblewrap, "candidates", lambda: [Path("/bin/false"), *real])
    assert isolation.choose().program in real


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_launch_script_sets_the_limits_of_the_kernel(shell: str, tmp_path: Path) -> None:
    limits = Limits(cpu_s=3, file_bytes=2**20, address_bytes=2**30)
    script = launch_script(limits, count_processes=False)
    with temporary_folder() as folder:
        command = Isolation("none").command(["true"], folder, limits, (), {})
        at = list(command.argv).index("/bin/sh")
        argv = [*command.argv[:at], f"/bin/{shell}", *([] if shell == "sh" else ["--posix"]), "-c", script, "sh"]
        shown = "/bin/sh"
        argv += [shown, "-c", "ulimit -t; ulimit -f; ulimit -v; ulimit -c; ulimit -n"]
        ended = supervise(
            type(command)(argv, command.environ, folder.work, mark=command.mark), b"", limits, folder, Event()
        )
    assert ended.stdout.split() == [b"5", b"2048", b"1048576", b"0", b"256"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give each run a user of its own: run it as root")
async def test_each_run_that_root_starts_has_its_own_unprivileged_user() -> None:
    first, second = [await run(["/bin/sh", "-c", "id -u; id -G; whoami; cat a"], files={"a": "b"}) for _ in range(2)]
    users = [each.stdout.split()[0] for each in (first, second)]
    assert users[0] != users[1]
    assert all(int(each) >= bubblewrap.FIRST_UNUSED_ID for each in users)
    assert first.stdout.split() == [users[0], users[0], b"user", b"b"]
    assert first.files == {}
