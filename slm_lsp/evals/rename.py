"""`eval rename`: whether the tests or type checks of real packages have the same results after symbols are renamed.

Symbols are drawn at random from the source of each package, evenly over their kinds. A group of renamings is applied
to a fresh copy of the package, one after the other, and the package's check runs in the sandbox. If its result differs
from the result before, each renaming of the group is checked alone. Refused renamings are counted separately.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from slm_lsp.errors import RenameRefusedError, SlmError, UsageError
from slm_lsp.evals.rename_packages import LIMITS, SITE, Checked
from slm_lsp.features.edit.rename.families import FAMILIES, KINDS, family_of
from slm_lsp.features.edit.rename.model import Key
from slm_lsp.features.edit.rename.rename import rename
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.harness.report import Rate, interval
from slm_lsp.harness.tasks import OnProgress
from slm_lsp.languages.registry import language_of
from slm_lsp.languages.symbols import CALLABLE, TYPES, definitions
from slm_lsp.sandbox.isolation import Setting
from slm_lsp.sandbox.run import File, Outcome, run

SEED = 20

_SPECIAL = re.compile(r"__\w+__|constructor")
"""Names with a special meaning, which are never drawn."""

_WORD = re.compile(r"#?[^\W\d][\w$]*")

GROUP = 10
"""Number of renamings that are checked together."""

Check = Callable[[Checked, Mapping[str, str]], Awaitable[Outcome]]
"""Runs the check of a package with new texts of some files."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol to rename."""

    path: str
    key: Key
    kind: str


class PackageReport(msgspec.Struct, frozen=True):
    """Results of one package."""

    n: int
    renamed: int
    refused: int
    kept: int
    by_kind: dict[str, int]
    """Renamed symbols by kind."""
    refused_by_kind: dict[str, int]


class RenameReport(msgspec.Struct, frozen=True):
    """The result of `eval rename`."""

    name: str
    n: int
    """Symbols that were drawn."""
    renamed: int
    refused: int
    kept: int
    """Renamed symbols after which the package's check had the same result as before."""
    rate: float
    """`kept` / `renamed`."""
    ci95: tuple[float, float]
    packages: dict[str, PackageReport]
    broken: list[str]
    """The renamings after which the check had another result."""
    seconds: float

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        for name, each in self.packages.items():
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(each.by_kind.items()))
            yield f"  {name:12s} {each.kept} of {each.renamed} kept ({kinds}), {each.refused} refused"
        yield f"  all          {self.rate:.3f}, {interval(self.ci95)}"
        for broken in self.broken:
            yield f"  broken: {broken}"


async def evaluate(
    packages: Sequence[Checked], count: int, isolation: Setting, on_progress: OnProgress, check: Check | None = None
) -> RenameReport:
    """Rename symbols of all packages until `count` symbols of each are renamed or no symbol is left.

    Args:
        packages: the packages.
        count: number of symbols of each package to rename.
        isolation: the user's setting `sandbox`.
        on_progress: called after each renaming.
        check: runs the check of a package with a renaming; by default in the sandbox.

    Raises:
        SlmError: the check of an unchanged package fails or cannot run.
    """
    began = time.monotonic()
    run_check = check or (lambda package, texts: run_in_sandbox(package, texts, isolation))
    reports: dict[str, PackageReport] = {}
    broken: list[str] = []
    for number, package in enumerate(packages):
        reports[package.name] = await _package(
            package, count, run_check, broken, partial(_step, on_progress, number * count, len(packages) * count)
        )
    renamed = sum(each.renamed for each in reports.values())
    kept = sum(each.kept for each in reports.values())
    rate = Rate.of(kept, renamed) if renamed else Rate(0.0, (0.0, 1.0))
    return RenameReport(
        name="rename",
        n=sum(each.n for each in reports.values()),
        renamed=renamed,
        refused=sum(each.refused for each in reports.values()),
        kept=kept,
        rate=rate.rate,
        ci95=rate.ci95,
        packages=reports,
        broken=broken,
        seconds=time.monotonic() - began,
    )


def _step(on_progress: OnProgress, before: int, total: int, done: int) -> None:
    on_progress(before + done, total)


async def _package(
    package: Checked, count: int, check: Check, broken: list[str], on_step: Callable[[int], None]
) -> PackageReport:
    outcome = await check(package, {})
    if outcome.exit is None:
        raise SlmError(f"The check of {package.name} does not run: {outcome.explanation}")
    before = package.result(outcome)

    async def keeps(texts: Mapping[str, str]) -> bool:
        return package.result(await check(package, texts)) == before

    kept = 0
    renamed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    group: list[Symbol] = []
    texts: dict[str, str] = {}
    pending = symbols(package)[::-1]
    while pending and renamed.total() < count:
        symbol = pending.pop()
        changed = _renamed(package, texts, symbol)
        if changed is None:
            refused[symbol.kind] += 1
        else:
            renamed[symbol.kind] += 1
            group.append(symbol)
            texts |= changed
        if group and (len(group) == GROUP or renamed.total() == count or not pending):
            wrong = [] if await keeps(texts) else [each for each in group if not await keeps(_alone(package, each))]
            broken += [f"{package.name}: {each.path}: {each.kind} {each.key[3]}" for each in wrong]
            kept += len(group) - len(wrong)
            group, texts = [], {}
            on_step(renamed.total())
    drawn = renamed.total() + refused.total()
    return PackageReport(drawn, renamed.total(), refused.total(), kept, dict(renamed), dict(refused))


def _alone(package: Checked, symbol: Symbol) -> dict[str, str]:
    return _renamed(package, {}, symbol) or {}


def _renamed(package: Checked, texts: Mapping[str, str], symbol: Symbol) -> dict[str, str] | None:
    """Return the new texts of the files that a renaming changes; None if it is refused.

    Args:
        package: the package.
        texts: texts of the files that differ from those on disk.
        symbol: the symbol; its key is the same in `texts`.
    """
    sources = Sources(package.root, texts)
    name = symbol.key[3]
    resolver = family_of(sources, symbol.path).resolver(sources)
    places = [each for each in resolver.occurrences(symbol.path, frozenset({name})) if each.key == symbol.key]
    if not places:
        return None
    before = (sources.text(symbol.path) or "").encode("utf-8")[: places[0].start]
    try:
        found = rename(sources, symbol.path, len(before.decode("utf-8")), f"{name}_renamed")
    except (RenameRefusedError, UsageError):
        return None
    return {each.path: each.new for each in found.change.files}


async def run_in_sandbox(package: Checked, texts: Mapping[str, str], isolation: Setting) -> Outcome:
    """Run the check of a package on a copy with new texts of some files."""
    files: dict[str, bytes | str | File | Path] = {
        path.relative_to(package.root).as_posix(): path for path in package.root.rglob("*") if path.is_file()
    }
    files |= package.extra
    files |= texts
    environ = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONPATH": SITE}
    return await run(
        package.argv, files=files, limits=LIMITS, readable=package.readable, environ=environ, isolation=isolation
    )


def symbols(package: Checked) -> list[Symbol]:
    """Return the symbols that the package's source defines, in random order: one symbol of each kind in turn."""
    sources = Sources(package.root, {})
    by_kind: dict[str, list[Symbol]] = {}
    for path in sources.files:
        if not package.is_test.search(path):
            for each in _symbols_of(sources, path):
                by_kind.setdefault(each.kind, []).append(each)
    dice = random.Random(f"{SEED} {package.name}")  # noqa: S311 - a sample, no secret
    piles = [dice.sample(pile, len(pile)) for _, pile in sorted(by_kind.items())]
    turns = range(max((len(pile) for pile in piles), default=0))
    return [pile[turn] for turn in turns for pile in piles if turn < len(pile)]


def _symbols_of(sources: Sources, path: str) -> Iterator[Symbol]:
    language, text, parsed = language_of(path), sources.text(path), sources.tree(path)
    family = next((each for each in FAMILIES if language is not None and language.name in each.languages), None)
    if language is None or text is None or parsed is None or family is None:
        return
    source = parsed[2]
    kinds = {each.name: each.kind for each in definitions(language, parsed[1], source)}
    seen: set[Key] = set()
    for each in family.resolver(sources).occurrences(path, frozenset(_WORD.findall(text))):
        if each.key is not None and each.key[1] == path and each.key[0] in KINDS and each.key not in seen:
            if _SPECIAL.fullmatch(each.name):
                continue
            seen.add(each.key)
            yield Symbol(path, each.key, _kind(each.key[0], kinds.get(each.name, "")))


def _kind(key: str, definition: str) -> str:
    """Return the kind of a symbol that the report shows, from the kind of its key and the kind of its definition."""
    if key == "member":
        return "method" if definition in CALLABLE else "attribute"
    if key == "module":
        return "class" if definition in TYPES else "function" if definition in CALLABLE else "variable"
    return key
