"""An index kept true to the files."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.index import pool
from slm_lsp.index.database import FILE
from slm_lsp.index.indexer import FEW, Indexer
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer
from slm_lsp.index.walk import Skipped

KEY = "q8Zf" + "1LxT" + "v0Rm" + "C3ws" + "Yb7K" + "n5Pd"


class Kept:
    """A workspace with its index."""

    def __init__(self, base: Path) -> None:
        self.root, self.folder = base / "work", base / "index"
        self.root.mkdir(parents=True)
        self.writer = Writer(self.folder)
        self.indexer = Indexer(self.root, self.folder, self.writer, workers=2)

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        # File systems tell times apart only so finely.
        stamp = time.time_ns()
        os.utime(file, ns=(stamp, stamp))

    def rows(self) -> dict[str, list[object]]:
        return rows(self.folder)

    def close(self) -> None:
        self.indexer.close()
        self.writer.close()


def rows(folder: Path) -> dict[str, list[object]]:
    """Everything that an index says, file by file."""
    reader = Reader(folder)
    try:
        return {
            path: [reader.definitions_of([path]), reader.imports_of(path), reader.chunks_of(path)]
            for path in reader.paths()
        }
    finally:
        reader.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.close()


def test_only_what_changed_is_read_again(kept: Kept) -> None:
    for name in "abc":
        kept.write(f"{name}.py", f"def {name}(): pass\n")
    assert kept.indexer.check().read == 3
    assert kept.indexer.check().read == 0
    kept.write("b.py", "def other(): pass\n")
    (kept.root / "c.py").unlink()
    summary = kept.indexer.check()
    assert (summary.read, summary.removed) == (1, 1)
    assert set(kept.rows()) == {"a.py", "b.py"}


def test_a_file_that_was_only_touched_keeps_its_rows(kept: Kept) -> None:
    kept.write("a.py", "def a(): pass\n")
    kept.indexer.check()
    before = kept.rows()
    os.utime(kept.root / "a.py", ns=(1, 1))
    kept.indexer.check()
    assert kept.rows() == before
    assert kept.writer.known()["a.py"].mtime_ns == 1


def test_many_files_are_read_by_several_processes(kept: Kept) -> None:
    for number in range(FEW * 3):
        kept.write(f"p{number % 3}/m{number}.py", f"def f{number}(): pass\n")
    told: list[int] = []
    assert kept.indexer.check(lambda each: told.append(each.done)).read == FEW * 3
    assert told[-1] == FEW * 3
    assert len(kept.rows()) == FEW * 3


def test_what_is_left_out_is_counted_by_reason_and_not_read_again(kept: Kept) -> None:
    kept.write("binary.dat", b"\0" * 10)
    kept.write("latin.py", "größe = 1\n".encode("latin-1"))
    kept.write("long.py", "x = 1\n" * 100 + "y" * 3000)
    kept.write("big.txt", "word\n" * 300_000)
    kept.write("node_modules/m.js", "x\n")
    assert kept.indexer.check().read == 3
    reasons = (Skipped.BINARY, Skipped.NOT_TEXT, Skipped.LONG_LINES, Skipped.TOO_LARGE, Skipped.VENDORED)
    assert Reader(kept.folder).totals().skipped == dict.fromkeys(reasons, 1)
    assert kept.rows() == {}
    assert kept.indexer.check().read == 0


def test_nothing_of_secret_or_ignored_files_is_in_the_database(kept: Kept, tmp_path: Path) -> None:
    canary = "CANARY" + "q7Zx9"
    for path in (".env", ".env.local", "deploy/id_rsa", "server.pem", "logs/out.txt", "kept/secret.py"):
        kept.write(path, f"# {canary}\nPASSWORD = '{canary}'\n")
    kept.write("key.py", f"-----BEGIN RSA PRIVATE KEY-----\n{canary}\n")
    kept.write(".gitignore", "logs/\nkept/secret.py\n")
    kept.write("settings.py", f"api_key = 'sk-{KEY}'\nname = 'x'\n")
    (tmp_path / "outside.py").write_text(f"{canary} = 1\n")
    (kept.root / "link.py").symlink_to(tmp_path / "outside.py")
    kept.indexer.check()
    kept.indexer.update([".env", "logs/out.txt", "link.py", "kept/secret.py", "key.py", "server.pem"])
    kept.writer.tidy()
    held = b"".join(each.read_bytes() for each in kept.folder.glob(FILE + "*"))
    assert canary.encode() not in held
    assert KEY.encode() not in held
    for path in (b".env", b"id_rsa", b"server.pem", b"out.txt", b"link.py"):
        assert path not in held
    assert set(kept.rows()) == {"settings.py", ".gitignore"}


def test_a_file_that_takes_a_parser_down_is_left_out_and_the_others_are_not(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(FEW * 2):
        kept.write(f"m{number}.py", f"def f{number}(): pass\n")
    kept.write("crash.py", "boom\n")
    monkeypatch.setattr(pool, "_begin", begin_to_crash)
    kept.indexer.check()
    assert len(kept.rows()) == FEW * 2
    assert Reader(kept.folder).totals().skipped == {Skipped.CRASHED: 1}


def begin_to_crash(root: Path, folder: Path) -> None:
    """A worker whose parser dies of one file, as a parser in C may."""
    real = pool.extract

    def extract(path: str, source: bytes) -> pool.FileRows:
        if path == "crash.py":
            os.abort()
        return real(path, source)

    pool.extract = extract  # type: ignore[assignment]
    pool._here = root, pool.Marker(folder)


def test_where_no_worker_can_run_the_files_are_read_here(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(FEW * 2):
        kept.write(f"m{number}.py", f"def f{number}(): pass\n")
    monkeypatch.setattr(pool, "_begin", begin_and_end)
    kept.indexer.check()
    assert len(kept.rows()) == FEW * 2


def begin_and_end(root: Path, folder: Path) -> None:
    """A worker that the system does not let live."""
    os._exit(1)


def test_what_took_the_last_indexer_down_is_left_out_until_it_changes(kept: Kept) -> None:
    (kept.folder / "parsing-999999999").write_bytes(b"bad.py")
    kept.write("bad.py", "def bad(): pass\n")
    again = Indexer(kept.root, kept.folder, kept.writer, workers=2)
    again.check()
    assert kept.rows() == {}
    kept.write("bad.py", "def better(): pass\n")
    again.update(["bad.py"])
    assert set(kept.rows()) == {"bad.py"}
    again.close()


def test_deep_nesting_does_no_harm(kept: Kept) -> None:
    kept.write("deep.py", "\n".join("(" * 1500 for _ in range(50)))
    kept.write("deep.js", "\n".join("[" * 1500 for _ in range(200)))
    kept.indexer.check()
    assert len(kept.writer.known()) == 2


NAMES = st.sampled_from(["a.py", "b.py", "pkg/a.py", "pkg/c.py", "notes.txt"])
TEXTS = st.sampled_from(
    ["", "x = 1\n", "import a\n\ndef f(): pass\n", "class A:\n    def m(self): pass\n", "\0", "é\n"]
)
ACTIONS = st.lists(st.tuples(NAMES, st.one_of(st.none(), TEXTS), st.booleans()), min_size=1, max_size=12)


@given(ACTIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_index_after_any_changes_is_the_index_from_scratch(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str | None, bool]]
) -> None:
    kept = Kept(tmp_path_factory.mktemp("random"))
    for path, text, whole in actions:
        if text is None:
            (kept.root / path).unlink(missing_ok=True)
        else:
            kept.write(path, text)
        if whole:
            kept.indexer.check()
        else:
            kept.indexer.update([path])
    kept.indexer.check()
    with Writer(kept.folder.with_name("other")) as other:
        fresh = Indexer(kept.root, kept.folder.with_name("other"), other, workers=2)
        fresh.check()
        fresh.close()
    assert kept.rows() == rows(kept.folder.with_name("other"))
    kept.close()


def test_a_parser_that_never_returns_costs_its_file_and_no_other(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(FEW * 2):
        kept.write(f"m{number}.py", f"def f{number}(): pass\n")
    kept.write("stuck.py", "for ever\n")
    monkeypatch.setattr(pool, "_begin", begin_and_hang)
    kept.indexer.check()
    assert len(kept.rows()) == FEW * 2
    assert Reader(kept.folder).totals().skipped == {Skipped.CRASHED: 1}


def begin_and_hang(root: Path, folder: Path) -> None:
    """A worker whose parser does not return from one file."""
    real = pool.extract
    pool.STUCK_S = 1.0

    def extract(path: str, source: bytes) -> pool.FileRows:
        while path == "stuck.py":
            time.sleep(0.01)
        return real(path, source)

    pool.extract = extract  # type: ignore[assignment]
    pool._here = root, pool.Marker(folder)


def test_what_fails_by_our_own_mistake_costs_its_file_and_no_other(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pool.extract

    def extract(path: str, source: bytes) -> pool.FileRows:
        if path == "bad.py":
            raise KeyError(path)
        return real(path, source)

    monkeypatch.setattr(pool, "extract", extract)
    kept.write("bad.py", "x\n")
    kept.write("good.py", "def good(): pass\n")
    kept.indexer.check()
    assert set(kept.rows()) == {"good.py"}


def test_a_name_that_is_no_text_is_passed_over(kept: Kept) -> None:
    kept.write("a.py", "def a(): pass\n")
    assert kept.indexer.update([os.fsdecode(b"bad\xff.py"), "a.py"]) == 1


def test_who_may_be_read_again_is(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("a.py", "def a(): pass\n")
    with monkeypatch.context() as shut:
        shut.setattr(pool, "read_source", lambda *_: Skipped.UNREADABLE)
        kept.indexer.check()
    assert Reader(kept.folder).totals().skipped == {Skipped.UNREADABLE: 1}
    kept.indexer.check()
    assert set(kept.rows()) == {"a.py"}


def test_a_file_with_a_private_key_is_counted_and_not_named(kept: Kept) -> None:
    kept.write("notes.txt", "-----BEGIN " + "PRIVATE KEY-----\n" + KEY * 4 + "\n-----END " + "PRIVATE KEY-----\n")
    kept.indexer.check()
    assert kept.rows() == {}
    assert Reader(kept.folder).totals().skipped == {Skipped.SECRET: 1}
