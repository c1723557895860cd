"""Suggestions and outcomes are counted without their text, and counting never delays or fails a completion."""

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
from slm_lsp.features.statistics.counters import QUEUE, ShownSuggestion, Statistics, SuggestionOutcome
from slm_lsp.features.statistics.feedback import KEEP_DAYS, PENDING, group_of
from slm_lsp.features.statistics.store import LOCK_S, erase
from slm_lsp.features.statistics.summary import Counts
from slm_lsp.features.statistics.threshold import WINDOW
from slm_lsp.proportions import percentile

TODAY = date(2026, 3, 31)
Open = Callable[..., Statistics]


def suggestion(id: str, **other: object) -> ShownSuggestion:  # noqa: A002
    names = {"language": "python", "tier": "fast", "model": "qwen2.5-coder-0.5b", "source": "engine"}
    figures = {"confidence": 0.5, "characters": 20, "lines": 1, "latency_ms": 100.0, "tokens": 6}
    return ShownSuggestion(id, **(names | figures | other))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stats.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Return a function that opens the statistics as a server does. Its argument is the current date."""
    made: list[Statistics] = []

    def make(today: date = TODAY) -> Statistics:
        made.append(Statistics(path, lambda: today))
        return made[-1]

    yield make
    for each in made:
        each.close()


def counts(statistics: Statistics) -> Counts:
    return statistics.summary().total


def test_shown_suggestions_and_outcomes_are_counted(opened: Open) -> None:
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


def test_replaced_suggestion_is_not_counted(opened: Open) -> None:
    statistics = opened()
    for each in ("other", "replaced"):
        statistics.shown(suggestion(each))
    statistics.outcome("other", "accepted")
    statistics.replaced("replaced")
    statistics.shown(suggestion("better", tier="strong"))
    statistics.outcome("replaced", "ignored")  # a client may report this when it shows the better suggestion
    statistics.outcome("better", "accepted")
    total = counts(statistics)
    assert (total.shown, total.accepted, total.rejected, total.ignored) == (2, 2, 0, 0)
    assert statistics.summary().by_tier["strong"].shown == 1


def test_partly_accepted_suggestion_still_counts_after_it_was_replaced(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("one"))
    statistics.outcome("one", "partial", 4)
    statistics.replaced("one")
    assert (counts(statistics).shown, counts(statistics).partial) == (1, 1)


def test_summary_groups_by_language_tier_model_and_source(opened: Open) -> None:
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


def test_best_outcome_is_kept_in_any_order(opened: Open) -> None:
    statistics = opened()
    reports: list[tuple[SuggestionOutcome, int | None]] = [
        ("ignored", None),
        ("rejected", None),
        ("partial", 5),
        ("accepted", None),
    ]
    for number, order in enumerate(permutations(reports)):
        statistics.shown(suggestion(str(number)))
        for outcome, characters in order:
            statistics.outcome(str(number), outcome, characters)
    total = counts(statistics)
    assert (total.shown, total.accepted, total.characters_accepted) == (24, 24, 480)


def test_suggestion_accepted_word_by_word_counts_once(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    for characters in (4, 9, 9, 13):
        statistics.outcome("a", "partial", characters)
    assert counts(statistics).characters_accepted == 13
    statistics.outcome("a", "partial", 10**30)
    assert counts(statistics).characters_accepted == 20
    statistics.outcome("a", "partial", -5)
    statistics.outcome("a", "accepted", 18)
    total = counts(statistics)
    assert (total.accepted, total.partial, total.characters_accepted) == (1, 0, 20)


def test_suggestion_shown_again_while_the_user_types_it_counts_once(opened: Open) -> None:
    statistics = opened()
    for characters in (20, 19, 18):
        statistics.shown(suggestion("a", characters=characters))
    assert counts(statistics).shown == 1


def test_outcomes_of_unknown_suggestions_are_ignored(opened: Open) -> None:
    statistics = opened()
    statistics.outcome("never shown", "accepted")
    for number in range(PENDING + 1):
        statistics.shown(suggestion(str(number)))
    statistics.outcome("0", "accepted")
    total = counts(statistics)
    assert (total.shown, total.accepted) == (PENDING + 1, 0)


def test_nothing_is_learned_from_missing_outcomes_until_the_editor_reports_one(opened: Open) -> None:
    silent, reporting = opened(), opened()
    for number in range(60):
        silent.shown(suggestion(str(number), confidence=0.1))
        silent.outcome(str(number), "ignored")
    assert counts(silent).silent == 60
    assert silent.threshold("python", "fast") == 0.0
    for number in range(60):
        reporting.shown(suggestion(str(number), confidence=0.1))
    reporting.outcome("59", "rejected")
    total = counts(reporting)
    assert (total.shown, total.ignored, total.rejected, total.silent) == (120, 119, 1, 60)
    assert reporting.threshold("python", "fast") == 0.15


def test_threshold_is_learned_per_language_and_tier_and_survives_a_restart(opened: Open) -> None:
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


def test_threshold_falls_when_newer_outcomes_replace_the_rejections(opened: Open) -> None:
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


def test_reasons_for_showing_nothing_are_counted(opened: Open) -> None:
    statistics = opened()
    for reason in (filters.EMPTY, filters.REPEATS_BELOW, filters.REPEATS_BELOW, completion.SECRET):
        statistics.not_shown("python", "fast", reason)
    assert list(statistics.summary().nothing.items()) == [
        (filters.REPEATS_BELOW, 2),
        (completion.SECRET, 1),
        (filters.EMPTY, 1),
    ]


def test_last_days_include_today_and_old_days_are_deleted(opened: Open) -> None:
    for age in (KEEP_DAYS + 1, KEEP_DAYS, 7, 6, 0):
        earlier = opened(TODAY - timedelta(days=age))
        earlier.shown(suggestion("a"))
        earlier.not_shown("python", "fast", filters.EMPTY)
        earlier.close()
    statistics = opened()
    assert statistics.summary(7).total.shown == 2
    assert statistics.summary(7).nothing[filters.EMPTY] == 2
    week = statistics.summary(8).daily
    assert [each.shown for each in week] == [1, 1, 0, 0, 0, 0, 0, 1]
    assert week[-1].day == "2026-03-31"
    found = statistics.summary()
    assert (found.total.shown, found.nothing[filters.EMPTY]) == (4, 4)
    assert found.first == (TODAY - timedelta(days=KEEP_DAYS)).isoformat()


PRIVATE = ["/home/ann/secret/plan.py", "C:\\Users\\ann\\plan.py", "file:///home/ann/plan.py", "return password + salt"]


@pytest.mark.parametrize("private", [*PRIVATE, "x = 1", "\ud800", "../up", "a\nb", "a" * 500])
def test_neither_code_nor_paths_are_stored(opened: Open, path: Path, private: str) -> None:
    statistics = opened()
    statistics.shown(suggestion(private, language=private, tier=private, model=private))
    statistics.not_shown(private, private, private + "()")
    statistics.outcome(private, "accepted")
    found = statistics.summary()
    assert [*found.by_language, *found.by_tier, *found.by_model, *found.nothing] == ["other"] * 4
    statistics.close()
    stored = b"".join(each.read_bytes() for each in path.parent.iterdir())
    for word in (b"ann", b"plan", b"password", b"a" * 81, b"x = 1"):
        assert word not in stored


def test_documentation_names_every_column(opened: Open, path: Path) -> None:
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
def test_stored_names_never_contain_paths_or_code(language: str, tier: str | None) -> None:
    for each in group_of(language, tier):
        assert each.isascii()
        assert not set(each) & set("/\\ :;=()\n")


@pytest.mark.parametrize("language", ["python", "c++", "objective-c", "c#", "typescriptreact", "F_1.x"])
def test_language_names_are_stored_unchanged(language: str) -> None:
    assert group_of(language, None) == (language, "other")


def test_only_this_user_can_read_the_database(opened: Open, path: Path) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.flush()
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_processes_can_write_at_the_same_time(opened: Open, path: Path) -> None:
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
        _, stderr = each.communicate(timeout=60)
        assert (each.returncode, stderr) == (0, b"")
    total = counts(opened())
    assert (total.shown, total.accepted) == (600, 600)


def test_locked_database_delays_writes_but_not_the_caller(opened: Open, path: Path) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.flush()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    durations = []
    for number in range(QUEUE + 200):
        start = time.perf_counter()
        statistics.shown(suggestion(str(number)))
        statistics.threshold("python", "fast")
        durations.append(time.perf_counter() - start)
    assert max(durations) < LOCK_S  # A call that waited for the lock would take `LOCK_S`.
    assert not statistics.flush(0.05)
    other.execute("ROLLBACK")
    other.close()
    assert statistics.flush(10)
    assert QUEUE <= counts(statistics).shown <= QUEUE + 201


@pytest.mark.parametrize(
    "damage", [b"no database at all, but long enough to look like one" * 100, b"SQLite format 3\0"]
)
def test_damaged_database_is_logged_once(
    opened: Open, path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    check_one_warning(opened(), caplog)
    assert path.read_bytes().startswith(damage[:16])
    with pytest.raises(StatisticsError, match="slm-lsp stats --reset"):
        opened().summary()
    assert erase(path) == 0
    again = opened()
    again.shown(suggestion("a"))
    assert counts(again).shown == 1


def test_database_that_is_damaged_while_in_use_is_logged_once(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    statistics = opened()
    for number in range(2000):
        statistics.shown(suggestion(str(number), language="cobol"))
    statistics.flush()
    with closing(sqlite3.connect(path)) as other:
        # Move all rows from the write-ahead log to the database file, and make the page caches stale.
        other.execute("UPDATE suggestion SET lines = 2")
        other.commit()
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    check_one_warning(statistics, caplog)


def test_database_of_another_version_is_not_changed(opened: Open, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = opened()
    before.shown(suggestion("a"))
    before.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    check_one_warning(opened(), caplog)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)


def test_unwritable_path_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    check_one_warning(Statistics(tmp_path / "file" / "stats.db"), caplog)


def test_database_that_stays_locked_is_logged_once(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics_store, "LOCK_S", 0.05)
    statistics = opened()
    statistics.shown(suggestion("before"))
    statistics.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        check_one_warning(statistics, caplog)
    assert counts(opened()).shown == 1


def check_one_warning(statistics: Statistics, caplog: pytest.LogCaptureFixture) -> None:
    """Check that no method fails and that exactly one warning is logged."""
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            for number in range(50):
                statistics.shown(suggestion(str(number)))
                statistics.outcome(str(number), "accepted")
            statistics.not_shown("python", "fast", filters.EMPTY)
            assert statistics.threshold("python", "fast") == 0.0
            assert statistics.flush()
        statistics.close()
    assert len([each for each in caplog.records if "Suggestions are not counted" in each.getMessage()]) == 1


def test_full_disk_is_logged_once_and_loses_no_earlier_rows(opened: Open, path: Path) -> None:
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
        # Lift the limit, so that a coverage measurement can write its data at exit.
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("Suggestions are not counted") == ran.stderr.count("\n") == 1
    assert 1 < counts(opened()).shown < 500


def test_erase_removes_all_data_from_the_disk_and_servers_continue_counting(opened: Open, path: Path) -> None:
    statistics = opened()
    for number in range(100):
        statistics.shown(suggestion(str(number), language="befunge"))
    statistics.not_shown("befunge", "fast", filters.EMPTY)
    statistics.flush()
    assert erase(path) == 100
    assert b"befunge" not in b"".join(each.read_bytes() for each in path.parent.iterdir())
    statistics.outcome("99", "accepted")
    statistics.shown(suggestion("new"))
    total = counts(statistics)
    assert (total.shown, total.accepted) == (1, 0)


def test_reading_does_not_create_a_missing_database(opened: Open, path: Path) -> None:
    statistics = opened()
    assert counts(statistics).shown == 0
    assert counts(statistics).rate is None
    assert erase(path) == 0
    statistics.close()
    assert not path.parent.exists()


def test_nothing_is_counted_after_close(opened: Open) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.close()
    statistics.shown(suggestion("b"))
    statistics.outcome("a", "accepted")
    assert statistics.flush()
    total = counts(statistics)
    assert (total.shown, total.accepted) == (1, 0)


def test_invalid_confidences_are_accepted(opened: Open) -> None:
    statistics = opened()
    for number, confidence in enumerate((float("nan"), float("inf"), -1.0, 7.0)):
        statistics.shown(suggestion(str(number), confidence=confidence))
    assert counts(statistics).shown == 4


@pytest.mark.parametrize("outcome", get_args(SuggestionOutcome))
def test_single_outcome_is_counted(opened: Open, outcome: SuggestionOutcome) -> None:
    statistics = opened()
    statistics.shown(suggestion("a"))
    statistics.outcome("a", outcome)
    assert getattr(counts(statistics), outcome) == 1


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40), st.integers(1, 100))
def test_percentile_is_the_smallest_value_with_enough_values_at_or_below_it(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(each <= found for each in values) * 100 >= percent * len(values)
    assert sum(each < found for each in values) * 100 < percent * len(values)
