"""What becomes of suggestions is counted, without what was in them, and never in the way of a completion."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.errors import StatisticsError
from slm_lsp.features.completion import complete as completion
from slm_lsp.features.completion import filters
from slm_lsp.features.statistics import store as statistics_store
from slm_lsp.features.statistics.counters import QUEUE, Outcome, Shown, Statistics
from slm_lsp.features.statistics.feedback import KEEP_DAYS, PENDING, kind_of
from slm_lsp.features.statistics.store import LOCK_S, erase
from slm_lsp.features.statistics.summary import Counts
from slm_lsp.features.statistics.threshold import WINDOW
from slm_lsp.proportions import percentile

TODAY = date(2026, 3, 31)
Open = Callable[..., Statistics]


def suggestion(id: str, **other: object) -> Shown:  # noqa: A002
    given_ = {"language": "python", "tier": "fast", "model": "qwen2.5-coder-0.5b", "source": "engine"}
    figures = {"confidence": 0.5, "characters": 20, "lines": 1, "latency_ms": 100.0, "tokens": 6}
    return Shown(id, **(given_ | figures | other))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stats.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Statistics as a server opens them, on a day."""
    all_of_them: list[Statistics] = []

    def make(today: date = TODAY) -> Statistics:
        all_of_them.append(Statistics(path, lambda: today))
        return all_of_them[-1]

    yield make
    for each in all_of_them:
        each.close()


def counts(statistics: Statistics) -> Counts:
    return statistics.summary().total


def test_what_is_shown_and_taken_is_counted(opened: Open) -> None:
    statistics = opened()
    for number in range(4):
        statistics.shown(suggestion(str(number)))
    statistics.outcome("0", "accepted")
    statistics.outcome("1", "partial", 7)
    statistics.outcome("2", "rejected")
    total = counts(statistics)
    assert (total.shown, total.accepted, total.partial, total.rejected, total.ignored) == (4, 1, 1, 1, 1)
    assert (total.characters_shown, total.characters_accepted) == (80, 27)
    assert total.rate == 0.5
    assert total.ci95 == pytest.approx((0.150, 0.850), abs=1e-3)
    assert statistics.summary().tokens == 24


def test_a_suggestion_that_was_replaced_by_a_better_one_is_not_counted(opened: Open) -> None:
    statistics = opened()
    for each in ("other", "replaced"):
        statistics.shown(suggestion(each))
    statistics.outcome("other", "accepted")
    statistics.replaced("replaced")
    statistics.shown(suggestion("better", tier="strong"))
    statistics.outcome("replaced", "ignored")  # a client may say so when it shows the better one
    statistics.outcome("better", "accepted")
    total = counts(statistics)
    assert (total.shown, total.accepted, total.rejected, total.ignored) == (2, 2, 0, 0)
    assert statistics.summary().by_tier["strong"].shown == 1


def test_a_suggestion_of_which_a_part_was_accepted_counts_though_it_was_replaced(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("one"))
    statistics.outcome("one", "partial", 4)
    statistics.replaced("one")
    assert (counts(statistics).shown, counts(statistics).partial) == (1, 1)


def test_it_is_summed_up_by_language_tier_model_and_source(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("a", language="go", tier="strong", source="cache", latency_ms=1.0))
    statistics.shown(suggestion("b", model="other-model", latency_ms=300.0))
    statistics.shown(suggestion("c", latency_ms=70.0))
    statistics.outcome("a", "accepted")
    found = statistics.summary()
    assert {name: each.shown for name, each in found.by_language.items()} == {"python": 2, "go": 1}
    assert found.by_language["go"].rate == 1.0
    assert list(found.by_tier) == ["fast", "strong"]
    assert list(found.by_model) == ["qwen2.5-coder-0.5b", "other-model"]
    assert list(found.by_source) == ["engine", "cache"]
    assert (found.latency["fast"].p50_ms, found.latency["fast"].p95_ms) == (70.0, 300.0)
    assert found.latency["cache"].n == 1
    assert {(each.from_ms, each.to_ms): each.count for each in found.histogram if each.count} == {
        (50, 100): 1,
        (200, 500): 1,
    }


def test_the_best_outcome_stands_whatever_the_order(opened: Open) -> None:
    statistics = opened()
    told: list[tuple[Outcome, int | None]] = [("ignored", None), ("rejected", None), ("partial", 5), ("accepted", None)]
    for number, order in enumerate(permutations(told)):
        statistics.shown(suggestion(str(number)))
        for kind, characters in order:
            statistics.outcome(str(number), kind, characters)
    total = counts(statistics)
    assert (total.shown, total.accepted, total.characters_accepted) == (24, 24, 480)


def test_a_suggestion_taken_word_by_word_is_one(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    for so_far in (4, 9, 9, 13):
        statistics.outcome("a", "partial", so_far)
    assert counts(statistics).characters_accepted == 13
    statistics.outcome("a", "partial", 10**30)
    assert counts(statistics).characters_accepted == 20
    statistics.outcome("a", "partial", -5)
    statistics.outcome("a", "accepted", 18)
    total = counts(statistics)
    assert (total.accepted, total.partial, total.characters_accepted) == (1, 0, 20)


def test_a_suggestion_shown_again_while_typed_through_is_one(opened: Open) -> None:
    statistics = opened()
    for characters in (20, 19, 18):
        statistics.shown(suggestion("a", characters=characters))
    assert counts(statistics).shown == 1


def test_outcomes_of_what_nobody_knows_are_passed_over(opened: Open) -> None:
    statistics = opened()
    statistics.outcome("never shown", "accepted")
    for number in range(PENDING + 1):
        statistics.shown(suggestion(str(number)))
    statistics.outcome("0", "accepted")
    total = counts(statistics)
    assert (total.shown, total.accepted) == (PENDING + 1, 0)


def test_silence_counts_only_of_an_editor_that_tells(opened: Open) -> None:
    silent, telling = opened(), opened()
    for number in range(60):
        silent.shown(suggestion(str(number), confidence=0.1))
        silent.outcome(str(number), "ignored")
    assert counts(silent).silent == 60
    assert silent.threshold("python", "fast") == 0.0
    for number in range(60):
        telling.shown(suggestion(str(number), confidence=0.1))
    telling.outcome("59", "rejected")
    total = counts(telling)
    assert (total.shown, total.ignored, total.rejected, total.silent) == (120, 119, 1, 60)
    assert telling.threshold("python", "fast") == 0.15


def test_the_threshold_is_learned_by_language_and_tier_and_known_after_a_restart(opened: Open) -> None:
    first = opened()
    for number in range(200):
        good = number % 2 == 0
        first.shown(suggestion(str(number), confidence=0.9 if good else 0.32))
        if good:
            first.outcome(str(number), "accepted")
    first.flush()
    assert first.threshold("python", "fast") == 0.35
    assert first.threshold("python", "strong") == first.threshold("go", "fast") == 0.0
    (learned,) = first.summary().thresholds
    assert (learned.language, learned.tier, learned.outcomes, learned.threshold) == ("python", "fast", 200, 0.35)
    again = opened()
    again.threshold("python", "fast")
    again.flush()
    assert again.threshold("python", "fast") == 0.35


def test_what_is_not_shown_any_more_gets_another_chance(opened: Open) -> None:
    statistics = opened()
    for number in range(60):
        statistics.shown(suggestion(str(number), confidence=0.1))
        statistics.outcome(str(number), "rejected")
    statistics.flush()
    assert statistics.threshold("python", "fast") == 0.15
    for number in range(60, 60 + WINDOW):
        statistics.shown(suggestion(str(number), confidence=0.9))
        if number % 100 == 0:
            statistics.flush()
    statistics.flush()
    assert statistics.threshold("python", "fast") == 0.0


def test_why_nothing_was_shown_is_counted(opened: Open) -> None:
    statistics = opened()
    for reason in (filters.NOTHING, filters.REPEATS_BELOW, filters.REPEATS_BELOW, completion.SECRET):
        statistics.nothing("python", "fast", reason)
    assert list(statistics.summary().nothing.items()) == [
        (filters.REPEATS_BELOW, 2),
        (completion.SECRET, 1),
        (filters.NOTHING, 1),
    ]


def test_the_last_days_begin_with_today_and_old_ones_are_deleted(opened: Open) -> None:
    for age in (KEEP_DAYS + 1, KEEP_DAYS, 7, 6, 0):
        earlier = opened(TODAY - timedelta(days=age))
        earlier.shown(suggestion("a"))
        earlier.nothing("python", "fast", filters.NOTHING)
        earlier.close()
    statistics = opened()
    assert statistics.summary(7).total.shown == 2
    assert statistics.summary(7).nothing[filters.NOTHING] == 2
    week = statistics.summary(8).daily
    assert [each.shown for each in week] == [1, 1, 0, 0, 0, 0, 0, 1]
    assert week[-1].day == "2026-03-31"
    found = statistics.summary()
    assert (found.total.shown, found.nothing[filters.NOTHING]) == (4, 4)
    assert found.first == (TODAY - timedelta(days=KEEP_DAYS)).isoformat()


PRIVATE = ["/home/ann/secret/plan.py", "C:\\Users\\ann\\plan.py", "file:///home/ann/plan.py", "return password + salt"]


@pytest.mark.parametrize("private", [*PRIVATE, "x = 1", "\ud800", "../up", "a\nb", "a" * 500])
def test_no_code_and_no_path_is_stored(opened: Open, path: Path, private: str) -> None:
    statistics = opened()
    statistics.shown(suggestion(private, language=private, tier=private, model=private))
    statistics.nothing(private, private, private + "()")
    statistics.outcome(private, "accepted")
    found = statistics.summary()
    assert [*found.by_language, *found.by_tier, *found.by_model, *found.nothing] == ["other"] * 4
    statistics.close()
    stored = b"".join(each.read_bytes() for each in path.parent.iterdir())
    for word in (b"ann", b"plan", b"password", b"a" * 81, b"x = 1"):
        assert word not in stored


def test_every_column_is_named_in_the_documentation(opened: Open, path: Path) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.close()
    documented = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text()
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {(table, name) for table in tables for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}
    columns = {(table, name) for table, name in columns if table != "sqlite_sequence"}
    assert {table for table, _ in columns} == {"suggestion", "unshown"}
    assert [each for each in columns if f"`{each[1]}`" not in documented] == []


@given(st.text(), st.none() | st.text())
def test_names_are_kept_as_names_or_not_at_all(language: str, tier: str | None) -> None:
    for each in kind_of(language, tier):
        assert each.isascii()
        assert not set(each) & set("/\\ :;=()\n")


@pytest.mark.parametrize("language", ["python", "c++", "objective-c", "c#", "typescriptreact", "F_1.x"])
def test_names_of_languages_stay(language: str) -> None:
    assert kind_of(language, None) == (language, "other")


def test_only_this_user_reads_it(opened: Open, path: Path) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.flush()
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_processes_write_at_once(opened: Open, path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.features.statistics.test_counters import Statistics, suggestion\n"
        "statistics = Statistics(Path(sys.argv[1]))\n"
        "for number in range(300):\n"
        "    statistics.shown(suggestion(str(number)))\n"
        "    statistics.outcome(str(number), 'accepted')\n"
        "    if number % 10 == 0: statistics.flush()\n"
        "statistics.close()\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for each in writers:
        _, said = each.communicate(timeout=60)
        assert (each.returncode, said) == (0, b"")
    total = counts(opened())
    assert (total.shown, total.accepted) == (600, 600)


def test_a_locked_database_is_waited_for_but_not_by_the_completion(opened: Open, path: Path) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.flush()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    took = []
    for number in range(QUEUE + 200):
        start = time.perf_counter()
        statistics.shown(suggestion(str(number)))
        statistics.threshold("python", "fast")
        took.append(time.perf_counter() - start)
    assert max(took) < LOCK_S  # The lock is held all the time: whoever waits for it waits so long.
    assert not statistics.flush(0.05)
    other.execute("ROLLBACK")
    other.close()
    assert statistics.flush(10)
    assert QUEUE <= counts(statistics).shown <= QUEUE + 201


@pytest.mark.parametrize(
    "damage", [b"no database at all, but long enough to look like one" * 100, b"SQLite format 3\0"]
)
def test_a_damaged_database_is_noted_once(
    opened: Open, path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    refuses_once(opened(), caplog)
    assert path.read_bytes().startswith(damage[:16])
    with pytest.raises(StatisticsError, match="slm-lsp stats --reset"):
        opened().summary()
    assert erase(path) == 0
    again = opened()
    again.shown(suggestion("a"))
    assert counts(again).shown == 1


def test_a_database_damaged_while_it_is_used_is_noted_once(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    statistics = opened()
    for number in range(2000):
        statistics.shown(suggestion(str(number), language="cobol"))
    statistics.flush()
    with closing(sqlite3.connect(path)) as other:
        # What was written is in the database and no longer in its log; nobody's cache is up to date.
        other.execute("UPDATE suggestion SET lines = 2")
        other.commit()
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    refuses_once(statistics, caplog)


def test_a_database_of_another_version_is_left_alone(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = opened()
    before.shown(suggestion("a"))
    before.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    refuses_once(opened(), caplog)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_place_that_cannot_be_written_is_noted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    refuses_once(Statistics(tmp_path / "file" / "stats.db"), caplog)


def test_a_database_that_stays_locked_is_noted_once(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics_store, "LOCK_S", 0.05)
    statistics = opened()
    statistics.shown(suggestion("before"))
    statistics.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refuses_once(statistics, caplog)
    assert counts(opened()).shown == 1


def refuses_once(statistics: Statistics, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is done, nothing fails, and there is one warning."""
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            for number in range(50):
                statistics.shown(suggestion(str(number)))
                statistics.outcome(str(number), "accepted")
            statistics.nothing("python", "fast", filters.NOTHING)
            assert statistics.threshold("python", "fast") == 0.0
            assert statistics.flush()
        statistics.close()
    assert len([each for each in caplog.records if "Nothing is counted" in each.getMessage()]) == 1


def test_a_full_disk_is_noted_once_and_loses_nothing_that_stood_there(opened: Open, path: Path) -> None:
    program = (
        "import logging, resource, signal, sys; from pathlib import Path\n"
        "from tests.features.statistics.test_counters import Statistics, suggestion\n"
        "logging.basicConfig()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "statistics = Statistics(Path(sys.argv[1]))\n"
        "statistics.shown(suggestion('first'))\n"
        "assert statistics.flush()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))\n"
        "for number in range(500):\n"
        "    statistics.shown(suggestion(str(number)))\n"
        "    assert statistics.flush()\n"
        "statistics.close()\n"
        # Who measures the coverage of this program writes its data at the end.
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("Nothing is counted") == ran.stderr.count("\n") == 1
    assert 1 < counts(opened()).shown < 500


def test_deleting_leaves_nothing_of_it_and_servers_go_on(opened: Open, path: Path) -> None:
    statistics = opened()
    for number in range(100):
        statistics.shown(suggestion(str(number), language="befunge"))
    statistics.nothing("befunge", "fast", filters.NOTHING)
    statistics.flush()
    assert erase(path) == 100
    assert b"befunge" not in b"".join(each.read_bytes() for each in path.parent.iterdir())
    statistics.outcome("99", "accepted")
    statistics.shown(suggestion("new"))
    total = counts(statistics)
    assert (total.shown, total.accepted) == (1, 0)


def test_without_a_database_there_is_nothing_and_none_is_made(opened: Open, path: Path) -> None:
    statistics = opened()
    assert counts(statistics).shown == 0
    assert counts(statistics).rate is None
    assert erase(path) == 0
    statistics.close()
    assert not path.parent.exists()


def test_after_the_end_nothing_is_counted(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.close()
    statistics.shown(suggestion("b"))
    statistics.outcome("a", "accepted")
    assert statistics.flush()
    total = counts(statistics)
    assert (total.shown, total.accepted) == (1, 0)


def test_a_confidence_that_is_no_number_does_no_harm(opened: Open) -> None:
    statistics = opened()
    for number, confidence in enumerate((float("nan"), float("inf"), -1.0, 7.0)):
        statistics.shown(suggestion(str(number), confidence=confidence))
    assert counts(statistics).shown == 4


@pytest.mark.parametrize("kind", get_args(Outcome))
def test_every_outcome_may_come_alone(opened: Open, kind: Outcome) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.outcome("a", kind)
    assert getattr(counts(statistics), kind) == 1


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40), st.integers(1, 100))
def test_so_many_percent_do_not_exceed_a_percentile(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(each <= found for each in values) * 100 >= percent * len(values)
    assert sum(each < found for each in values) * 100 < percent * len(values)
