"""Programs on a view of a project: what they see, and that they cannot change a byte of the project."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from slm_lsp.errors import SandboxUnavailableError, UsageError
from slm_lsp.sandbox import isolation, view
from slm_lsp.sandbox.isolation import Isolation
from slm_lsp.sandbox.run import Limits, Outcome, View, run
from slm_lsp.sandbox.view import Way
from tests.sandbox.programs import in_sandbox, needs_python

pytestmark = in_sandbox

LIMITS = Limits(wall_s=300, cpu_s=200, files=20_000)
HIDDEN = frozenset({".env", "keys"})
DEPENDENCIES = frozenset({"node_modules"})
CACHES = frozenset({"src/__pycache__"})


def isolations() -> dict[str, tuple[Isolation, Way]]:
    """Return the combinations of an isolation and a way to show a project that may work on this machine."""
    found: dict[str, tuple[Isolation, Way]] = {}
    for each in isolation.possible():
        for way in each.ways:
            found.setdefault(f"{way}, own user" if each.own_user else way, (each, way))
    return found


@pytest.fixture(params=sorted(isolations()))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Every way in turn. The sandbox uses only this way."""
    chosen, only = isolations()[request.param]
    if isolation.trial(chosen):
        pytest.skip(f"this isolation does not work here: {isolation.trial(chosen)}")
    monkeypatch.setattr(isolation, "_chosen", [chosen])
    monkeypatch.setattr(Isolation, "ways", property(lambda _: (only,)))
    return only


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(view, "LARGE_BYTES", 4096)
    root = tmp_path / "project"
    texts = {
        "a.py": "a = 1\n",
        "run.sh": "#!/bin/sh\necho ran\n",
        "large.bin": "x" * 5000,
        ".env": "PASSWORD=hunter2\n",
        "keys/id": "private\n",
        "src/b.py": "b = 1\n",
        "src/__pycache__/b.pyc": "old\n",
        "build/made.txt": "made\n",
        "node_modules/m/index.js": "m\n",
        "node_modules/m/server.pem": "public\n",
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "run.sh").chmod(0o755)
    (tmp_path / "outside.txt").write_text("outside\n")
    (root / "out").symlink_to(tmp_path / "outside.txt")
    (root / "inner").symlink_to("src/b.py")
    return root


async def shell(root: Path, script: str, changed: Mapping[str, bytes] | None = None) -> Outcome:
    shown = View(root, changed or {}, HIDDEN, DEPENDENCIES, CACHES)
    return await run(["/bin/sh", "-c", script], files=shown, limits=LIMITS)


async def printed(root: Path, script: str, changed: Mapping[str, bytes] | None = None) -> str:
    outcome = await shell(root, script, changed)
    assert outcome.ok, outcome
    return outcome.stdout.decode()


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """Return everything about the files below a folder that a program could change."""
    return {str(path.relative_to(root)): _state(path) for path in [root, *sorted(root.rglob("*"))]}


def _state(path: Path) -> tuple[object, ...]:
    info = path.lstat()
    content: object = None
    if stat.S_ISLNK(info.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(info.st_mode):
        content = path.read_bytes()
    return info.st_mode, info.st_uid, info.st_nlink, info.st_ino, info.st_mtime_ns, info.st_ctime_ns, content


@pytest.fixture
def unchanged(project: Path) -> Iterator[None]:
    before = snapshot(project)
    yield
    assert snapshot(project) == before


# What a program cannot do

ATTACKS = {
    "append": "echo x >> a.py",
    "append by the absolute path": "echo x >> {root}/a.py",
    "truncate": ": > a.py; truncate -s 0 src/b.py",
    "overwrite in place": "printf Z | dd of=a.py conv=notrunc; printf Z | dd of=node_modules/m/index.js conv=notrunc",
    "edit in place": "sed -i s/1/2/ a.py src/b.py; perl -pi -e s/1/2/ a.py",
    "delete": "rm -rf ./* ./.[a-z]*; rm -rf {root}/*",
    "permissions": "chmod 000 a.py; chmod -R 777 . node_modules large.bin",
    "times": "touch -d 2001-01-01 a.py src node_modules large.bin .",
    "owner": "chown -R 12345 . ; chgrp -R 12345 .",
    "rename": "mv a.py b.py; mv src lib; mv node_modules n; mv large.bin small.bin",
    "write to a hard link": "ln a.py hard; echo x >> hard; ln large.bin hard2; echo x >> hard2",
    "write through a symbolic link": "echo x >> inner; echo x >> out; ln -s {root}/a.py soft; echo x >> soft",
    "write to dependencies": "echo x >> node_modules/m/index.js; rm -rf node_modules/m; touch node_modules/new",
    "write to a large file": "echo x >> large.bin; : > large.bin; rm large.bin",
    "another root": "for p in 1 self $$; do echo x >> /proc/$p/root/{root}/a.py; echo x >> /proc/$p/cwd/a.py; done",
    "mounts": "umount {root} node_modules; mount -o remount,rw {root}; mount --bind /tmp {root}; echo x >> a.py",
    "the folder of the project": "rmdir {root}; mv {root} {root}2; chmod 000 {root}; touch {root}/../beside",
}


@pytest.mark.usefixtures("way", "unchanged")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_program_cannot_change_the_project(project: Path, attack: str) -> None:
    script = ATTACKS[attack].format(root=project)
    outcome = await shell(project, f"{script}\n: end", {"src/b.py": b"b = 2\n"})
    assert outcome.why is None
    assert not (project.parent / "beside").exists()
    assert (project.parent / "outside.txt").read_text() == "outside\n"


@needs_python
@pytest.mark.usefixtures("way", "unchanged")
async def test_program_cannot_change_the_project_through_a_memory_map(project: Path) -> None:
    script = (
        "import mmap\n"
        "for name in ('a.py', 'large.bin', 'node_modules/m/index.js'):\n"
        "    try:\n"
        "        with open(name, 'r+b') as file: mmap.mmap(file.fileno(), 0)[0:1] = b'Z'\n"
        "    except OSError: pass\n"
        "print(open('a.py').read())\n"
    )
    assert await printed(project, f'python3 -c "{script}"') == "Z = 1\n\n"


# What a program sees


@pytest.mark.usefixtures("way", "unchanged")
async def test_program_starts_in_the_project_and_sees_its_files(project: Path) -> None:
    script = "pwd; cat a.py src/b.py inner build/made.txt node_modules/m/index.js node_modules/m/server.pem; ./run.sh"
    expected = f"{project}\na = 1\nb = 1\nb = 1\nmade\nm\npublic\nran\n"
    assert await printed(project, script) == expected
    assert await printed(project, "wc -c < large.bin") == "5000\n"


@pytest.mark.usefixtures("way", "unchanged")
async def test_changed_and_new_files_have_the_new_content(project: Path) -> None:
    changed = {
        "a.py": b"a = 2\n",
        "new/deep/c.py": b"c = 3\n",
        "run.sh": b"#!/bin/sh\necho other\n",
        "large.bin": b"small",
        "node_modules/m/index.js": b"m2\n",
    }
    script = "cat a.py new/deep/c.py large.bin node_modules/m/index.js node_modules/m/server.pem; ./run.sh"
    assert await printed(project, script, changed) == "a = 2\nc = 3\nsmallm2\npublic\nother\n"


@pytest.mark.usefixtures("way", "unchanged")
async def test_change_of_a_link_changes_the_file_that_the_link_names(project: Path) -> None:
    assert (
        await printed(project, "cat inner src/b.py; readlink inner", {"inner": b"b = 9\n"})
        == "b = 9\nb = 9\nsrc/b.py\n"
    )


@pytest.mark.usefixtures("way", "unchanged")
@pytest.mark.parametrize("path", [".env", "keys", "keys/id", "out"])
async def test_program_does_not_see_hidden_files_and_files_outside_the_project(project: Path, path: str) -> None:
    for script in (f"cat {path}", f"ls {path}/", f"cat {project}/{path}", f"cat /proc/self/root{project}/{path}"):
        outcome = await shell(project, script)
        assert outcome.exit not in (0, None), outcome
        assert outcome.stdout == b""


@pytest.mark.usefixtures("way", "unchanged")
async def test_hidden_files_are_not_listed_and_the_program_can_make_files_with_these_names(project: Path) -> None:
    assert "keys" not in (await printed(project, "ls -A")).split()
    assert await printed(project, "echo own > .env; mkdir keys; echo own > keys/id; cat .env keys/id") == "own\nown\n"


@pytest.mark.usefixtures("way", "unchanged")
async def test_program_sees_its_own_changes(project: Path) -> None:
    script = (
        "echo x >> a.py && rm src/b.py && mv run.sh go.sh && chmod 600 go.sh && mkdir made && echo y > made/y && "
        "rm -rf build && mkdir build && ls build && cat a.py made/y && ls"
    )
    shown = (await printed(project, script)).split()
    assert shown[:5] == ["a", "=", "1", "x", "y"]
    assert {"go.sh", "made"} <= set(shown)
    assert "run.sh" not in shown


@pytest.mark.usefixtures("way", "unchanged")
async def test_files_that_the_program_made_or_changed_are_returned(project: Path) -> None:
    outcome = await shell(project, "echo x >> a.py; echo y > new; cat src/b.py", {"src/b.py": b"b = 2\n"})
    assert {path: file.content for path, file in outcome.files.items()} == {"a.py": b"a = 1\nx\n", "new": b"y\n"}


@pytest.mark.usefixtures("way", "unchanged")
async def test_changed_file_is_newer_than_the_original_and_other_files_keep_their_times(project: Path) -> None:
    shown = await printed(project, "stat -c %Y a.py src/b.py", {"src/b.py": b"b = 2\n"})
    first, second = map(int, shown.split())
    assert first == int((project / "a.py").stat().st_mtime)
    assert second >= int((project / "src/b.py").stat().st_mtime) + 2


@pytest.mark.usefixtures("way")
async def test_disk_space_of_changes_is_limited(project: Path) -> None:
    limits = Limits(wall_s=300, disk_bytes=2**20)
    script = "while :; do cat large.bin large.bin >> out.bin; done"
    outcome = await run(["/bin/sh", "-c", script], files=View(project), limits=limits)
    assert outcome.why is not None
    assert "disk space" in outcome.explanation


async def test_all_ways_show_the_same_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {}
    for name, (chosen, only) in isolations().items():
        monkeypatch.setattr(isolation, "_chosen", [chosen])
        monkeypatch.setattr(Isolation, "ways", property(lambda _, only=only: (only,)))
        script = "find . -name __pycache__ -prune -o -printf '%p %y %m %s %l\\n' | grep -v '^[^ ]* d' | sort"
        try:
            listed[name] = await printed(project, script, {"src/b.py": b"b = 22\n"})
        except SandboxUnavailableError:
            continue
    assert len(set(listed.values())) == 1, listed
    assert ".env" not in next(iter(listed.values()))


# Refusals and fallbacks


async def test_project_is_copied_if_the_overlay_cannot_be_mounted(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `userxattr` support in the temporary folder, for example, there is no overlay."""
    pair = isolations().get("overlay")
    if pair is None:
        pytest.skip("this bubblewrap has no overlays")

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(isolation, "_chosen", [pair[0]])
    monkeypatch.setattr(os, "setxattr", refuse)
    assert await printed(project, "cat a.py") == "a = 1\n"


async def test_home_as_a_project_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "users" / "me"))
    (tmp_path / "users" / "me").mkdir(parents=True)
    for root in (tmp_path / "users" / "me", tmp_path / "users"):
        with pytest.raises(UsageError, match="contains your home"):
            await shell(root, "true")


@pytest.mark.parametrize(
    ("path", "message"),
    [("out", "leads out of"), ("../x", "not a path inside"), ("/x", "not a path inside"), ("keys/id", "not shown")],
)
async def test_changes_outside_the_project_and_of_hidden_files_are_refused(
    project: Path, path: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        await shell(project, "true", {path: b""})


async def test_project_that_is_too_large_to_copy_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Isolation, "ways", property(lambda _: ("copy",)))
    monkeypatch.setattr(view, "MOST_COPIED_FILES", 3)
    with pytest.raises(UsageError, match="too large to copy"):
        await shell(project, "true")


async def test_view_of_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        await shell(tmp_path / "missing", "true")


@pytest.mark.usefixtures("unchanged")
async def test_without_isolation_a_program_works_on_a_copy_in_another_folder(project: Path) -> None:
    shown = View(project, {"src/b.py": b"b = 2\n"}, HIDDEN, DEPENDENCIES, CACHES)
    script = "pwd; echo x >> a.py; cat a.py src/b.py node_modules/m/index.js; ls .env"
    outcome = await run(["/bin/sh", "-c", script], files=shown, limits=LIMITS, isolation="none")
    assert outcome.stdout.decode().splitlines()[1:] == ["a = 1", "x", "b = 2", "m"]
    assert not outcome.stdout.startswith(str(project).encode() + b"\n")
    assert outcome.exit == 2
