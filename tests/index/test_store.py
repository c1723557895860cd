"""The database: what is written is found, replaced and forgotten as a whole."""

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slm_lsp.errors import IndexBusyError, IndexMissingError, IndexUnwritableError
from slm_lsp.index import database
from slm_lsp.index.database import FILE, index_dir
from slm_lsp.index.extract import extract
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.reader import Reader
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.index.store import Writer

ORDERS = b"""import stock

class Order:
    def grossTotal(self):
        return 1
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path) as opened:
        yield opened


def put(writer: Writer, path: str, source: bytes) -> None:
    with writer.transaction():
        writer.put(extract(path, source), len(source), 1)


def test_what_was_put_is_found(writer: Writer, tmp_path: Path) -> None:
    put(writer, "shop/orders.py", ORDERS)
    reader = Reader(tmp_path)
    assert [each.qualified for each in reader.named(["grossTotal"], 3)] == ["Order.grossTotal"]
    assert [each.path for each in reader.search(["gross"], 5)] == ["shop/orders.py"]
    assert [each.module for each in reader.imports_of("shop/orders.py")] == ["stock"]
    assert reader.document_frequency(["order", "nowhere"]) == {"order": 1}
    assert [reader.defines(name) for name in ("Order", "grossTotal", "stock")] == [True, True, False]
    assert reader.paths() == ["shop/orders.py"]
    assert reader.totals().lines == 5


def test_a_file_replaces_what_it_was(writer: Writer, tmp_path: Path) -> None:
    put(writer, "a.py", ORDERS)
    put(writer, "a.py", b"def other(): pass\n")
    reader = Reader(tmp_path)
    assert reader.search(["gross"], 5) == []
    assert [each.name for each in reader.definitions_of(["a.py"])] == ["other"]
    with writer.transaction():
        writer.remove(["a.py"])
    assert reader.search(["other"], 5) == []
    assert reader.paths() == []
    assert reader.document_frequency(["other"]) == {}


LONG = b"".join(b"def first_%d(order):\n%s\n\n" % (n, b"    order.touch()\n" * 30) for n in range(6))


def test_a_save_writes_only_the_rows_that_it_changes(writer: Writer, tmp_path: Path) -> None:
    put(writer, "a.py", LONG)
    before = dict(writer._db.execute("SELECT text, id FROM chunk").fetchall())
    put(writer, "a.py", b"import shop\n" + LONG.replace(b"first_5", b"last"))
    after = dict(writer._db.execute("SELECT text, id FROM chunk").fetchall())
    kept = before.keys() & after.keys()
    assert len(kept) == len(before) - 2
    assert all(before[text] == after[text] for text in kept)
    reader = Reader(tmp_path)
    assert [each.name for each in reader.definitions_of(["a.py"])] == [*(f"first_{n}" for n in range(5)), "last"]
    lines = (b"import shop\n" + LONG).decode().split("\n")
    for each in reader.chunks_of("a.py")[1:-1]:
        assert each.text == "\n".join(lines[each.first : each.last])
    assert (reader.search(["first_5"], 9), len(reader.search(["last"], 9))) == ([], 1)


def test_what_writing_leaves_to_be_done_ends_and_loses_nothing(writer: Writer, tmp_path: Path) -> None:
    for number in range(40):
        put(writer, "a.py", ORDERS + b"def only_%d(): pass\n" % number)
    steps = 0
    while writer.settle():
        steps += 1
    assert 0 < steps < 100
    assert not writer.settle()
    reader = Reader(tmp_path)
    assert [len(reader.search([f"only_{number}"], 9)) for number in (0, 38, 39)] == [0, 0, 1]
    writer._db.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_a_name_that_everything_has_says_nothing(writer: Writer, tmp_path: Path) -> None:
    for number in range(4):
        put(writer, f"{number}.py", b"def run(): pass\ndef only_%d(): pass\n" % number)
    reader = Reader(tmp_path)
    assert [each.name for each in reader.named(["run", "only_2"], 3)] == ["only_2"]


def test_one_writes(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(IndexBusyError):
        Writer(tmp_path)
    writer.close()
    Writer(tmp_path).close()


def test_only_this_user_reads_it(writer: Writer, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to look like one" * 100, b""])
def test_a_damaged_index_is_built_anew(tmp_path: Path, damage: bytes) -> None:
    with Writer(tmp_path) as writer:
        put(writer, "a.py", ORDERS)
    (tmp_path / FILE).write_bytes(damage)
    with Writer(tmp_path) as writer:
        assert writer.rebuilt_because
        assert writer.known() == {}
        put(writer, "a.py", ORDERS)
    assert Reader(tmp_path).paths() == ["a.py"]


PAGE = 4096


def damaged_by_truncation(raw: bytes) -> bytes:
    """The first half of the pages; the header still counts all of them."""
    return raw[: len(raw) // PAGE // 2 * PAGE]


def damaged_in_the_middle(raw: bytes) -> bytes:
    """A third of the pages overwritten, as when a disk wrote some pages and lost others."""
    first, last = (len(raw) // PAGE * part // 3 * PAGE for part in (1, 2))
    return raw[:first] + b"\xa5" * (last - first) + raw[last:]


def damaged_by_lost_pages(raw: bytes) -> bytes:
    """A third of the pages full of zeros, as a file system leaves blocks that were never written."""
    first, last = (len(raw) // PAGE * part // 3 * PAGE for part in (1, 2))
    return raw[:first] + bytes(last - first) + raw[last:]


@pytest.mark.parametrize("damage", [damaged_by_truncation, damaged_in_the_middle, damaged_by_lost_pages])
def test_damaged_pages_are_detected_and_the_index_is_rebuilt(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    work, folder = tmp_path / "work", tmp_path / "index"
    work.mkdir()
    for number in range(40):
        body = "".join(f"    value_{number}_{line} = {line}\n" for line in range(60))
        (work / f"m{number}.py").write_text(f"def name_{number}():\n{body}")

    def check() -> None:
        indexer = Indexer(work, folder, writer, workers=1)
        indexer.check()
        indexer.close()

    with Writer(folder) as writer:
        check()
        writer.tidy()
    raw = (folder / FILE).read_bytes()
    assert len(raw) > 30 * PAGE
    (folder / FILE).write_bytes(damage(raw))
    with Writer(folder) as writer:
        assert writer.rebuilt_because
        check()
    reader = Reader(folder)
    assert len(reader.paths()) == 40
    assert all(reader.defines(f"name_{number}") for number in range(40))
    assert reader.search(["value_39_59"], 5)


def test_a_crash_of_the_machine_costs_no_more_than_the_last_changes(tmp_path: Path) -> None:
    """The log reaches the disk up to any byte; the database file itself is written by checkpoints only."""
    folder, copy = tmp_path / "index", tmp_path / "copy"
    with Writer(folder) as writer:
        assert writer._db.execute("PRAGMA synchronous").fetchone() == (1,), "NORMAL: checkpoints wait for the disk"
        put(writer, "first.py", ORDERS)
        writer.tidy()
        put(writer, "second.py", LONG)
        database_file, log = (folder / FILE).read_bytes(), (folder / f"{FILE}-wal").read_bytes()
    for length in range(0, len(log), 4111):
        copy.mkdir()
        (copy / FILE).write_bytes(database_file)
        (copy / f"{FILE}-wal").write_bytes(log[:length])
        with Writer(copy) as writer:
            assert writer.rebuilt_because is None
            assert set(writer.known()) in ({"first.py"}, {"first.py", "second.py"})
        shutil.rmtree(copy)


def test_an_index_of_another_version_is_built_anew_and_not_read(tmp_path: Path) -> None:
    Writer(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(IndexMissingError, match="another version"):
        Reader(tmp_path)
    with Writer(tmp_path) as writer:
        assert "99" in (writer.rebuilt_because or "")


def test_without_an_index_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError):
        Reader(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(IndexUnwritableError):
        Writer(tmp_path / "file" / "index")


def test_a_full_disk_loses_nothing_that_stood_there(writer: Writer, tmp_path: Path) -> None:
    put(writer, "a.py", ORDERS)
    pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
    writer._db.execute(f"PRAGMA max_page_count = {pages}")
    big = b"".join(b"def name_%d(): pass\n" % number for number in range(20_000))
    with pytest.raises(IndexUnwritableError, match="full"):
        put(writer, "b.py", big)
    assert Reader(tmp_path).paths() == ["a.py"]


def test_a_workspace_has_its_own_folder_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert index_dir(tmp_path / "real", tmp_path) == index_dir(tmp_path / "link", tmp_path)
    assert index_dir(tmp_path / "real", tmp_path) != index_dir(tmp_path, tmp_path)


def test_a_database_of_somebody_else_is_replaced(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.execute(f"PRAGMA user_version = {database.SCHEMA}")
    with Writer(tmp_path) as writer:
        assert "no tables" in (writer.rebuilt_because or "")
        put(writer, "a.py", ORDERS)
    assert Reader(tmp_path).paths() == ["a.py"]


def test_an_index_that_cannot_be_read_just_now_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(tmp_path) as writer:
        put(writer, "a.py", ORDERS)

    def failing(_: object) -> str:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error

    with monkeypatch.context() as failed:
        failed.setattr(database, "_unsound", failing)
        with pytest.raises(IndexUnwritableError, match="I/O"):
            Writer(tmp_path)
    assert Reader(tmp_path).paths() == ["a.py"]


def test_damage_that_shows_late_is_known_as_such(writer: Writer, tmp_path: Path) -> None:
    put(writer, "a.py", ORDERS)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE search_data SET block = x'00'")
    db.close()
    with pytest.raises(sqlite3.DatabaseError) as damaged:
        put(writer, "a.py", b"def other(): pass\n")
    assert database.is_damage(damaged.value)
    database.discard(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_paths_of_files_are_listed_once_for_the_disk_and_once_for_what_is_open(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(writer, "a.py", ORDERS)
    reader = Reader(tmp_path)
    made: list[object] = []
    real = ProjectFiles.of
    monkeypatch.setattr(ProjectFiles, "of", lambda paths: made.append(1) or real(paths))
    for _ in range(3):
        assert "new.py" not in reader.project_files()
        assert "new.py" in reader.project_files(frozenset({"new.py"}))
    assert len(made) == 2
