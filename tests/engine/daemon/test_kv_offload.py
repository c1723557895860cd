"""Cells that had to make room wait on disk, and come back as they were."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_lsp.engine.backend import Backend
from slm_lsp.engine.daemon import kv_offload as parking_module
from slm_lsp.engine.daemon.kv_offload import Parking
from slm_lsp.engine.daemon.session import Sessions
from tests.engine.daemon.test_session import CELLS, Fewer, alone, backend, evaluate, execute, plain, same

__all__ = ["backend"]  # the fixture

MEGABYTE = 1_000_000


def document(number: int, length: int = 150) -> list[int]:
    """Tokens of a document that no other one begins like."""
    return [number, *np.random.default_rng(number).integers(0, 249, length - 1).tolist()]


def parked_sessions(backend: Backend, parking: Parking) -> Sessions:
    for number in range(backend.options.sequences):
        backend.remove(number, 0, -1)
    return Sessions(Fewer(backend), parking)  # type: ignore[arg-type]


class TestOnTheModel:
    """With `Sessions` and the tiny model."""

    def test_a_document_that_made_room_is_not_evaluated_again(self, backend: Backend, tmp_path: Path) -> None:
        sessions = parked_sessions(backend, Parking(tmp_path, MEGABYTE, least=32))
        for number in range(1, 7):
            execute(backend, sessions, plain(document(number)))
        wanted = plain([*document(1), 3])
        assert sessions.missing(wanted, "exact") == 1
        opened = sessions.open(wanted, room=8, reuse="exact")
        assert opened is not None
        session, found, lead = opened
        assert lead is None
        assert (found.reused, session.tokens) == (150, document(1))
        logits = evaluate(backend, session.sequence, 150, [3])
        assert same(logits, alone(backend, wanted))

    def test_without_a_place_to_wait_it_is(self, backend: Backend, tmp_path: Path) -> None:
        sessions = parked_sessions(backend, Parking(tmp_path, 0, least=32))
        for number in range(1, 7):
            execute(backend, sessions, plain(document(number)))
        assert sessions.missing(plain(document(1)), "exact") == 150

    def test_a_request_for_fresh_cells_gets_them(self, backend: Backend, tmp_path: Path) -> None:
        sessions = parked_sessions(backend, Parking(tmp_path, MEGABYTE, least=32))
        for number in range(1, 7):
            execute(backend, sessions, plain(document(number)))
        assert sessions.missing(plain(document(1)), "nothing") == 150

    def test_nothing_is_brought_back_while_busy_documents_need_the_cells(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        sessions = parked_sessions(backend, Parking(tmp_path, MEGABYTE, least=32))
        for number in range(1, 7):
            execute(backend, sessions, plain(document(number)))
        opened = sessions.open(plain(document(9, 20)), room=CELLS - 100)
        assert opened is not None
        assert sessions.open(plain(document(1)), room=8) is None

    @settings(max_examples=25, deadline=None)
    @given(
        visits=st.lists(
            st.tuples(st.integers(1, 6), st.integers(40, 200), st.integers(0, 249)), min_size=2, max_size=12
        )
    )
    def test_whatever_documents_come_in_whatever_order_the_logits_are_those_of_a_fresh_evaluation(
        self, backend: Backend, tmp_path_factory: pytest.TempPathFactory, visits: list[tuple[int, int, int]]
    ) -> None:
        place = Parking(tmp_path_factory.getbasetemp(), MEGABYTE, least=32)
        sessions = parked_sessions(backend, place)
        for number, length, last in visits:
            wanted = plain([*document(number, length), last])
            session, logits = execute(backend, sessions, wanted)
            assert tuple(session.tokens) == wanted.tokens
            assert same(logits, alone(backend, wanted))
        place.close()


class Counting(Fewer):
    """Counts how often cells are restored."""

    restored = 0

    def restore(self, sequence: int, saved: bytearray) -> bool:
        self.restored += 1
        return bool(self._inner.restore(sequence, saved))


class TestOnlyWhatIsWorkedOnIsInTheContext:
    """Attention reads all cells in use, so those of idle documents would slow every batch down."""

    def test_other_documents_are_moved_out(self, backend: Backend, tmp_path: Path) -> None:
        place = Parking(tmp_path, MEGABYTE, least=32)
        sessions = parked_sessions(backend, place)
        for number in range(1, 4):
            session, _ = execute(backend, sessions, plain(document(number, 100)))
            assert sessions.tokens_held() == len(session.tokens) == 100
        assert [sessions.missing(plain(document(number, 100)), "exact") for number in (1, 2, 3)] == [1, 1, 1]
        place.close()

    def test_without_a_place_for_them_they_stay(self, backend: Backend, tmp_path: Path) -> None:
        sessions = parked_sessions(backend, Parking(tmp_path, 0))
        for number in range(1, 4):
            execute(backend, sessions, plain(document(number, 100)))
        assert sessions.tokens_held() == 300

    def test_documents_that_begin_alike_are_both_kept(self, backend: Backend, tmp_path: Path) -> None:
        place = Parking(tmp_path, MEGABYTE, least=32)
        sessions = parked_sessions(backend, place)
        head = document(9, 50)
        one, other = [*head, *document(1, 60)], [*head, *document(2, 60)]
        for tokens in (one, other, one, other):
            execute(backend, sessions, plain(tokens))
        assert sessions.missing(plain(one), "exact") == 1
        assert sessions.missing(plain(other), "exact") == 1
        place.close()

    def test_other_answers_to_the_same_prompt_are_dropped(self, backend: Backend, tmp_path: Path) -> None:
        place = Parking(tmp_path, MEGABYTE, least=32)
        sessions = parked_sessions(backend, place)
        session, _ = execute(backend, sessions, plain(document(1, 100)))
        session.busy = True
        fork = sessions.fork(session)
        assert fork is not None
        evaluate(backend, fork.sequence, 100, [7])
        fork.tokens.append(7)
        for each in (session, fork):
            sessions.close(each)
        execute(backend, sessions, plain(document(2, 100)))
        assert place.count() == 1
        place.close()

    def test_a_document_is_moved_down_when_those_below_it_have_gone(self, backend: Backend, tmp_path: Path) -> None:
        place = Parking(tmp_path, MEGABYTE, least=32)
        for number in range(backend.options.sequences):
            backend.remove(number, 0, -1)
        counting = Counting(backend)
        sessions = Sessions(counting, place)  # type: ignore[arg-type]
        first = sessions.open(plain(document(1, 150)), room=8)
        assert first is not None
        evaluate(backend, first[0].sequence, 0, document(1, 150))
        first[0].tokens += document(1, 150)
        execute(backend, sessions, plain(document(2, 100)))  # above the first one, which is busy
        sessions.close(first[0])
        wanted = plain([*document(2, 100), 5])
        _, logits = execute(backend, sessions, wanted)
        assert counting.restored == 1
        assert same(logits, alone(backend, wanted))
        execute(backend, sessions, plain([*document(2, 100), 5, 6]))
        assert counting.restored == 1, "once is enough"
        place.close()


class TestOnDisk:
    """The place itself."""

    def test_the_files_have_no_name_and_go_with_the_place(self, tmp_path: Path) -> None:
        place = Parking(tmp_path / "cells", MEGABYTE)
        place.put(plain(document(1)), bytearray(b"cells"))
        assert place.size == 5
        assert list((tmp_path / "cells").iterdir()) == []
        place.close()
        assert place.size == 0

    def test_the_oldest_go_when_it_is_full(self, tmp_path: Path) -> None:
        place = Parking(tmp_path, 25)
        for number in range(1, 5):
            place.put(plain(document(number)), bytearray(10))
        assert place.size == 20
        assert place.best(document(1)) is None
        assert place.best(document(4)) is not None

    def test_what_is_larger_than_the_place_is_not_kept(self, tmp_path: Path) -> None:
        place = Parking(tmp_path, 25)
        place.put(plain(document(1)), bytearray(10))
        place.put(plain(document(2)), bytearray(26))
        assert place.size == 10

    def test_a_later_state_of_a_text_takes_the_place_of_the_earlier_one(self, tmp_path: Path) -> None:
        place = Parking(tmp_path, 100)
        place.put(plain(document(1)), bytearray(10))
        place.put(plain([*document(1), 7]), bytearray(11))
        assert place.size == 11

    def test_the_nearest_is_found_and_is_gone_once_taken(self, tmp_path: Path) -> None:
        place = Parking(tmp_path, MEGABYTE)
        for number in (1, 2):
            place.put(plain(document(number)), bytearray([number] * 70_000))
        found = place.best([*document(2)[:100], 1, 2, 3])
        assert found is not None
        parked, shared = found
        assert shared == 100
        assert place.take(parked) == bytearray([2] * 70_000)
        assert place.take(parked) is None
        assert place.size == 70_000

    def test_a_full_disk_ends_it_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("this system has no /dev/full to stand for a full disk")

        def on_a_full_disk(**_: object) -> object:
            return os.fdopen(os.open(full, os.O_RDWR), "r+b", buffering=0)

        place = Parking(tmp_path, MEGABYTE)
        place.put(plain(document(1)), bytearray(10))
        monkeypatch.setattr(parking_module.tempfile, "TemporaryFile", on_a_full_disk)
        place.put(plain(document(2)), bytearray(10))
        assert not place.open
        assert place.size == 0
        assert "No space left" in caplog.text

    def test_a_folder_that_cannot_be_made_ends_it_too(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        place = Parking(tmp_path / "file" / "cells", MEGABYTE)
        place.put(plain(document(1)), bytearray(10))
        assert not place.open
