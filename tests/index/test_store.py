"""Writing and reading the index database, and recovering from damage."""

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


def test_stored_rows_are_found(writer: Writer, tmp_path: Path) -> None:
    put(writer, "shop/orders.py", ORDERS)
    reader = Reader(tmp_path)
    assert [each.qualified for each in reader.named(["grossTotal"], 3)] == ["Order.grossTotal"]
    assert [each.path for each in reader.search(["gross"], 5)] == ["shop/orders.py"]
    assert [each.module for each in reader.imports_of("shop/orders.py")] == ["stock"]
    assert reader.document_frequency(["order", "nowhere"]) == {"order": 1}
    assert [reader.defines(name) for name in ("Order", "grossTotal", "stock")] == [True, True, False]
    assert reader.paths() == ["shop/orders.py"]
    assert reader.totals().lines == 5


def test_putting_a_file_replaces_its_rows_and_removing_deletes_them(writer: Writer, tmp_path: Path) -> None:
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


def test_saving_a_file_rewrites_only_changed_rows(writer: Writer, tmp_path: Path) -> None:
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


def test_merging_ends_and_loses_no_rows(writer: Writer, tmp_path: Path) -> None:
    for number in range(40):
        put(writer, "a.py", ORDERS + b"def only_%d(): pass\n" % number)
    steps = 0
    while writer.merge_step():
        steps += 1
    assert 0 < steps < 100
    assert not writer.merge_step()
    reader = Reader(tmp_path)
    assert [len(reader.search([f"only_{number}"], 9)) for number in (0, 38, 39)] == [0, 0, 1]
    writer._db.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_names_with_too_many_definitions_are_omitted(writer: Writer, tmp_path: Path) -> None:
    for number in range(4):
        put(writer, f"{number}.py", b"def run(): pass\ndef only_%d(): pass\n" % number)
    reader = Reader(tmp_path)
    assert [each.name for each in reader.named(["run", "only_2"], 3)] == ["only_2"]


def test_only_one_writer_can_open_an_index(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(IndexBusyError):
        Writer(tmp_path)
    writer.close()
    Writer(tmp_path).close()


def test_index_file_is_readable_only_by_its_owner(writer: Writer, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to look like one" * 100, b""])
def test_damaged_index_is_rebuilt(tmp_path: Path, damage: bytes) -> None:
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
    """Keep only the first half of the pages. The header still gives the old number of pages."""
    return raw[: len(raw) // PAGE // 2 * PAGE]


def damaged_in_the_middle(raw: bytes) -> bytes:
    """Overwrite a third of the pages, as if a disk had written wrong data."""
    first, last = (len(raw) // PAGE * part // 3 * PAGE for part in (1, 2))
    return raw[:first] + b"\xa5" * (last - first) + raw[last:]


def damaged_by_lost_pages(raw: bytes) -> bytes:
    """Fill a third of the pages with zeros, like blocks that the file system allocated but never wrote."""
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
        writer.compact()
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


def test_machine_crash_loses_at_most_the_last_changes(tmp_path: Path) -> None:
    """Cut the write-ahead log at many lengths. Only checkpoints write the database file itself."""
    folder, copy = tmp_path / "index", tmp_path / "copy"
    with Writer(folder) as writer:
        assert writer._db.execute("PRAGMA synchronous").fetchone() == (1,), "NORMAL: checkpoints sync the file"
        put(writer, "first.py", ORDERS)
        writer.compact()
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


def test_index_with_another_schema_version_is_rebuilt_and_not_read(tmp_path: Path) -> None:
    Writer(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(IndexMissingError, match="another version"):
        Reader(tmp_path)
    with Writer(tmp_path) as writer:
        assert "99" in (writer.rebuilt_because or "")


def test_reader_raises_and_creates_nothing_if_the_index_is_missing(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError):
        Reader(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_writer_raises_if_the_folder_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(IndexUnwritableError):
        Writer(tmp_path / "file" / "index")


def test_full_disk_leaves_the_old_content_intact(writer: Writer, tmp_path: Path) -> None:
    put(writer, "a.py", ORDERS)
    pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
    writer._db.execute(f"PRAGMA max_page_count = {pages}")
    big = b"".join(b"def name_%d(): pass\n" % number for number in range(20_000))
    with pytest.raises(IndexUnwritableError, match="full"):
        put(writer, "b.py", big)
    assert Reader(tmp_path).paths() == ["a.py"]


def test_index_folder_depends_on_the_resolved_workspace_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert index_dir(tmp_path / "real", tmp_path) == index_dir(tmp_path / "link", tmp_path)
    assert index_dir(tmp_path / "real", tmp_path) != index_dir(tmp_path, tmp_path)


def test_database_without_our_tables_is_replaced(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.execute(f"PRAGMA user_version = {database.SCHEMA}")
    with Writer(tmp_path) as writer:
        assert "no tables" in (writer.rebuilt_because or "")
        put(writer, "a.py", ORDERS)
    assert Reader(tmp_path).paths() == ["a.py"]


def test_index_is_kept_after_an_io_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(tmp_path) as writer:
        put(writer, "a.py", ORDERS)

    def failing(_: object) -> str:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error

    with monkeypatch.context() as failed:
        failed.setattr(database, "_find_problem", failing)
        with pytest.raises(IndexUnwritableError, match="I/O"):
            Writer(tmp_path)
    assert Reader(tmp_path).paths() == ["a.py"]


def test_damage_found_while_writing_is_recognized(writer: Writer, tmp_path: Path) -> None:
    put(writer, "a.py", ORDERS)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE search_data SET block = x'00'")
    db.close()
    with pytest.raises(sqlite3.DatabaseError) as damaged:
        put(writer, "a.py", b"def other(): pass\n")
    assert database.is_damage(damaged.value)
    database.discard(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_project_files_are_cached_with_and_without_open_files(
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
