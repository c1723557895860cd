"""`slm-lsp stats`: the statistics as text, as JSON and as a web page."""

import json
import re
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from slm_lsp.features.statistics.counters import ShownSuggestion, Statistics

VOID = {"meta", "link", "br", "img", "input", "hr"}
DRAWN = {"rect", "line"}


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "slm_lsp.cli.main", "stats", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def database(home: dict[str, str]) -> Path:
    return Path(home["XDG_STATE_HOME"]) / "slm-lsp" / "stats.db"


@pytest.fixture
def with_statistics(home: dict[str, str]) -> dict[str, str]:
    """An environment with 40 shown suggestions: 30 today and 10 a week ago. On both days half were accepted."""
    for age, count, language in ((7, 10, "go"), (0, 30, "python")):
        day = date.today() - timedelta(days=age)
        statistics = Statistics(database(home), lambda day=day: day)  # type: ignore[misc]
        for number in range(count):
            shown = ShownSuggestion(str(number), language, "fast", "qwen2.5-coder-0.5b", "engine", 0.8, 20, 1, 90.0, 5)
            statistics.shown(shown)
            if number < count // 2:
                statistics.outcome(str(number), "accepted")
        statistics.not_shown("python", "fast", "the model has nothing to suggest here")
        statistics.close()
    return home


def test_a_table_shows_acceptance_by_language_and_tier(with_statistics: dict[str, str]) -> None:
    found = run(with_statistics)
    assert (found.returncode, found.stderr) == (0, "")
    assert "40 suggestions shown, 50.0 % accepted at least in part (95 %: 35.2 % to 64.8 %)" in found.stdout
    assert "400 of 800 characters accepted, 200 tokens generated" in found.stdout
    rows = [line.split() for line in found.stdout.splitlines()]
    assert ["language", "shown", "accepted", "partial", "rejected", "ignored", "rate", "95", "%"] in rows
    assert ["python", "30", "15", "0", "0", "15", "50.0", "%", "33-67", "%"] in rows
    assert ["go", "10", "5", "0", "0", "5", "50.0", "%", "24-76", "%"] in rows
    assert ["fast", "40", "90", "ms", "90", "ms"] in rows
    assert [*["the", "model", "has", "nothing", "to", "suggest", "here"], "2"] in rows


def test_json_has_all_documented_keys(with_statistics: dict[str, str]) -> None:
    report = json.loads(run(with_statistics, "--json").stdout)
    assert report.keys() == {
        *("days", "first", "last", "total", "by_language", "by_tier", "by_model", "by_source"),
        *("latency", "histogram", "daily", "tokens", "nothing", "thresholds"),
    }
    assert report["total"]["shown"] == 40
    assert report["total"]["rate"] == 0.5
    assert report["by_language"]["go"]["ci95"] == pytest.approx([0.237, 0.763], abs=1e-3)
    assert report["latency"]["fast"] == {"n": 40, "p50_ms": 90.0, "p95_ms": 90.0}
    assert [each["shown"] for each in report["daily"]] == [10, 0, 0, 0, 0, 0, 0, 30]
    documented = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    assert [key for key in report if f"`{key}`" not in documented] == []


def test_option_days_excludes_older_suggestions(with_statistics: dict[str, str]) -> None:
    assert json.loads(run(with_statistics, "--days", "7", "--json").stdout)["total"]["shown"] == 30
    assert json.loads(run(with_statistics, "--days", "8", "--json").stdout)["total"]["shown"] == 40


def test_without_statistics_a_message_is_printed_and_no_file_created(home: dict[str, str]) -> None:
    found = run(home)
    assert (found.returncode, found.stdout) == (0, "No suggestion was shown yet.\n")
    assert run(home, "--days", "3").stdout == "No suggestion was shown in the last 3 days.\n"
    assert run(home, "--reset").stdout == "deleted: 0 suggestions\n"
    assert not database(home).exists()


def test_reset_deletes_all_statistics(with_statistics: dict[str, str]) -> None:
    assert run(with_statistics, "--reset").stdout == "deleted: 40 suggestions\n"
    assert json.loads(run(with_statistics, "--json").stdout)["total"]["shown"] == 0
    assert json.loads(run(with_statistics, "--reset", "--json").stdout) == {"deleted": 0}


def test_the_command_that_the_error_for_a_damaged_database_recommends_works(with_statistics: dict[str, str]) -> None:
    database(with_statistics).write_bytes(b"damaged" * 1000)
    found = run(with_statistics)
    assert (found.returncode, found.stdout) == (1, "")
    assert re.search(
        r"stats\.db cannot be read: .*To delete them and start again, run `slm-lsp stats --reset`\.\n$", found.stderr
    )
    assert run(with_statistics, "--reset").returncode == 0
    assert run(with_statistics).stdout == "No suggestion was shown yet.\n"


def test_a_locked_database_is_still_readable(with_statistics: dict[str, str]) -> None:
    with sqlite3.connect(database(with_statistics), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "40 suggestions" in run(with_statistics).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--days", "0"], "--days must be from 1 to 180"),
        (["--days", "1000000000000"], "--days must be from 1 to 180"),
        (["--reset", "--html", "x.html"], "--reset deletes all statistics and cannot be combined"),
        (["--reset", "--days", "1"], "--reset deletes all statistics and cannot be combined"),
        (["--force"], "--force needs --html."),
        (["--days", "many"], "invalid int value"),
    ],
)
def test_wrong_usage_changes_nothing(with_statistics: dict[str, str], arguments: list[str], message: str) -> None:
    found = run(with_statistics, *arguments)
    assert found.returncode == 2
    assert message in found.stderr
    assert "40 suggestions" in run(with_statistics).stdout


class Page(HTMLParser):
    """Parses a page: its tags, the tags that are not closed, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_one_file_without_external_resources(with_statistics: dict[str, str], tmp_path: Path) -> None:
    found = run(with_statistics, "--html", str(tmp_path / "stats.html"))
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{tmp_path / 'stats.html'}: written\n", "")
    text = (tmp_path / "stats.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    names = {name for name, _ in page.tags}
    assert names & {"script", "link", "img", "iframe", "object", "embed", "image", "use"} == set()
    assert not re.search(r"https?:|url\(|@import|javascript", text)
    assert not [
        each for _, attributes in page.tags for each in attributes if each in ("src", "href") or each[:2] == "on"
    ]
    assert "prefers-color-scheme: dark" in text
    assert sum(name == "svg" for name, _ in page.tags) == 4
    assert all(each.get("aria-label") for name, each in page.tags if name == "svg")


def test_the_page_contains_the_figures_inside_its_charts(with_statistics: dict[str, str], tmp_path: Path) -> None:
    run(with_statistics, "--html", str(tmp_path / "stats.html"))
    page = Page((tmp_path / "stats.html").read_text(encoding="utf-8"))
    for text in (
        "50 % of 30",
        "50 % of 10",
        "30 shown, 15 accepted",
        "100 ms: 40",
        "the model has nothing to suggest here",
    ):
        assert text in page.text
    for _, attributes in (each for each in page.tags if each[0] in DRAWN):
        for name in ("x", "x1", "x2", "width"):
            assert 0 <= float(attributes.get(name) or 0) <= 720
        for name in ("y", "y1", "y2", "height"):
            assert 0 <= float(attributes.get(name) or 0) <= 180


def test_a_page_without_suggestions_contains_a_message(home: dict[str, str], tmp_path: Path) -> None:
    assert run(home, "--html", str(tmp_path / "stats.html"), "--days", "3").returncode == 0
    page = Page((tmp_path / "stats.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "No suggestion was shown in the last 3 days." in page.text


def test_another_file_is_overwritten_only_with_force(with_statistics: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "stats.html"
    file.write_text("<!doctype html><title>Mine</title>")
    found = run(with_statistics, "--html", str(file))
    assert found.returncode == 2
    assert "already exists and was not written by `slm-lsp stats`" in found.stderr
    assert "Mine" in file.read_text()
    assert run(with_statistics, "--html", str(file), "--force").returncode == 0
    assert "Mine" not in file.read_text()
    assert run(with_statistics, "--html", str(file), "--days", "1").returncode == 0


def test_an_unwritable_page_gives_a_one_line_error(with_statistics: dict[str, str], tmp_path: Path) -> None:
    found = run(with_statistics, "--html", str(tmp_path / "nowhere" / "stats.html"))
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert run(with_statistics, "--html", str(tmp_path)).returncode == 2


def test_html_and_json_can_be_combined(with_statistics: dict[str, str], tmp_path: Path) -> None:
    found = run(with_statistics, "--html", str(tmp_path / "stats.html"), "--json")
    assert json.loads(found.stdout)["total"]["shown"] == 40
    assert (tmp_path / "stats.html").exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("/nosuch/x.html", "the folder /nosuch does not exist"),
        ("/sys/x.html", "Choose a file in a folder that you can write to"),
    ],
)
def test_an_unwritable_page_gives_the_reason(home: dict[str, str], file: str, message: str) -> None:
    found = run(home, "--html", file)
    assert found.returncode == 1
    assert found.stderr.startswith(f"slm-lsp: {file} cannot be written: ")
    assert message in found.stderr
    assert "Errno" not in found.stderr
