"""`slm-lsp eval NAME`: evaluates completions and prints a table or JSON."""

import argparse
import asyncio
from dataclasses import replace

from slm_lsp.cli.harness import chosen_model, print_report, require, task_progress
from slm_lsp.cli.output import note

TASKS = 200
BUDGET = 1000
LINES = 1033
"""Number of lines in HumanEval's solutions."""

RUNS = 127
"""Number of HumanEval problems with a task that omits several lines in a row."""

TIMED = 40
POSITIONS = 330

CHOOSE = "compare rules that choose among several answers of one model"
INFILL = "pass rate of missing lines, by tier and as in an editor"
CROSSFILE = "lines of real projects that use a name of another file, with and without snippets of other files"
SHOWN = "what an editor would show while real files are written: precision, coverage, characters saved"
REUSE = "pass rate of lines if KV cells are reused, compared with fresh evaluation"
FIX = "how many seeded bugs are fixed, by the bare model and by slm-lsp's edits, without and with tests"
EDIT = "how many instructions are carried out so that tests pass, by the bare model and by slm-lsp's edits"
RENAME = "whether renamed symbols of real packages keep the packages' own tests or type checks as they were"
RENAMES = 100
"""Number of renamings in each package."""

OWN = "the tasks in fixtures/tasks of the source repository"
FIRST = "use only the first N of these lines; answers kept from earlier runs are not generated again"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("eval", help="measure how often completions are correct")
    names = parser.add_subparsers(required=True, metavar="NAME")

    reuse = names.add_parser("reuse", parents=[common], help=REUSE, description=REUSE)
    _add_number(reuse, "--tasks", f"number of missing lines (default: {TASKS})", TASKS)
    reuse.set_defaults(run=run_reuse)

    infill = names.add_parser("infill", parents=[common], help=INFILL, description=INFILL)
    _add_number(infill, "--tasks", f"number of missing lines (default: {LINES}, all)", LINES)
    _add_number(infill, "--first", FIRST)
    _add_number(infill, "--multi", f"number of tasks with several missing lines (default: {RUNS})", RUNS)
    timed = f"number of lines for which the latency is measured, also with an unevaluated prompt (default: {TIMED})"
    _add_number(infill, "--timed", timed, TIMED)
    examples = "also report answers that are chosen by running the examples of docstrings"
    infill.add_argument("--examples", action="store_true", help=examples)
    infill.set_defaults(run=run_infill)

    choose = names.add_parser("choose", parents=[common], help=CHOOSE, description=CHOOSE)
    _add_number(choose, "--tasks", f"number of missing lines (default: {TASKS})", TASKS)
    _add_number(choose, "--first", FIRST)
    choose.add_argument("--kept", action="store_true", help="use only lines whose answers were kept in earlier runs")
    choose.set_defaults(run=run_choose)

    shown = names.add_parser("shown", parents=[common], help=SHOWN, description=SHOWN)
    _add_number(shown, "--tasks", f"number of positions (default: {POSITIONS})", POSITIONS)
    shown.set_defaults(run=run_shown)

    crossfile = names.add_parser("crossfile", parents=[common], help=CROSSFILE, description=CROSSFILE)
    _add_number(crossfile, "--tasks", f"number of lines (default: {TASKS})", TASKS)
    budget = f"maximum number of tokens of snippets of other files (default: {BUDGET})"
    crossfile.add_argument("--budget", type=int, default=BUDGET, metavar="TOKENS", help=budget)
    _add_number(crossfile, "--first", FIRST)
    crossfile.add_argument(
        "--ablation", action="store_true", help="also run with each signal of the retrieval left out in turn"
    )
    crossfile.set_defaults(run=run_crossfile)

    fix = names.add_parser("fix", parents=[common], help=FIX, description=FIX)
    data = "HumanEvalFix data, a file such as humanevalpack-python.jsonl; repeat the option for several languages"
    fix.add_argument("--data", action="append", metavar="FILE", help=f"{data} (default: {OWN})")
    _add_number(fix, "--tasks", "number of tasks of each file, evenly spread (default: all)")
    fix.set_defaults(run=run_fix)

    edit = names.add_parser("edit", parents=[common], help=EDIT, description=EDIT)
    edit.add_argument("--data", metavar="FILE", help=f"EditEval data, such as edit_eval.jsonl (default: {OWN})")
    _add_number(edit, "--tasks", "number of tasks, evenly spread (default: all)")
    edit.set_defaults(run=run_edit)

    rename = names.add_parser("rename", parents=[common], help=RENAME, description=RENAME)
    _add_number(rename, "--tasks", f"number of renamings in each package (default: {RENAMES})", RENAMES)
    rename.set_defaults(run=run_rename)


def _add_number(parser: argparse.ArgumentParser, option: str, text: str, default: int | None = None) -> None:
    parser.add_argument(option, type=int, default=default, metavar="N", help=text)


def run_reuse(args: argparse.Namespace) -> int:
    """Run `eval reuse`."""
    from slm_lsp.config import load_settings
    from slm_lsp.evals import reuse

    require(args, "tasks", 1)
    settings = load_settings()
    model = chosen_model(args, settings)
    with task_progress(args) as on_progress:
        report = asyncio.run(reuse.run(model.model, model.name, args.tasks, settings, on_progress))
    heading = f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {report.seconds:.0f} s"
    return print_report(args, report, heading)


def run_shown(args: argparse.Namespace) -> int:
    """Run `eval shown`."""
    from slm_lsp.config import load_settings
    from slm_lsp.evals import shown

    require(args, "tasks", 1)
    settings = load_settings()
    settings = replace(settings, model=args.model or settings.model)
    with task_progress(args) as on_progress:
        report = asyncio.run(shown.run(args.tasks, settings, on_progress))
    heading = f"{report.name}, {report.model} ({report.backend}), {report.n} positions, {report.seconds:.0f} s"
    return print_report(args, report, heading)


def run_infill(args: argparse.Namespace) -> int:
    """Run `eval infill`."""
    from slm_lsp.config import load_settings
    from slm_lsp.evals import humaneval, infill

    require(args, "tasks", 1)
    require(args, "first", 1)
    require(args, "multi", 0)
    require(args, "timed", 0)
    settings = load_settings()
    settings = replace(settings, model=args.model or settings.model)
    problems = humaneval.load_problems()
    lines = humaneval.choose(problems, args.tasks, infill.SEED)[: args.first]
    runs = humaneval.choose_runs(problems, args.multi, infill.SEED)
    with task_progress(args) as on_progress:
        report = asyncio.run(infill.run(lines, runs, args.timed, settings, on_progress, examples=args.examples))
    models = ", ".join(f"{tier}: {name}" for tier, name in report.models.items())
    tasks = f"{report.n} tasks, {report.timed} timed, {report.seconds:.0f} s"
    return print_report(args, report, f"{report.name}, {models} ({report.backend}), {tasks}")


def run_choose(args: argparse.Namespace) -> int:
    """Run `eval choose`."""
    from slm_lsp.config import load_settings
    from slm_lsp.evals import choosing, humaneval, infill

    require(args, "tasks", 1)
    require(args, "first", 1)
    settings = load_settings()
    choice = chosen_model(args, settings)
    lines = humaneval.choose(humaneval.load_problems(), args.tasks, infill.SEED)[: args.first]
    with task_progress(args) as on_progress:
        report = asyncio.run(choosing.run(choice, lines, settings, on_progress, kept=args.kept))
    heading = f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {report.seconds:.0f} s"
    return print_report(args, report, heading)


def run_fix(args: argparse.Namespace) -> int:
    """Run `eval fix`."""
    from pathlib import Path

    from slm_lsp.config import load_settings
    from slm_lsp.evals import fix, fix_tasks, own_tasks
    from slm_lsp.harness.tasks import spread

    require(args, "tasks", 1)
    settings = load_settings()
    choice = chosen_model(args, settings)
    sets: list[list[fix_tasks.FixTask | own_tasks.BugTask]] = [
        [*fix_tasks.load_tasks(Path(file))] for file in args.data or ()
    ]
    tasks = [task for each in sets or [[*own_tasks.load_bugs()]] for task in spread(each, args.tasks)]
    with task_progress(args) as on_progress:
        report = asyncio.run(fix.run(choice, tasks, settings.engine.backend, on_progress))
    heading = f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {report.seconds:.0f} s"
    return print_report(args, report, heading)


def run_edit(args: argparse.Namespace) -> int:
    """Run `eval edit`."""
    from pathlib import Path

    from slm_lsp.config import load_settings
    from slm_lsp.evals import edit, edit_tasks, own_tasks
    from slm_lsp.harness.tasks import spread

    require(args, "tasks", 1)
    settings = load_settings()
    choice = chosen_model(args, settings)
    every: list[edit_tasks.EditTask | own_tasks.RefactoringTask] = (
        [*edit_tasks.load_tasks(Path(args.data))] if args.data else [*own_tasks.load_refactorings()]
    )
    tasks = spread(every, args.tasks)
    with task_progress(args) as on_progress:
        report = asyncio.run(edit.run(choice, tasks, settings.engine.backend, on_progress))
    heading = f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {report.seconds:.0f} s"
    return print_report(args, report, heading)


def run_rename(args: argparse.Namespace) -> int:
    """Run `eval rename`."""
    from slm_lsp.config import load_settings
    from slm_lsp.evals import rename, rename_packages

    require(args, "tasks", 1)
    settings = load_settings()
    packages = rename_packages.fetch_checked(note=lambda text: note(args, text))
    with task_progress(args) as on_progress:
        report = asyncio.run(rename.evaluate(packages, args.tasks, settings.sandbox, on_progress))
    heading = f"{report.name}, {rename_packages.names_of(packages)}, {report.renamed} renamings, {report.seconds:.0f} s"
    return print_report(args, report, heading)


def run_crossfile(args: argparse.Namespace) -> int:
    """Run `eval crossfile`."""
    from slm_lsp.config import load_settings
    from slm_lsp.evals import crossfile, crossfile_ours, crossfile_tasks, packages, ring

    require(args, "tasks", 1)
    require(args, "first", 1)
    require(args, "budget", 0)
    settings = load_settings()
    model = chosen_model(args, settings)
    projects = packages.fetch_all(note=lambda text: note(args, text))
    note(args, f"choosing {args.tasks} lines of {len(projects)} packages")
    tasks = crossfile_tasks.choose(projects, args.tasks, crossfile.SEED)[: args.first]
    peers = {"none": crossfile.no_snippets, "ring": ring.source(projects, args.budget, crossfile.SEED)}
    with (
        crossfile_ours.sources(projects, args.budget, ablation=args.ablation) as ours,
        task_progress(args) as on_progress,
    ):
        report = asyncio.run(crossfile.run(model, tasks, peers | ours, settings, args.budget, on_progress))
    budget = f"{report.budget_tokens} tokens of other files, {report.seconds:.0f} s"
    return print_report(args, report, f"{report.name}, {report.model} ({report.backend}), {report.n} tasks, {budget}")
