"""`slm-lsp stats`: prints how many suggestions were shown and accepted, and how long they took."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, emit_table

if TYPE_CHECKING:
    from slm_lsp.features.statistics.summary import Counts, Summary

DESCRIPTION = """Shows how many suggestions editors on this machine have displayed, how many of them the user accepted,
and how long they took. The statistics stay on this machine and contain no code and no paths; see docs/statistics.md."""

COLUMNS = ("shown", "accepted", "partial", "rejected", "ignored", "rate", "95 %")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("stats", parents=[common], help="show how many suggestions were shown and accepted")
    parser.description = DESCRIPTION
    parser.epilog = "example: slm-lsp stats --days 7 --html stats.html"
    parser.add_argument(
        "--days", type=int, metavar="N", help="count only the last N days, including today (default: all)"
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with charts to FILE instead of printing tables"
    )
    parser.add_argument(
        "--force", action="store_true", help="with --html, overwrite FILE even if this command has not written it"
    )
    parser.add_argument("--reset", action="store_true", help="delete all statistics")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the summary, write the page, or delete the statistics."""
    from slm_lsp.errors import UsageError
    from slm_lsp.features.statistics.counters import Statistics
    from slm_lsp.features.statistics.feedback import KEEP_DAYS
    from slm_lsp.features.statistics.store import default_path, erase

    if args.reset and (args.html or args.days is not None):
        raise UsageError("--reset deletes all statistics and cannot be combined with --html or --days.")
    if args.force and not args.html:
        raise UsageError("--force needs --html.")
    if args.days is not None and not 1 <= args.days <= KEEP_DAYS:
        raise UsageError(f"--days must be from 1 to {KEEP_DAYS}; older statistics are deleted.")
    if args.reset:
        count = erase(default_path())
        emit_json({"deleted": count}) if args.json else emit(f"deleted: {count:,} suggestions")
        return 0
    summary = Statistics().summary(args.days)
    if args.html:
        from slm_lsp.features.statistics.page import page, write

        write(args.html, page(summary), args.force)
    if args.json:
        emit_json(summary)
    elif args.html:
        emit(f"{args.html}: written")
    else:
        _print(summary)
    return 0


def _print(summary: "Summary") -> None:
    for line in _headline(summary):
        emit(line)
    if summary.total.shown:
        for title, groups in (
            ("language", summary.by_language),
            ("tier", summary.by_tier),
            ("model", summary.by_model),
            ("source", summary.by_source),
        ):
            emit_table((title, *COLUMNS), _rows(groups))
        latencies = [
            (name, f"{each.n:,}", f"{each.p50_ms:,.0f} ms", f"{each.p95_ms:,.0f} ms")
            for name, each in summary.latency.items()
        ]
        emit_table(("latency", "answers", "p50", "p95"), latencies)
    if summary.nothing:
        emit_table(("reason for no suggestion", "times"), [(why, f"{n:,}") for why, n in summary.nothing.items()])
    learned = [
        (f"{each.language}, {each.tier}", f"{each.outcomes:,}", f"{each.threshold:.2f}")
        for each in summary.thresholds
        if each.threshold
    ]
    if learned:
        emit_table(("learned", "outcomes", "minimum confidence"), learned)


def _headline(summary: "Summary") -> Iterable[str]:
    total = summary.total
    if not total.shown:
        yield (
            "No suggestion was shown yet."
            if summary.days is None
            else f"No suggestion was shown in the last {summary.days} days."
        )
        return
    low, high = total.ci95
    yield (
        f"{summary.first} to {summary.last}: {total.shown:,} suggestions shown, {_percent(total.rate)} accepted "
        f"at least in part (95 %: {_percent(low)} to {_percent(high)})"
    )
    yield (
        f"{total.characters_accepted:,} of {total.characters_shown:,} characters accepted, "
        f"{summary.tokens:,} tokens generated"
    )
    if total.silent:
        yield f"{total.silent:,} of the ignored suggestions were shown by an editor that had not reported any outcome"


def _rows(groups: "Mapping[str, Counts]") -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for name, each in groups.items():
        figures = (each.shown, each.accepted, each.partial, each.rejected, each.ignored)
        interval = f"{each.ci95[0] * 100:.0f}-{each.ci95[1] * 100:.0f} %"
        rows.append((name, *(f"{figure:,}" for figure in figures), _percent(each.rate), interval))
    return rows


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"
