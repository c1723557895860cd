"""Updating an index after files changed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.index import pool
from slm_lsp.index.database import FILE
from slm_lsp.index.indexer import SERIAL_FILES, Indexer
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer
from slm_lsp.index.walk import Skipped

KEY = "q8Zf" + "1LxT" + "v0Rm" + "C3ws" + "Yb7K" + "n5Pd"


class IndexedWorkspace:
    """A workspace folder, its index folder, and an indexer for them."""

    def __init__(self, base: Path) -> None:
        self.root, self.folder = base / "work", base / "index"
        self.root.mkdir(parents=True)
        self.writer = Writer(self.folder)
        self.indexer = Indexer(self.root, self.folder, self.writer, workers=2)

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        # Two quick writes may get the same modification time, so set the time in nanoseconds.
        stamp = time.time_ns()
        os.utime(file, ns=(stamp, stamp))

    def rows(self) -> dict[str, list[object]]:
        return rows(self.folder)

    def close(self) -> None:
        self.indexer.close()
        self.writer.close()


def rows(folder: Path) -> dict[str, list[object]]:
    """All definitions, imports and chunks of an index, by path."""
    reader = Reader(folder)
    try:
        return {
            path: [reader.definitions_of([path]), reader.imports_of(path), reader.chunks_of(path)]
            for path in reader.paths()
        }
    finally:
        reader.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[IndexedWorkspace]:
    made = IndexedWorkspace(tmp_path)
    yield made
    made.close()


def test_check_reads_only_changed_files(workspace: IndexedWorkspace) -> None:
    for name in "abc":
        workspace.write(f"{name}.py", f"def {name}(): pass\n")
    assert workspace.indexer.check().read == 3
    assert workspace.indexer.check().read == 0
    workspace.write("b.py", "def other(): pass\n")
    (workspace.root / "c.py").unlink()
    summary = workspace.indexer.check()
    assert (summary.read, summary.removed) == (1, 1)
    assert set(workspace.rows()) == {"a.py", "b.py"}


def test_touched_file_keeps_its_rows(workspace: IndexedWorkspace) -> None:
    workspace.write("a.py", "def a(): pass\n")
    workspace.indexer.check()
    before = workspace.rows()
    os.utime(workspace.root / "a.py", ns=(1, 1))
    workspace.indexer.check()
    assert workspace.rows() == before
    assert workspace.writer.known()["a.py"].mtime_ns == 1


def test_check_reads_many_files_with_workers_and_reports_progress(workspace: IndexedWorkspace) -> None:
    for number in range(SERIAL_FILES * 3):
        workspace.write(f"p{number % 3}/m{number}.py", f"def f{number}(): pass\n")
    progress: list[int] = []
    assert workspace.indexer.check(lambda each: progress.append(each.done)).read == SERIAL_FILES * 3
    assert progress[-1] == SERIAL_FILES * 3
    assert len(workspace.rows()) == SERIAL_FILES * 3


def test_skipped_files_are_counted_by_reason_and_not_read_again(workspace: IndexedWorkspace) -> None:
    workspace.write("binary.dat", b"\0" * 10)
    workspace.write("latin.py", "größe = 1\n".encode("latin-1"))
    workspace.write("long.py", "x = 1\n" * 100 + "y" * 3000)
    workspace.write("big.txt", "word\n" * 300_000)
    workspace.write("node_modules/m.js", "x\n")
    assert workspace.indexer.check().read == 3
    reasons = (Skipped.BINARY, Skipped.NOT_TEXT, Skipped.LONG_LINES, Skipped.TOO_LARGE, Skipped.VENDORED)
    assert Reader(workspace.folder).totals().skipped == dict.fromkeys(reasons, 1)
    assert workspace.rows() == {}
    assert workspace.indexer.check().read == 0


def test_database_contains_nothing_of_secret_or_ignored_files(workspace: IndexedWorkspace, tmp_path: Path) -> None:
    canary = "CANARY" + "q7Zx9"
    for path in (".env", ".env.local", "deploy/id_rsa", "server.pem", "logs/out.txt", "kept/secret.py"):
        workspace.write(path, f"# {canary}\nPASSWORD = '{canary}'\n")
    workspace.write("key.py", f"-----BEGIN RSA PRIVATE KEY-----\n{canary}\n")
    workspace.write(".gitignore", "logs/\nkept/secret.py\n")
    workspace.write("settings.py", f"api_key = 'sk-{KEY}'\nname = 'x'\n")
    (tmp_path / "outside.py").write_text(f"{canary} = 1\n")
    (workspace.root / "link.py").symlink_to(tmp_path / "outside.py")
    workspace.indexer.check()
    workspace.indexer.update([".env", "logs/out.txt", "link.py", "kept/secret.py", "key.py", "server.pem"])
    workspace.writer.compact()
    held = b"".join(each.read_bytes() for each in workspace.folder.glob(FILE + "*"))
    assert canary.encode() not in held
    assert KEY.encode() not in held
    for path in (b".env", b"id_rsa", b"server.pem", b"out.txt", b"link.py"):
        assert path not in held
    assert set(workspace.rows()) == {"settings.py", ".gitignore"}


def test_file_that_crashes_the_parser_is_skipped_and_others_are_indexed(
    workspace: IndexedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(SERIAL_FILES * 2):
        workspace.write(f"m{number}.py", f"def f{number}(): pass\n")
    workspace.write("crash.py", "boom\n")
    monkeypatch.setattr(pool, "_init_worker", init_crashing_worker)
    workspace.indexer.check()
    assert len(workspace.rows()) == SERIAL_FILES * 2
    assert Reader(workspace.folder).totals().skipped == {Skipped.CRASHED: 1}


def init_crashing_worker(root: Path, folder: Path) -> None:
    """Initialise a worker whose parser crashes on one file, as a parser written in C may."""
    real = pool.extract

    def extract(path: str, source: bytes) -> pool.FileRows:
        if path == "crash.py":
            os.abort()
        return real(path, source)

    pool.extract = extract  # type: ignore[assignment]
    pool._worker = root, pool.Marker(folder)


def test_files_are_read_in_this_process_if_workers_cannot_run(
    workspace: IndexedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(SERIAL_FILES * 2):
        workspace.write(f"m{number}.py", f"def f{number}(): pass\n")
    monkeypatch.setattr(pool, "_init_worker", init_exiting_worker)
    workspace.indexer.check()
    assert len(workspace.rows()) == SERIAL_FILES * 2


def init_exiting_worker(root: Path, folder: Path) -> None:
    """Initialise a worker that exits at once."""
    os._exit(1)


def test_file_that_crashed_the_last_indexer_is_skipped_until_it_changes(workspace: IndexedWorkspace) -> None:
    (workspace.folder / "parsing-999999999").write_bytes(b"bad.py")
    workspace.write("bad.py", "def bad(): pass\n")
    again = Indexer(workspace.root, workspace.folder, workspace.writer, workers=2)
    again.check()
    assert workspace.rows() == {}
    workspace.write("bad.py", "def better(): pass\n")
    again.update(["bad.py"])
    assert set(workspace.rows()) == {"bad.py"}
    again.close()


def test_deeply_nested_files_are_handled(workspace: IndexedWorkspace) -> None:
    workspace.write("deep.py", "\n".join("(" * 1500 for _ in range(50)))
    workspace.write("deep.js", "\n".join("[" * 1500 for _ in range(200)))
    workspace.indexer.check()
    assert len(workspace.writer.known()) == 2


NAMES = st.sampled_from(["a.py", "b.py", "pkg/a.py", "pkg/c.py", "notes.txt"])
TEXTS = st.sampled_from(
    ["", "x = 1\n", "import a\n\ndef f(): pass\n", "class A:\n    def m(self): pass\n", "\0", "é\n"]
)
ACTIONS = st.lists(st.tuples(NAMES, st.one_of(st.none(), TEXTS), st.booleans()), min_size=1, max_size=12)


@given(ACTIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_updated_index_equals_a_rebuilt_index(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str | None, bool]]
) -> None:
    workspace = IndexedWorkspace(tmp_path_factory.mktemp("random"))
    for path, text, whole in actions:
        if text is None:
            (workspace.root / path).unlink(missing_ok=True)
        else:
            workspace.write(path, text)
        if whole:
            workspace.indexer.check()
        else:
            workspace.indexer.update([path])
    workspace.indexer.check()
    with Writer(workspace.folder.with_name("other")) as other:
        fresh = Indexer(workspace.root, workspace.folder.with_name("other"), other, workers=2)
        fresh.check()
        fresh.close()
    assert workspace.rows() == rows(workspace.folder.with_name("other"))
    workspace.close()


def test_file_that_hangs_the_parser_is_skipped_and_others_are_indexed(
    workspace: IndexedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(SERIAL_FILES * 2):
        workspace.write(f"m{number}.py", f"def f{number}(): pass\n")
    workspace.write("stuck.py", "for ever\n")
    monkeypatch.setattr(pool, "_init_worker", init_hanging_worker)
    workspace.indexer.check()
    assert len(workspace.rows()) == SERIAL_FILES * 2
    assert Reader(workspace.folder).totals().skipped == {Skipped.CRASHED: 1}


def init_hanging_worker(root: Path, folder: Path) -> None:
    """Initialise a worker whose parser never returns from one file."""
    real = pool.extract
    pool.HANG_TIMEOUT_S = 1.0

    def extract(path: str, source: bytes) -> pool.FileRows:
        while path == "stuck.py":
            time.sleep(0.01)
        return real(path, source)

    pool.extract = extract  # type: ignore[assignment]
    pool._worker = root, pool.Marker(folder)


def test_exception_in_extract_skips_only_that_file(
    workspace: IndexedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pool.extract

    def extract(path: str, source: bytes) -> pool.FileRows:
        if path == "bad.py":
            raise KeyError(path)
        return real(path, source)

    monkeypatch.setattr(pool, "extract", extract)
    workspace.write("bad.py", "x\n")
    workspace.write("good.py", "def good(): pass\n")
    workspace.indexer.check()
    assert set(workspace.rows()) == {"good.py"}


def test_update_ignores_names_that_are_not_utf8(workspace: IndexedWorkspace) -> None:
    workspace.write("a.py", "def a(): pass\n")
    assert workspace.indexer.update([os.fsdecode(b"bad\xff.py"), "a.py"]) == 1


def test_file_that_becomes_readable_is_indexed_at_the_next_check(
    workspace: IndexedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("a.py", "def a(): pass\n")
    with monkeypatch.context() as shut:
        shut.setattr(pool, "read_source", lambda *_: Skipped.UNREADABLE)
        workspace.indexer.check()
    assert Reader(workspace.folder).totals().skipped == {Skipped.UNREADABLE: 1}
    workspace.indexer.check()
    assert set(workspace.rows()) == {"a.py"}


def test_file_with_a_private_key_is_counted_but_its_path_is_not_stored(workspace: IndexedWorkspace) -> None:
    workspace.write("notes.txt", "-----BEGIN " + "PRIVATE KEY-----\n" + KEY * 4 + "\n-----END " + "PRIVATE KEY-----\n")
    workspace.indexer.check()
    assert workspace.rows() == {}
    assert Reader(workspace.folder).totals().skipped == {Skipped.SECRET: 1}
