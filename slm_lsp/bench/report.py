"""Reports of benchmarks: our figures, the figures of the peer (the program we compare with), and the ratio of both."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from slm_lsp.bench.conditions import Conditions


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a benchmark as `--json` prints it. Subclasses add fields."""

    name: str
    runs: int
    ours: Mapping[str, object]
    peer: Mapping[str, object]
    ratio: float | None
    """Our figure divided by the peer's; None if the peer is not available."""
    unit: str

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table, without the heading."""
        shown = "not measured" if self.ratio is None else f"{self.ratio:.3f}"
        yield f"  ratio to {self.peer['name']}: {shown}"


@dataclass(frozen=True, slots=True)
class BindingsReport(Report):
    """The report of a benchmark that runs with each binding.

    `ours` and `peer` contain the figures of each binding. `ratio` is the worst ratio of all bindings.
    """

    ratios: Mapping[str, float]

    def lines(self) -> Iterator[str]:
        """Yield one line per binding."""
        for binding, ratio in self.ratios.items():
            yield (
                f"  {binding:10s} ours {self.ours[binding]:8.2f} {self.unit}"
                f"   ratio to {self.peer['name']}: {ratio:.3f}"
            )


@dataclass(frozen=True, slots=True)
class Compared:
    """Our figures and the peer's figures with one binding."""

    ours: object
    peer: object
    ratio: float
    more: Mapping[str, object] = field(default_factory=dict)
    """Further figures of ours. In the report, each has the key `BINDING_KEY`, for example `ik_p95_ms`."""


async def compare_bindings(
    conditions: Conditions, compare: Callable[[Conditions, str], Awaitable[Compared]]
) -> dict[str, Compared]:
    """Run a comparison with each binding and return the results by binding."""
    return {binding: await compare(conditions, binding) for binding in conditions.bindings}


def bindings_report(
    name: str, conditions: Conditions, peer: str, unit: str, found: Mapping[str, Compared]
) -> BindingsReport:
    """Build the report of a comparison.

    Args:
        name: name of the benchmark.
        conditions: the conditions of the benchmark.
        peer: name of the peer.
        unit: unit of the figures. If it is a rate (`…/s`), the lowest ratio is the worst, otherwise the highest.
        found: figures by binding.
    """
    ours: dict[str, object] = {}
    for binding, each in found.items():
        ours[binding] = each.ours
        ours |= {f"{binding}_{key}": value for key, value in each.more.items()}
    ratios = {binding: each.ratio for binding, each in found.items()}
    theirs = {"name": peer, **{binding: each.peer for binding, each in found.items()}}
    worst = min(ratios.values()) if unit.endswith("/s") else max(ratios.values())
    return BindingsReport(name, conditions.runs, ours, theirs, worst, unit, ratios)


def paired_ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios of paired runs. Slow changes of the machine's speed hardly change it."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))
