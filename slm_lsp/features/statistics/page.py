"""Renders the statistics as a single HTML file, which contains all plots and needs neither scripts nor other files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2

from slm_lsp.errors import StatisticsError, UsageError, cure_for_write_error
from slm_lsp.features.statistics.summary import Counts, Day, LatencyBin, Summary

GENERATOR = "slm-lsp stats"
"""Content of the `generator` meta tag. The tag marks files that this command may overwrite."""

HEAD_BYTES = 1024
"""Number of bytes at the start of a file in which the meta tag is searched."""

MAX_BARS = 15
"""Maximum number of bars in a plot of rates."""

# Lengths are in SVG units. On a screen that is wide enough, one unit is one pixel.
WIDTH = 720
NAMES = 150
"""Width of the names to the left of the bars."""
FIGURES = 160
"""Width of the figures to the right of the bars."""
ROW = 26
HEIGHT = 180
LEFT = 44
"""Width of the axis labels to the left of the columns."""
BELOW = 24
"""Height of the axis labels below a plot."""
GAP_SHARE = 0.2
"""Share of the width available for a column that stays empty."""
MAX_COLUMN = 36


@dataclass(frozen=True, slots=True)
class RateBar:
    """A horizontal bar for a rate, with its confidence interval."""

    name: str
    y: int
    width: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A vertical bar. The accepted part is drawn over it as an inner bar."""

    x: float
    width: float
    y: float
    height: float
    inner_y: float
    inner_height: float
    title: str
    label: str
    """Label under the axis; empty if the column has none."""
    anchor: str
    """Value of SVG's `text-anchor` for the label."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A column chart. `top` is the value at its upper edge."""

    columns: tuple[Column, ...]
    top: int


def page(summary: Summary) -> str:
    """Render the page."""
    source = files("slm_lsp.features.statistics").joinpath("statistics.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": "{:,.0f}".format, "percent": percent}
    rates = [
        ("by language", rate_bars(summary.by_language)),
        ("by tier", rate_bars(summary.by_tier)),
    ]
    return environment.from_string(source).render(
        summary=summary,
        generator=GENERATOR,
        rates=rates,
        omitted=max(len(summary.by_language) - MAX_BARS, 0),
        daily=day_columns(summary.daily),
        latencies=latency_columns(summary.histogram),
        width=WIDTH,
        names=NAMES,
        scale=WIDTH - NAMES - FIGURES,
        row=ROW,
        height=HEIGHT,
        left=LEFT,
        below=BELOW,
    )


def write(path: Path, text: str, force: bool) -> None:
    """Write a page to a file.

    Args:
        path: the file.
        text: the page.
        force: overwrite the file even if it is not a page of statistics.

    Raises:
        UsageError: the file exists and is not a page of statistics.
        StatisticsError: the file cannot be written.
    """
    if not path.parent.is_dir():
        raise StatisticsError(
            f"{path} cannot be written: the folder {path.parent} does not exist.",
            "Create the folder, or choose another file.",
        )
    try:
        if path.exists() and not force and not _is_statistics_page(path):
            raise UsageError(
                f"{path} already exists and was not written by `{GENERATOR}`.",
                "Choose another file, or add --force to overwrite this one.",
            )
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        cure = cure_for_write_error(error, "Choose a file in a folder that you can write to.")
        raise StatisticsError(f"{path} cannot be written: {error.strerror or error}.", cure) from error


def _is_statistics_page(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f'<meta name="generator" content="{GENERATOR}">'.encode() in file.read(HEAD_BYTES)


def percent(share: float | None) -> str:
    """Format a share as a percentage; None as a dash."""
    return "–" if share is None else f"{share * 100:.0f} %"  # noqa: RUF001 - a dash


def rate_bars(groups: Mapping[str, Counts]) -> list[RateBar]:
    """Return a bar for the acceptance rate of each group, in the same order; at most `MAX_BARS` bars."""
    scale = WIDTH - NAMES - FIGURES
    return [
        RateBar(
            name=name,
            y=number * ROW,
            width=round((counts.rate or 0.0) * scale, 1),
            low=round(counts.ci95[0] * scale, 1),
            high=round(counts.ci95[1] * scale, 1),
            text=f"{percent(counts.rate)} of {counts.shown:,}",
        )
        for number, (name, counts) in enumerate(list(groups.items())[:MAX_BARS])
    ]


def day_columns(days: Sequence[Day]) -> Columns:
    """Return a chart of the suggestions shown and accepted per day. The first, middle and last days have labels."""
    bars = [(day.shown, day.accepted, f"{day.day}: {day.shown:,} shown, {day.accepted:,} accepted") for day in days]
    labelled = {0, len(days) // 2, len(days) - 1}
    labels = [day.day[5:] if number in labelled else "" for number, day in enumerate(days)]
    return _columns(bars, labels)


def latency_columns(bins: Sequence[LatencyBin]) -> Columns:
    """Return a chart of the number of answers by latency, labelled with the upper edge of each bin."""
    labels = [_edge(each.to_ms) for each in bins]
    bars = [(each.count, 0, f"{label}: {each.count:,}") for each, label in zip(bins, labels, strict=True)]
    return _columns(bars, labels)


def _edge(to_ms: int | None) -> str:
    if to_ms is None:
        return "more"
    return f"{to_ms} ms" if to_ms < 1000 else f"{to_ms // 1000} s"


def _columns(bars: Sequence[tuple[int, int, str]], labels: Sequence[str]) -> Columns:
    top = _round_up(max((count for count, _, _ in bars), default=0))
    step = min((WIDTH - LEFT) / max(len(bars), 1), WIDTH / 11)
    width = min(step * (1 - GAP_SHARE), MAX_COLUMN)
    columns = []
    for number, ((count, inner_count, title), label) in enumerate(zip(bars, labels, strict=True)):
        height, inner_height = count / top * HEIGHT, inner_count / top * HEIGHT
        columns.append(
            Column(
                x=round(LEFT + number * step + (step - width) / 2, 2),
                width=round(width, 2),
                y=round(HEIGHT - height, 1),
                height=round(height, 1),
                inner_y=round(HEIGHT - inner_height, 1),
                inner_height=round(inner_height, 1),
                title=title,
                label=label,
                anchor="end" if width < MAX_COLUMN and number == len(bars) - 1 else "middle",
            )
        )
    return Columns(tuple(columns), top)


def _round_up(count: int) -> int:
    """Return the smallest of 1, 2, 4, 6, 8, 10, 20, 40, … that is at least `count`."""
    unit = 1
    while True:
        for factor in (1, 2, 4, 6, 8):
            if count <= factor * unit:
                return factor * unit
        unit *= 10
