"""The statistics as a page: one HTML file with its plots in it, without scripts and without anything from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2

from slm_lsp.errors import StatisticsError, UsageError, cure_for_write_error
from slm_lsp.features.statistics.summary import Counts, Day, Step, Summary

GENERATOR = "slm-lsp stats"
"""By this in its head a page of ours is known again."""

HEAD_BYTES = 1024
"""The generator stands within."""

MOST_BARS = 15
"""Languages beyond are not drawn."""

# Lengths are in units of the drawings, which are shown 1 pixel large where there is room.
WIDTH = 720
NAMES = 150
FIGURES = 160
ROW = 26
HEIGHT = 180
LEFT = 44
BELOW = 24
GAP_SHARE = 0.2
MOST_COLUMN = 36


@dataclass(frozen=True, slots=True)
class RateBar:
    """A rate with its interval, drawn as a bar from the left."""

    name: str
    y: int
    width: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A bar from below; what was accepted of it is drawn over it."""

    x: float
    width: float
    y: float
    height: float
    inner_y: float
    inner_height: float
    title: str
    label: str
    """Under the axis; empty where there is no room for one."""
    anchor: str
    """Which part of the label stands under the middle of the bar, as SVG says it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Bars side by side; `top` is what the line at the top stands for."""

    columns: tuple[Column, ...]
    top: int


def page(summary: Summary) -> str:
    """The page."""
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
        left_out=max(len(summary.by_language) - MOST_BARS, 0),
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
    """Write a page; a file that is no page of ours is replaced with `force` only.

    Raises:
        UsageError: another file is there.
        StatisticsError: the page cannot be written.
    """
    if not path.parent.is_dir():
        raise StatisticsError(
            f"{path} cannot be written: there is no folder {path.parent}.", "Make it, or name another file."
        )
    try:
        if path.exists() and not force and not _is_ours(path):
            raise UsageError(f"{path} is there and no page of `{GENERATOR}`.", "Take another name, or add --force.")
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        cure = cure_for_write_error(error, "Name a file in a folder that you may write.")
        raise StatisticsError(f"{path} cannot be written: {error.strerror or error}.", cure) from error


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f'<meta name="generator" content="{GENERATOR}">'.encode() in file.read(HEAD_BYTES)


def percent(share: float | None) -> str:
    """A share for people."""
    return "–" if share is None else f"{share * 100:.0f} %"  # noqa: RUF001 - a dash


def rate_bars(groups: Mapping[str, Counts]) -> list[RateBar]:
    """Acceptance of each group, those shown most first."""
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
        for number, (name, counts) in enumerate(list(groups.items())[:MOST_BARS])
    ]


def day_columns(days: Sequence[Day]) -> Columns:
    """Suggestions a day, and those accepted at least in part."""
    bars = [(day.shown, day.accepted, f"{day.day}: {day.shown:,} shown, {day.accepted:,} accepted") for day in days]
    labelled = {0, len(days) // 2, len(days) - 1}
    labels = [day.day[5:] if number in labelled else "" for number, day in enumerate(days)]
    return _columns(bars, labels)


def latency_columns(steps: Sequence[Step]) -> Columns:
    """How many answers came how soon."""
    labels = [_milliseconds(step.to_ms) for step in steps]
    bars = [(step.count, 0, f"{label}: {step.count:,}") for step, label in zip(steps, labels, strict=True)]
    return _columns(bars, labels)


def _milliseconds(to_ms: int | None) -> str:
    if to_ms is None:
        return "more"
    return f"{to_ms} ms" if to_ms < 1000 else f"{to_ms // 1000} s"


def _columns(bars: Sequence[tuple[int, int, str]], labels: Sequence[str]) -> Columns:
    top = _round_up(max((count for count, _, _ in bars), default=0))
    step = min((WIDTH - LEFT) / max(len(bars), 1), WIDTH / 11)
    wide = min(step * (1 - GAP_SHARE), MOST_COLUMN)
    drawn = []
    for number, ((count, inner, title), label) in enumerate(zip(bars, labels, strict=True)):
        tall, taken = count / top * HEIGHT, inner / top * HEIGHT
        drawn.append(
            Column(
                x=round(LEFT + number * step + (step - wide) / 2, 2),
                width=round(wide, 2),
                y=round(HEIGHT - tall, 1),
                height=round(tall, 1),
                inner_y=round(HEIGHT - taken, 1),
                inner_height=round(taken, 1),
                title=title,
                label=label,
                anchor="end" if wide < MOST_COLUMN and number == len(bars) - 1 else "middle",
            )
        )
    return Columns(tuple(drawn), top)


def _round_up(count: int) -> int:
    """The next of 1, 2, 4, 6, 8, 10, 20, 40 and so on."""
    unit = 1
    while True:
        for factor in (1, 2, 4, 6, 8):
            if count <= factor * unit:
                return factor * unit
        unit *= 10
