"""The store: every model once, by content, and never one handed out whose content is in doubt."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.errors import (
    ModelCorruptError,
    ModelError,
    ModelMissingError,
    SlmError,
    UnknownModelError,
    UsageError,
)
from slm_lsp.models import Catalogue, Entry, Store
from slm_lsp.models import store as store_module
from slm_lsp.models.files import hash_file
from slm_lsp.models.records import Records, is_name, name_from

from .conftest import DATA, entry_of

MakeGguf = Callable[..., Path]
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.fixture
def stored(store: Store, entry: Entry) -> Path:
    """The catalogue's model, in the store as a pull leaves it."""
    store.prepare()
    partial = store.partial_of(entry.sha256)
    partial.write_bytes(DATA)
    return store.put(partial, entry, "hub").path


def touch_later(file: Path) -> None:
    """Give a file another time of change, as every ordinary write does."""
    state = file.stat()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))


# Finding


@pytest.mark.parametrize("wanted", ["fast", "toy-q4"])
def test_a_stored_model_is_found_by_tier_and_by_name(store: Store, stored: Path, entry: Entry, wanted: str) -> None:
    model = store.find(wanted)
    assert (model.path, model.sha256, model.tier, model.source) == (stored, entry.sha256, "fast", "hub")
    assert model.path.read_bytes() == DATA
    assert model.intact


def test_a_known_model_that_is_not_there_says_how_to_get_it(store: Store) -> None:
    with pytest.raises(ModelMissingError, match="slm-lsp models pull fast"):
        store.find("fast")
    with pytest.raises(ModelMissingError, match="slm-lsp models pull fast"):
        store.find("toy-q4")
    assert not store.root.exists()  # looking leaves nothing behind


def test_an_unknown_name_is_answered_with_the_known_ones(store: Store, make_gguf: MakeGguf) -> None:
    store.add(make_gguf(), "mine")
    with pytest.raises(UnknownModelError, match=r"fast \(toy-q4\), mine"):
        store.find("other")


def test_a_path_names_a_file_outside_the_store(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    model = store.find(str(file))
    assert (model.name, model.path, model.sha256) == ("Mine v1", file, None)
    assert store.find(file) == model


def test_a_path_to_no_model_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        store.find(str(tmp_path / "none.gguf"))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelCorruptError, match="letters GGUF"):
        store.find(str(tmp_path / "text.gguf"))


def test_a_path_into_the_store_is_held_to_its_hash(store: Store, stored: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(stored)
    assert store.find(str(link)).name == "toy-q4"
    stored.write_bytes(b"GGUF" + DATA[4:])
    with pytest.raises(ModelCorruptError):
        store.find(str(link))


@in_one_folder
@given(text=st.text(max_size=30) | st.sampled_from(["", "..", "../x", "~", "~nobody-here/x", "\0.gguf", "a/\0", "."]))
def test_whatever_is_asked_for_the_answer_is_one_of_our_errors(store: Store, text: str) -> None:
    with pytest.raises(SlmError):
        store.find(text)


# Doubt


@in_one_folder
@given(position=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_a_single_flipped_bit_is_never_handed_out(store: Store, stored: Path, position: int, bit: int) -> None:
    stored.write_bytes(DATA)
    touch_later(stored)
    assert store.find("fast").path == stored
    stored.write_bytes(DATA[:position] + bytes([DATA[position] ^ (1 << bit)]) + DATA[position + 1 :])
    touch_later(stored)
    with pytest.raises(ModelCorruptError) as caught:
        store.find("fast")
    assert str(stored) in str(caught.value)
    assert "slm-lsp models pull fast" in caught.value.cure


@in_one_folder
@given(length=st.integers(0, len(DATA) - 1))
def test_a_truncated_file_is_never_handed_out_even_with_its_old_time(store: Store, stored: Path, length: int) -> None:
    before = stored.stat()
    os.truncate(stored, length)
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelCorruptError):
        store.find("fast")
    stored.write_bytes(DATA)


def test_the_routine_check_reads_nothing_as_long_as_size_and_time_are_the_same(store: Store, stored: Path) -> None:
    before = stored.stat()
    stored.write_bytes(DATA[:-1] + b"?")
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.find("fast").path == stored  # what such a check cannot see, `verify` does


def test_a_file_only_touched_is_hashed_once_and_then_trusted_again(store: Store, stored: Path) -> None:
    touch_later(stored)
    assert [model.intact for model in store.installed()] == [False]
    assert store.find("fast").intact
    assert [model.intact for model in store.installed()] == [True]


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose full hash was taken."""
    files: list[Path] = []

    def counting(path: Path) -> str:
        files.append(path)
        return hash_file(path)

    monkeypatch.setattr(store_module, "hash_file", counting)
    return files


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no record be written. Taking away the right to write would not stop a test that runs as root."""

    def refuse(*_: object) -> None:
        raise PermissionError("the store is read-only")

    monkeypatch.setattr(Records, "write", refuse)


def test_in_a_read_only_store_a_touched_file_is_hashed_once(
    store: Store, stored: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only(monkeypatch)
    touch_later(stored)
    for _ in range(3):
        assert Store(store.root, store.catalogue).find("fast").intact
    assert hashed == [stored]
    touch_later(stored)
    store.find("fast")
    assert hashed == [stored] * 2


@pytest.mark.parametrize("writable", [True, False])
def test_a_corrupt_file_is_hashed_once(
    store: Store, stored: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    if not writable:
        read_only(monkeypatch)
    stored.write_bytes(DATA[:-1] + b"?")
    touch_later(stored)
    for _ in range(3):
        with pytest.raises(ModelCorruptError):
            store.find("fast")
    assert hashed == [stored]
    stored.write_bytes(DATA)
    touch_later(stored)
    assert store.find("fast").path == stored


def test_what_another_process_finds_wrong_counts_more_than_an_earlier_hash(
    store: Store, stored: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        read_only(patch)
        touch_later(stored)
        assert store.find("fast").path == stored
    before = stored.stat()
    stored.write_bytes(DATA[:-1] + b"?")
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    record = store.records.get(entry.sha256)
    assert record is not None
    store.records.write(replace(record, verified=None))  # as `verify` leaves it
    with pytest.raises(ModelCorruptError):
        store.find("fast")


def test_threads_that_look_at_once_take_one_hash(store: Store, stored: Path, hashed: list[Path]) -> None:
    touch_later(stored)
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(Store(store.root, store.catalogue).find, "fast") for _ in range(8)]
    assert {each.result().path for each in found} == {stored}
    assert hashed == [stored]


def test_what_verify_finds_wrong_is_not_handed_out_afterwards(store: Store, stored: Path) -> None:
    before = stored.stat()
    stored.write_bytes(DATA[:-1] + b"?")
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    [verification] = store.verify()
    assert (verification.name, verification.sound) == ("toy-q4", False)
    assert "slm-lsp models pull fast" in verification.reason
    with pytest.raises(ModelCorruptError):
        store.find("fast")


def test_verify_takes_a_name_or_all(store: Store, stored: Path, make_gguf: MakeGguf) -> None:
    store.add(make_gguf(), "mine")
    assert [(each.name, each.sound) for each in store.verify("mine")] == [("mine", True)]
    assert sorted(each.name for each in store.verify()) == ["mine", "toy-q4"]
    with pytest.raises(UnknownModelError):
        store.verify("other")


def test_a_record_that_cannot_be_read_counts_as_none_and_is_written_anew(
    store: Store, stored: Path, entry: Entry
) -> None:
    record = stored.with_suffix(".json")
    record.write_text("{")
    assert store.installed() == []
    with pytest.raises(ModelMissingError):
        store.find("fast")
    recovered = store.recover(entry)
    assert recovered is not None
    assert store.find("fast").path == stored


def test_a_corrupt_file_is_not_recovered(store: Store, stored: Path, entry: Entry) -> None:
    stored.write_bytes(DATA[:-1])
    assert store.recover(entry) is None


# Adding


def test_a_users_file_is_taken_in_and_left_as_it_was(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    before, content = file.stat(), file.read_bytes()
    heard: list[int] = []
    model = store.add(file, "mine", heard.append)
    assert model.path.read_bytes() == content
    assert (model.name, model.source, model.tier) == ("mine", "added", None)
    assert heard[-1] == len(content)
    assert store.find("mine") == model
    assert file.read_bytes() == content
    after = file.stat()
    assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (before.st_mtime_ns, before.st_mode, before.st_ino)


def test_on_one_disk_the_file_is_not_copied(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    assert store.add(file).path.samefile(file)


def test_the_file_is_copied_where_it_cannot_be_linked(make_gguf: MakeGguf) -> None:
    shared_memory = Path("/dev/shm")
    file = make_gguf()
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == file.stat().st_dev:
        pytest.skip("needs a second disk")
    root = shared_memory / f"slm-lsp-test-{os.getpid()}"
    store = Store(root)
    try:
        model = store.add(file, "mine")
        assert not model.path.samefile(file)
        assert model.path.read_bytes() == file.read_bytes()
        assert store.find("mine").intact
        assert not list(root.glob("*.new"))
    finally:
        store.remove("mine")
        for left in root.iterdir():
            left.unlink()
        root.rmdir()


def test_a_linked_file_that_its_owner_changes_is_not_handed_out(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    store.add(file, "mine")
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        opened.write(b"!")
    touch_later(file)
    with pytest.raises(ModelCorruptError, match="slm-lsp models add FILE"):
        store.find("mine")


def test_a_model_of_the_catalogue_is_recognised_by_its_content(tmp_path: Path, make_gguf: MakeGguf) -> None:
    file = make_gguf("renamed.gguf")
    store = Store(tmp_path / "models", Catalogue((entry_of(file.read_bytes()),)))
    with pytest.raises(UsageError, match="keeps that name"):
        store.add(file, "mine")
    assert store.add(file).name == "toy-q4"
    assert store.find("fast").source == "added"


def test_the_same_content_is_kept_once_under_its_last_name(store: Store, make_gguf: MakeGguf) -> None:
    store.add(make_gguf("a.gguf"), "first")
    store.add(make_gguf("b.gguf"), "second")
    assert [model.name for model in store.installed()] == ["second"]
    assert len(list(store.root.glob("*.gguf"))) == 1


def test_adding_again_replaces_what_became_corrupt(store: Store, make_gguf: MakeGguf) -> None:
    model = store.add(make_gguf("a.gguf"), "mine")
    model.path.unlink()
    model.path.write_bytes(b"junk")
    assert store.add(make_gguf("b.gguf")).name == "mine"
    assert store.find("mine").path.read_bytes() == make_gguf("b.gguf").read_bytes()


def test_two_models_never_share_a_name(store: Store, make_gguf: MakeGguf) -> None:
    store.add(make_gguf("same.gguf", seed=0))
    other = store.add(make_gguf("same.gguf", seed=1))
    assert other.name == f"same-{str(other.sha256)[:8]}"
    with pytest.raises(UsageError, match="called same already"):
        store.add(make_gguf("third.gguf", seed=2), "same")
    with pytest.raises(UsageError, match="called toy-q4 already"):
        store.add(make_gguf("third.gguf", seed=2), "toy-q4")


@pytest.mark.parametrize(
    "name", ["", "fast", "auto", "../x", "a/b", "a\\b", ".hidden", "-q", "x.gguf", "a b", "n" * 101]
)
def test_names_that_could_mean_something_else_are_refused(store: Store, make_gguf: MakeGguf, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        store.add(make_gguf(), name)


@given(stem=st.text(max_size=150))
def test_any_file_name_gives_a_usable_model_name(stem: str) -> None:
    assert is_name(name_from(stem, "a" * 64))


@given(name=st.text(max_size=110))
def test_a_name_that_is_accepted_cannot_leave_a_folder(name: str) -> None:
    if is_name(name):
        assert (Path("/folder") / name).resolve().parent == Path("/folder")


def test_a_record_somebody_else_wrote_cannot_point_elsewhere(store: Store, stored: Path, entry: Entry) -> None:
    record = msgspec.json.decode(stored.with_suffix(".json").read_bytes())
    for changes in ({"sha256": "../" * 8}, {"name": "../../etc/passwd"}, {"bytes": "many"}):
        stored.with_suffix(".json").write_bytes(msgspec.json.encode(record | changes))
        assert store.installed() == []


def test_a_broken_off_download_is_not_added(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ModelCorruptError, match="ends too early"):
        store.add(file)
    assert store.installed() == []


# Removing


def test_remove_deletes_the_model_and_what_a_download_left(store: Store, stored: Path, entry: Entry) -> None:
    store.partial_of(entry.sha256).write_bytes(DATA[:10])
    store.partial_of(entry.sha256).with_suffix(".parts").mkdir()
    assert store.remove("fast") == len(DATA) + 10
    assert [path.suffix for path in store.root.iterdir() if path.suffix != ".lock"] == []
    with pytest.raises(ModelMissingError):
        store.remove("fast")


def test_remove_leaves_the_users_own_file(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    store.add(file, "mine")
    store.remove("mine")
    assert file.exists()
    with pytest.raises(UnknownModelError):
        store.find("mine")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "."])
def test_remove_takes_names_only(store: Store, stored: Path, name: str) -> None:
    with pytest.raises(UnknownModelError):
        store.remove(name)
    assert stored.exists()


def test_a_model_being_pulled_is_not_removed(store: Store, stored: Path, entry: Entry) -> None:
    with store.pull_lock(entry.sha256), pytest.raises(ModelError, match="being pulled"):
        store.remove("fast")
    assert stored.exists()


# Folders


def test_installed_lists_the_catalogue_first(store: Store, stored: Path, make_gguf: MakeGguf) -> None:
    store.add(make_gguf(), "a-first-by-name")
    assert [model.name for model in store.installed()] == ["toy-q4", "a-first-by-name"]


def test_a_store_that_cannot_be_made_says_so(tmp_path: Path, make_gguf: MakeGguf) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="SLM_LSP_MODELS_DIR"):
        Store(tmp_path / "file" / "models").add(make_gguf())


def test_others_may_read_a_store_as_the_umask_says(store: Store, stored: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(stored.with_suffix(".json").stat().st_mode) == 0o666 & ~umask
