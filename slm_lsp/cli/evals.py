"""`slm-lsp eval NAME`: what completions are worth, as a table or as JSON."""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from slm_lsp.cli.output import emit, emit_json, note, progress_console

TASKS = 200
EVERY = 10
"""Without a terminal, a line of progress after so many tasks."""

BUDGET = 1000

LINES = 1033
"""Every single line of HumanEval."""

RUNS = 127
"""A run of lines of each problem that has one."""

TIMED = 40

CHOOSE = "ways of choosing among several answers of one model, compared on the same ones"
INFILL = "pass rate of missing lines, by tier and as an editor asks"
CROSSFILE = "lines of real projects that use a name of another file, with and without pieces of other files"
PLACES = 330
SHOWN = "what would have been shown while real files are written: precision, coverage, characters saved"
REUSE = "pass rate of lines when cells are reused, beside a fresh evaluation of the ordinary prompt"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("eval", help="measure whether completions are right")
    names = parser.add_subparsers(required=True, metavar="NAME")
    reuse = names.add_parser("reuse", parents=[common], help=REUSE, description=REUSE)
    reuse.add_argument("--tasks", type=int, default=TASKS, metavar="N", help=f"missing lines (default: {TASKS})")
    reuse.set_defaults(run=run)
    infill = names.add_parser("infill", parents=[common], help=INFILL, description=INFILL)
    infill.add_argument("--tasks", type=int, default=LINES, metavar="N", help=f"missing lines (default: {LINES}, all)")
    first = "only the first of these lines; what was answered before is not asked again"
    infill.add_argument("--first", type=int, metavar="N", help=first)
    several = f"tasks with several lines missing (default: {RUNS}, one of each problem)"
    infill.add_argument("--multi", type=int, default=RUNS, metavar="N", help=several)
    timed = f"answers to so many of the lines are timed, and asked for cold too (default: {TIMED})"
    infill.add_argument("--timed", type=int, default=TIMED, metavar="N", help=timed)
    examples = "also choose among answers by running the examples of docstrings, and report that beside the rest"
    infill.add_argument("--examples", action="store_true", help=examples)
    infill.set_defaults(run=run_infill)
    choose = names.add_parser("choose", parents=[common], help=CHOOSE, description=CHOOSE)
    choose.add_argument("--tasks", type=int, default=TASKS, metavar="N", help=f"missing lines (default: {TASKS})")
    choose.add_argument("--first", type=int, metavar="N", help=first)
    choose.add_argument("--kept", action="store_true", help="only lines that were answered before: nothing is asked")
    choose.set_defaults(run=run_choose)
    shown = names.add_parser("shown", parents=[common], help=SHOWN, description=SHOWN)
    shown.add_argument("--tasks", type=int, default=PLACES, metavar="N", help=f"places (default: {PLACES})")
    shown.set_defaults(run=run_shown)
    crossfile = names.add_parser("crossfile", parents=[common], help=CROSSFILE, description=CROSSFILE)
    crossfile.add_argument("--tasks", type=int, default=TASKS, metavar="N", help=f"lines (default: {TASKS})")
    budget = f"for pieces of other files (default: {BUDGET})"
    crossfile.add_argument("--budget", type=int, default=BUDGET, metavar="TOKENS", help=budget)
    crossfile.add_argument("--first", type=int, metavar="N", help=first)
    crossfile.add_argument("--ablation", action="store_true", help="also without each signal of the retrieval")
    crossfile.set_defaults(run=run_crossfile)


def run(args: argparse.Namespace) -> int:
    """Run `eval reuse`."""
    from slm_lsp.config import load_settings
    from slm_lsp.errors import UsageError
    from slm_lsp.evals import reuse
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import choose_model

    if args.tasks < 1:
        raise UsageError("--tasks must be at least 1.")
    settings = load_settings()
    model = choose_model(args.model or settings.model, Store(settings.models_dir))
    with _progress(args) as tell:
        report = asyncio.run(reuse.run(model.model, model.name, args.tasks, settings, tell))
    return _tell(args, report, f"{report.name}, {report.model} ({report.backend}), {report.n} tasks")


def run_shown(args: argparse.Namespace) -> int:
    """Run `eval shown`."""
    from slm_lsp.config import load_settings
    from slm_lsp.errors import UsageError
    from slm_lsp.evals import shown

    if args.tasks < 1:
        raise UsageError("--tasks must be at least 1.")
    settings = load_settings()
    settings = replace(settings, model=args.model or settings.model)
    with _progress(args) as tell:
        report = asyncio.run(shown.run(args.tasks, settings, tell))
    return _tell(args, report, f"{report.name}, {report.model} ({report.backend}), {report.n} places")


def run_infill(args: argparse.Namespace) -> int:
    """Run `eval infill`."""
    from slm_lsp.config import load_settings
    from slm_lsp.errors import UsageError
    from slm_lsp.evals import humaneval, infill

    if args.tasks < 1:
        raise UsageError("--tasks must be at least 1.")
    if args.first is not None and args.first < 1:
        raise UsageError("--first must be at least 1.")
    if args.multi < 0 or args.timed < 0:
        raise UsageError("--multi and --timed must be at least 0.")
    settings = load_settings()
    settings = replace(settings, model=args.model or settings.model)
    problems = humaneval.load_problems()
    lines = humaneval.choose(problems, args.tasks, infill.SEED)[: args.first]
    runs = humaneval.choose_runs(problems, args.multi, infill.SEED)
    with _progress(args) as tell:
        report = asyncio.run(infill.run(lines, runs, args.timed, settings, tell, examples=args.examples))
    models = ", ".join(f"{tier}: {name}" for tier, name in report.models.items())
    return _tell(args, report, f"{report.name}, {models} ({report.backend}), {report.n} tasks, {report.timed} timed")


def run_choose(args: argparse.Namespace) -> int:
    """Run `eval choose`."""
    from slm_lsp.config import load_settings
    from slm_lsp.errors import UsageError
    from slm_lsp.evals import choosing, humaneval, infill
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import choose_model

    if args.tasks < 1:
        raise UsageError("--tasks must be at least 1.")
    if args.first is not None and args.first < 1:
        raise UsageError("--first must be at least 1.")
    settings = load_settings()
    choice = choose_model(args.model or settings.model, Store(settings.models_dir))
    lines = humaneval.choose(humaneval.load_problems(), args.tasks, infill.SEED)[: args.first]
    with _progress(args) as tell:
        report = asyncio.run(choosing.run(choice, lines, settings, tell, kept=args.kept))
    return _tell(args, report, f"{report.name}, {report.model} ({report.backend}), {report.n} tasks")


def run_crossfile(args: argparse.Namespace) -> int:
    """Run `eval crossfile`."""
    from slm_lsp.config import load_settings
    from slm_lsp.errors import UsageError
    from slm_lsp.evals import crossfile, crossfile_ours, crossfile_tasks, packages, ring
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import choose_model

    if args.tasks < 1:
        raise UsageError("--tasks must be at least 1.")
    if args.first is not None and args.first < 1:
        raise UsageError("--first must be at least 1.")
    if args.budget < 0:
        raise UsageError("--budget must be at least 0.")
    settings = load_settings()
    model = choose_model(args.model or settings.model, Store(settings.models_dir))
    projects = packages.fetch_all(note=lambda text: note(args, text))
    note(args, f"choosing {args.tasks} lines of {len(projects)} packages")
    tasks = crossfile_tasks.choose(projects, args.tasks, crossfile.SEED)[: args.first]
    peers = {"none": crossfile.no_snippets, "ring": ring.source(projects, args.budget, crossfile.SEED)}
    with crossfile_ours.sources(projects, args.budget, ablation=args.ablation) as ours, _progress(args) as tell:
        ways = peers | ours
        report = asyncio.run(crossfile.run(model.model, model.name, tasks, ways, settings, args.budget, tell))
    heading = f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {report.budget_tokens} tokens"
    return _tell(args, report, f"{heading} of other files")


class _Report(Protocol):
    """What all reports have."""

    @property
    def seconds(self) -> float: ...

    def lines(self) -> Iterator[str]: ...


def _tell(args: argparse.Namespace, report: _Report, heading: str) -> int:
    """Print a report as it was asked for."""
    if args.json:
        emit_json(report)
        return 0
    emit(f"{heading}, {report.seconds:.0f} s")
    for line in report.lines():
        emit(line)
    return 0


@contextmanager
def _progress(args: argparse.Namespace) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else a line now and then; nothing with `--quiet`."""
    console = None if args.quiet else progress_console()
    if console is None:
        yield lambda done, of: note(args, f"{done} of {of} tasks") if done % EVERY == 0 else None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("tasks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("tasks", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
