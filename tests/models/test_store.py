"""The store: finding, verifying, adding and removing models."""

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
    """The path of the catalogue's model, stored as by a pull."""
    store.prepare()
    partial = store.partial_of(entry.sha256)
    partial.write_bytes(DATA)
    return store.put(partial, entry, "hub").path


def touch_later(file: Path) -> None:
    """Change a file's modification time, as every ordinary write does."""
    state = file.stat()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))


# Finding


@pytest.mark.parametrize("wanted", ["fast", "toy-q4"])
def test_stored_model_is_found_by_tier_and_name(store: Store, stored: Path, entry: Entry, wanted: str) -> None:
    model = store.find(wanted)
    assert (model.path, model.sha256, model.tier, model.source) == (stored, entry.sha256, "fast", "hub")
    assert model.path.read_bytes() == DATA
    assert model.intact


def test_error_for_a_missing_model_names_the_pull_command(store: Store) -> None:
    with pytest.raises(ModelMissingError, match="slm-lsp models pull fast"):
        store.find("fast")
    with pytest.raises(ModelMissingError, match="slm-lsp models pull fast"):
        store.find("toy-q4")
    assert not store.root.exists()  # `find` creates nothing


def test_unknown_name_error_lists_the_known_names(store: Store, make_gguf: MakeGguf) -> None:
    store.add(make_gguf(), "mine")
    with pytest.raises(UnknownModelError, match=r"fast \(toy-q4\), mine"):
        store.find("other")


def test_path_finds_a_file_outside_the_store(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    model = store.find(str(file))
    assert (model.name, model.path, model.sha256) == ("Mine v1", file, None)
    assert store.find(file) == model


def test_path_to_a_missing_or_invalid_file_is_rejected(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        store.find(str(tmp_path / "none.gguf"))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelCorruptError, match="letters GGUF"):
        store.find(str(tmp_path / "text.gguf"))


def test_path_to_a_file_in_the_store_is_verified_by_hash(store: Store, stored: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(stored)
    assert store.find(str(link)).name == "toy-q4"
    stored.write_bytes(b"GGUF" + DATA[4:])
    with pytest.raises(ModelCorruptError):
        store.find(str(link))


@in_one_folder
@given(text=st.text(max_size=30) | st.sampled_from(["", "..", "../x", "~", "~nobody-here/x", "\0.gguf", "a/\0", "."]))
def test_any_unknown_text_raises_an_slm_error(store: Store, text: str) -> None:
    with pytest.raises(SlmError):
        store.find(text)


# Corrupt files


@in_one_folder
@given(position=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_file_with_a_flipped_bit_is_never_returned(store: Store, stored: Path, position: int, bit: int) -> None:
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
def test_truncated_file_with_its_old_time_is_never_returned(store: Store, stored: Path, length: int) -> None:
    before = stored.stat()
    os.truncate(stored, length)
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelCorruptError):
        store.find("fast")
    stored.write_bytes(DATA)


def test_find_does_not_read_a_file_with_unchanged_size_and_time(store: Store, stored: Path) -> None:
    before = stored.stat()
    stored.write_bytes(DATA[:-1] + b"?")
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.find("fast").path == stored  # `find` cannot detect this change; `verify` can


def test_touched_file_is_hashed_once_and_then_intact(store: Store, stored: Path) -> None:
    touch_later(stored)
    assert [model.intact for model in store.installed()] == [False]
    assert store.find("fast").intact
    assert [model.intact for model in store.installed()] == [True]


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that have been hashed."""
    files: list[Path] = []

    def counting(path: Path) -> str:
        files.append(path)
        return hash_file(path)

    monkeypatch.setattr(store_module, "hash_file", counting)
    return files


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make writing of records fail. Removing the write permission would have no effect if root runs the tests."""

    def refuse(*_: object) -> None:
        raise PermissionError("the store is read-only")

    monkeypatch.setattr(Records, "write", refuse)


def test_touched_file_in_a_read_only_store_is_hashed_once(
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
def test_corrupt_file_is_hashed_once(
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


def test_record_of_another_process_overrides_an_earlier_hash(
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


def test_concurrent_threads_hash_a_file_once(store: Store, stored: Path, hashed: list[Path]) -> None:
    touch_later(stored)
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(Store(store.root, store.catalogue).find, "fast") for _ in range(8)]
    assert {each.result().path for each in found} == {stored}
    assert hashed == [stored]


def test_find_refuses_a_model_that_verify_found_corrupt(store: Store, stored: Path) -> None:
    before = stored.stat()
    stored.write_bytes(DATA[:-1] + b"?")
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))
    [verification] = store.verify()
    assert (verification.name, verification.sound) == ("toy-q4", False)
    assert "slm-lsp models pull fast" in verification.reason
    with pytest.raises(ModelCorruptError):
        store.find("fast")


def test_verify_checks_one_model_or_all(store: Store, stored: Path, make_gguf: MakeGguf) -> None:
    store.add(make_gguf(), "mine")
    assert [(each.name, each.sound) for each in store.verify("mine")] == [("mine", True)]
    assert sorted(each.name for each in store.verify()) == ["mine", "toy-q4"]
    with pytest.raises(UnknownModelError):
        store.verify("other")


def test_invalid_record_is_ignored_and_rewritten_by_recover(store: Store, stored: Path, entry: Entry) -> None:
    record = stored.with_suffix(".json")
    record.write_text("{")
    assert store.installed() == []
    with pytest.raises(ModelMissingError):
        store.find("fast")
    recovered = store.recover(entry)
    assert recovered is not None
    assert store.find("fast").path == stored


def test_corrupt_file_is_not_recovered(store: Store, stored: Path, entry: Entry) -> None:
    stored.write_bytes(DATA[:-1])
    assert store.recover(entry) is None


# Adding


def test_add_stores_a_file_and_leaves_the_original_unchanged(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    before, content = file.stat(), file.read_bytes()
    reported: list[int] = []
    model = store.add(file, "mine", reported.append)
    assert model.path.read_bytes() == content
    assert (model.name, model.source, model.tier) == ("mine", "added", None)
    assert reported[-1] == len(content)
    assert store.find("mine") == model
    assert file.read_bytes() == content
    after = file.stat()
    assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (before.st_mtime_ns, before.st_mode, before.st_ino)


def test_add_links_a_file_on_the_same_disk(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    assert store.add(file).path.samefile(file)


def test_add_copies_a_file_from_another_disk(make_gguf: MakeGguf) -> None:
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


def test_linked_file_changed_by_its_owner_is_refused(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    store.add(file, "mine")
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        opened.write(b"!")
    touch_later(file)
    with pytest.raises(ModelCorruptError, match="slm-lsp models add FILE"):
        store.find("mine")


def test_added_catalogue_model_is_recognized_by_its_hash(tmp_path: Path, make_gguf: MakeGguf) -> None:
    file = make_gguf("renamed.gguf")
    store = Store(tmp_path / "models", Catalogue((entry_of(file.read_bytes()),)))
    with pytest.raises(UsageError, match="name cannot be changed"):
        store.add(file, "mine")
    assert store.add(file).name == "toy-q4"
    assert store.find("fast").source == "added"


def test_equal_content_is_stored_once_under_the_last_name(store: Store, make_gguf: MakeGguf) -> None:
    store.add(make_gguf("a.gguf"), "first")
    store.add(make_gguf("b.gguf"), "second")
    assert [model.name for model in store.installed()] == ["second"]
    assert len(list(store.root.glob("*.gguf"))) == 1


def test_adding_again_replaces_a_corrupt_model(store: Store, make_gguf: MakeGguf) -> None:
    model = store.add(make_gguf("a.gguf"), "mine")
    model.path.unlink()
    model.path.write_bytes(b"junk")
    assert store.add(make_gguf("b.gguf")).name == "mine"
    assert store.find("mine").path.read_bytes() == make_gguf("b.gguf").read_bytes()


def test_two_models_never_have_the_same_name(store: Store, make_gguf: MakeGguf) -> None:
    store.add(make_gguf("same.gguf", seed=0))
    other = store.add(make_gguf("same.gguf", seed=1))
    assert other.name == f"same-{str(other.sha256)[:8]}"
    with pytest.raises(UsageError, match=r"has the name same\."):
        store.add(make_gguf("third.gguf", seed=2), "same")
    with pytest.raises(UsageError, match=r"has the name toy-q4\."):
        store.add(make_gguf("third.gguf", seed=2), "toy-q4")


@pytest.mark.parametrize(
    "name", ["", "fast", "auto", "../x", "a/b", "a\\b", ".hidden", "-q", "x.gguf", "a b", "n" * 101]
)
def test_invalid_and_reserved_names_are_rejected(store: Store, make_gguf: MakeGguf, name: str) -> None:
    with pytest.raises(UsageError, match="not a valid model name"):
        store.add(make_gguf(), name)


@given(stem=st.text(max_size=150))
def test_any_file_name_gives_a_valid_model_name(stem: str) -> None:
    assert is_name(name_from(stem, "a" * 64))


@given(name=st.text(max_size=110))
def test_valid_model_name_cannot_lead_out_of_a_folder(name: str) -> None:
    if is_name(name):
        assert (Path("/folder") / name).resolve().parent == Path("/folder")


def test_manipulated_record_is_ignored(store: Store, stored: Path, entry: Entry) -> None:
    record = msgspec.json.decode(stored.with_suffix(".json").read_bytes())
    for changes in ({"sha256": "../" * 8}, {"name": "../../etc/passwd"}, {"bytes": "many"}):
        stored.with_suffix(".json").write_bytes(msgspec.json.encode(record | changes))
        assert store.installed() == []


def test_truncated_file_is_not_added(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ModelCorruptError, match="is truncated"):
        store.add(file)
    assert store.installed() == []


# Removing


def test_remove_deletes_the_model_and_partial_downloads(store: Store, stored: Path, entry: Entry) -> None:
    store.partial_of(entry.sha256).write_bytes(DATA[:10])
    store.partial_of(entry.sha256).with_suffix(".parts").mkdir()
    assert store.remove("fast") == len(DATA) + 10
    assert [path.suffix for path in store.root.iterdir() if path.suffix != ".lock"] == []
    with pytest.raises(ModelMissingError):
        store.remove("fast")


def test_remove_keeps_the_original_file_of_the_user(store: Store, make_gguf: MakeGguf) -> None:
    file = make_gguf()
    store.add(file, "mine")
    store.remove("mine")
    assert file.exists()
    with pytest.raises(UnknownModelError):
        store.find("mine")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "."])
def test_remove_accepts_names_only(store: Store, stored: Path, name: str) -> None:
    with pytest.raises(UnknownModelError):
        store.remove(name)
    assert stored.exists()


def test_model_is_not_removed_during_a_pull(store: Store, stored: Path, entry: Entry) -> None:
    with store.pull_lock(entry.sha256), pytest.raises(ModelError, match="is downloading"):
        store.remove("fast")
    assert stored.exists()


# Folders


def test_installed_lists_catalogue_models_first(store: Store, stored: Path, make_gguf: MakeGguf) -> None:
    store.add(make_gguf(), "a-first-by-name")
    assert [model.name for model in store.installed()] == ["toy-q4", "a-first-by-name"]


def test_error_for_an_uncreatable_store_names_the_setting(tmp_path: Path, make_gguf: MakeGguf) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="SLM_LSP_MODELS_DIR"):
        Store(tmp_path / "file" / "models").add(make_gguf())


def test_record_files_have_the_permissions_of_the_umask(store: Store, stored: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(stored.with_suffix(".json").stat().st_mode) == 0o666 & ~umask
