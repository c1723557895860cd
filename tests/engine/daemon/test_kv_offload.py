"""KV cells of idle documents are saved on disk and restored unchanged."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_lsp.engine.backend import Backend
from slm_lsp.engine.daemon import kv_offload
from slm_lsp.engine.daemon.kv_offload import KvOffload
from slm_lsp.engine.daemon.session import Sessions
from tests.engine.daemon.test_session import CELLS, Fewer, alone, backend, evaluate, execute, same

__all__ = ["backend"]  # a pytest fixture, imported so that these tests can use it

MEGABYTE = 1_000_000


def document(number: int, length: int = 150) -> list[int]:
    """Return the tokens of a document. Documents with different numbers have no common beginning."""
    return [number, *np.random.default_rng(number).integers(0, 249, length - 1).tolist()]


def offloading_sessions(backend: Backend, offload: KvOffload) -> Sessions:
    for number in range(backend.options.sequences):
        backend.remove(number, 0, -1)
    return Sessions(Fewer(backend), offload)  # type: ignore[arg-type]


class TestSessions:
    def test_offloaded_document_is_not_evaluated_again(self, backend: Backend, tmp_path: Path) -> None:
        sessions = offloading_sessions(backend, KvOffload(tmp_path, MEGABYTE, min_tokens=32))
        for number in range(1, 7):
            execute(backend, sessions, document(number))
        wanted = [*document(1), 3]
        assert sessions.missing(wanted) == 1
        session = sessions.open(wanted, room=8)
        assert session is not None
        assert session.tokens == document(1)
        logits = evaluate(backend, session.sequence, 150, [3])
        assert same(logits, alone(backend, wanted))

    def test_without_disk_space_an_evicted_document_is_evaluated_again(self, backend: Backend, tmp_path: Path) -> None:
        sessions = offloading_sessions(backend, KvOffload(tmp_path, 0, min_tokens=32))
        for number in range(1, 7):
            execute(backend, sessions, document(number))
        assert sessions.missing(document(1)) == 150

    def test_fresh_request_does_not_use_offloaded_cells(self, backend: Backend, tmp_path: Path) -> None:
        sessions = offloading_sessions(backend, KvOffload(tmp_path, MEGABYTE, min_tokens=32))
        for number in range(1, 7):
            execute(backend, sessions, document(number))
        session = sessions.open(document(1), room=8, fresh=True)
        assert session is not None
        assert session.tokens == []

    def test_nothing_is_restored_while_busy_documents_need_the_cells(self, backend: Backend, tmp_path: Path) -> None:
        sessions = offloading_sessions(backend, KvOffload(tmp_path, MEGABYTE, min_tokens=32))
        for number in range(1, 7):
            execute(backend, sessions, document(number))
        assert sessions.open(document(9, 20), room=CELLS - 100) is not None
        assert sessions.open(document(1), room=8) is None

    @settings(max_examples=25, deadline=None)
    @given(
        visits=st.lists(
            st.tuples(st.integers(1, 6), st.integers(40, 200), st.integers(0, 249)), min_size=2, max_size=12
        )
    )
    def test_any_order_of_documents_gives_the_logits_of_a_fresh_evaluation(
        self, backend: Backend, tmp_path_factory: pytest.TempPathFactory, visits: list[tuple[int, int, int]]
    ) -> None:
        offload = KvOffload(tmp_path_factory.getbasetemp(), MEGABYTE, min_tokens=32)
        sessions = offloading_sessions(backend, offload)
        for number, length, last in visits:
            wanted = [*document(number, length), last]
            session, logits = execute(backend, sessions, wanted)
            assert session.tokens == wanted
            assert same(logits, alone(backend, wanted))
        offload.close()


class Counting(Fewer):
    """A backend that counts how often cells are restored."""

    restored = 0

    def restore(self, sequence: int, saved: bytearray) -> bool:
        self.restored += 1
        return bool(self._inner.restore(sequence, saved))


class TestContextHoldsOnlyTheDocumentInUse:
    """Cells of idle documents are moved to disk, because attention reads all cells in use and would become slower."""

    def test_other_documents_are_offloaded(self, backend: Backend, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, MEGABYTE, min_tokens=32)
        sessions = offloading_sessions(backend, offload)
        for number in range(1, 4):
            session, _ = execute(backend, sessions, document(number, 100))
            assert sessions.tokens_held() == len(session.tokens) == 100
        assert [sessions.missing(document(number, 100)) for number in (1, 2, 3)] == [1, 1, 1]
        offload.close()

    def test_without_disk_space_other_documents_stay_in_the_context(self, backend: Backend, tmp_path: Path) -> None:
        sessions = offloading_sessions(backend, KvOffload(tmp_path, 0))
        for number in range(1, 4):
            execute(backend, sessions, document(number, 100))
        assert sessions.tokens_held() == 300

    def test_documents_with_a_common_beginning_are_both_kept(self, backend: Backend, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, MEGABYTE, min_tokens=32)
        sessions = offloading_sessions(backend, offload)
        head = document(9, 50)
        one, other = [*head, *document(1, 60)], [*head, *document(2, 60)]
        for tokens in (one, other, one, other):
            execute(backend, sessions, tokens)
        assert sessions.missing(one) == 1
        assert sessions.missing(other) == 1
        offload.close()

    def test_other_candidates_of_the_same_prompt_are_not_saved(self, backend: Backend, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, MEGABYTE, min_tokens=32)
        sessions = offloading_sessions(backend, offload)
        session, _ = execute(backend, sessions, document(1, 100))
        session.busy = True
        fork = sessions.fork(session)
        assert fork is not None
        evaluate(backend, fork.sequence, 100, [7])
        fork.tokens.append(7)
        for each in (session, fork):
            sessions.close(each)
        execute(backend, sessions, document(2, 100))
        assert offload.count() == 1
        offload.close()

    def test_document_moves_once_to_the_first_cells_when_they_become_empty(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        offload = KvOffload(tmp_path, MEGABYTE, min_tokens=32)
        for number in range(backend.options.sequences):
            backend.remove(number, 0, -1)
        counting = Counting(backend)
        sessions = Sessions(counting, offload)  # type: ignore[arg-type]
        first = sessions.open(document(1, 150), room=8)
        assert first is not None
        evaluate(backend, first.sequence, 0, document(1, 150))
        first.tokens += document(1, 150)
        execute(backend, sessions, document(2, 100))  # gets cells after those of the first document, which is busy
        sessions.close(first)
        wanted = [*document(2, 100), 5]
        _, logits = execute(backend, sessions, wanted)
        assert counting.restored == 1
        assert same(logits, alone(backend, wanted))
        execute(backend, sessions, [*document(2, 100), 5, 6])
        assert counting.restored == 1
        offload.close()


class TestKvOffload:
    def test_files_are_unnamed_and_deleted_on_close(self, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path / "cells", MEGABYTE)
        offload.put(tuple(document(1)), bytearray(b"cells"))
        assert offload.size == 5
        assert list((tmp_path / "cells").iterdir()) == []
        offload.close()
        assert offload.size == 0

    def test_oldest_entry_is_deleted_at_the_size_limit(self, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, 25)
        for number in range(1, 5):
            offload.put(tuple(document(number)), bytearray(10))
        assert offload.size == 20
        assert offload.best(document(1)) is None
        assert offload.best(document(4)) is not None

    def test_entry_larger_than_the_limit_is_not_saved(self, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, 25)
        offload.put(tuple(document(1)), bytearray(10))
        offload.put(tuple(document(2)), bytearray(26))
        assert offload.size == 10

    def test_later_state_of_a_text_replaces_the_earlier_one(self, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, 100)
        offload.put(tuple(document(1)), bytearray(10))
        offload.put((*document(1), 7), bytearray(11))
        assert offload.size == 11

    def test_best_entry_is_found_and_deleted_when_taken(self, tmp_path: Path) -> None:
        offload = KvOffload(tmp_path, MEGABYTE)
        for number in (1, 2):
            offload.put(tuple(document(number)), bytearray([number] * 70_000))
        found = offload.best([*document(2)[:100], 1, 2, 3])
        assert found is not None
        entry, shared = found
        assert shared == 100
        assert offload.take(entry) == bytearray([2] * 70_000)
        assert offload.take(entry) is None
        assert offload.size == 70_000

    def test_full_disk_disables_offloading_without_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("this system has no /dev/full to simulate a full disk")

        def on_a_full_disk(**_: object) -> object:
            return os.fdopen(os.open(full, os.O_RDWR), "r+b", buffering=0)

        offload = KvOffload(tmp_path, MEGABYTE)
        offload.put(tuple(document(1)), bytearray(10))
        monkeypatch.setattr(kv_offload.tempfile, "TemporaryFile", on_a_full_disk)
        offload.put(tuple(document(2)), bytearray(10))
        assert not offload.enabled
        assert offload.size == 0
        assert "No space left" in caplog.text

    def test_folder_that_cannot_be_created_disables_offloading(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        offload = KvOffload(tmp_path / "file" / "cells", MEGABYTE)
        offload.put(tuple(document(1)), bytearray(10))
        assert not offload.enabled
