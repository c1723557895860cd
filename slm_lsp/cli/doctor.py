"""`slm-lsp doctor`: what works on this machine, and what to do about what does not."""

import argparse
import asyncio
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp import __version__
from slm_lsp.cli.output import emit, emit_json
from slm_lsp.cli.target import find_workspace
from slm_lsp.config import Settings, load_settings
from slm_lsp.errors import SlmError
from slm_lsp.platform import cores
from slm_lsp.platform.runtime_dir import runtime_dir

if TYPE_CHECKING:
    from slm_lsp.engine.api import Stats

OLDEST_PYTHON = (3, 11)
FREE_BYTES_WANTED = 2_000_000_000
"""Both catalogue models and a margin."""

GIGABYTE, MILLISECONDS = 1e9, 1e3


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `cure` says what to do where it is not `ok`."""

    name: str
    value: str
    ok: bool = True
    cure: str = ""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("doctor", parents=[common], help="check this installation and measure this machine")
    parser.add_argument("--measure", action="store_true", help="measure again, even if it was done before")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything; exit code 1 where something needs a cure."""
    workspace = Path(args.workspace) if args.workspace else find_workspace(Path.cwd() / "file")
    settings = load_settings(workspace)
    if args.model:
        settings = replace(settings, model=args.model)
    checks = [*machine(), *bindings(settings), *models(settings), *engine(args, settings), *configured(settings)]
    good = all(check.ok for check in checks)
    if args.json:
        emit_json({"version": __version__, "ok": good, "checks": [asdict(check) for check in checks]})
        return 0 if good else 1
    for check in checks:
        emit(f"{'ok ' if check.ok else 'BAD'}  {check.name:12s} {check.value}")
        if not check.ok and check.cure:
            emit(f"     {'':12s} → {check.cure}")
    return 0 if good else 1


def machine() -> Iterator[Check]:
    """Python, processor, cores."""
    version = sys.version_info[:2] >= OLDEST_PYTHON
    yield Check("python", f"{platform.python_version()} at {sys.executable}", version, "Install Python 3.11 or later.")
    features = ", ".join(sorted(cores.cpu_features())) or "unknown"
    yield Check("processor", f"{cores.cpu_name()} ({platform.machine()}; {features})")
    yield Check("cores", f"{cores.usable_cores()} usable for the model, {os.cpu_count()} in all")


def bindings(settings: Settings) -> Iterator[Check]:
    """Which bindings are there, and which one is taken."""
    from slm_lsp.engine.backend import available, choose

    installed = available()
    listed = ", ".join(f"{name} {version}" for name, version in installed.items()) or "none"
    yield Check(
        "bindings", listed, bool(installed), "Install slm-lsp again from where you got it; in a checkout: `make setup`."
    )
    try:
        choice = choose(
            settings.engine.backend,
            settings.engine.gpu_layers,
            installed=installed,
            features=cores.cpu_features(),
            x86_linux=cores.is_x86_64_linux(),
        )
    except SlmError as error:
        yield Check("binding", error.what, ok=False, cure=error.cure)
        return
    yield Check("binding", f"{choice.name}: {choice.why}")


def models(settings: Settings) -> Iterator[Check]:
    """The store, and which models answer."""
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import possible

    store = Store(settings.models_dir)
    installed = store.installed()
    yield storage(settings.models_dir, needed=not installed)
    for each in installed:
        yield Check("model", f"{each.name} ({each.tier or 'added by hand'}, {each.bytes / GIGABYTE:.2f} GB)")
    try:
        choices = possible(settings.model, store)
    except SlmError as error:
        yield Check("model", error.what, ok=False, cure=error.cure)
        return
    if len(choices) == 1:
        yield Check("chosen", f"{choices[0].name}, {choices[0].why}")


def may_write(folder: Path) -> bool:
    """Whether this user may make files in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def storage(models_dir: Path, needed: bool, may_write: Callable[[Path], bool] = may_write) -> Check:
    """Whether a model can be stored: the right to write first, then the room."""
    folder = next(each for each in (models_dir, *models_dir.parents) if each.exists())
    if needed and not may_write(folder):
        what = f"{folder} may not be written, so no model can be stored in {models_dir}"
        return Check("disk", what, ok=False, cure="Set `models_dir` to a folder that you may write.")
    free = shutil.disk_usage(folder).free
    value = f"{free / GIGABYTE:.1f} GB free at {models_dir}"
    return Check("disk", value, free >= FREE_BYTES_WANTED, "Free some space, or set `models_dir` to another disk.")


def engine(args: argparse.Namespace, settings: Settings) -> Iterator[Check]:
    """Whether the engine runs, which models it uses, and how fast they are; measures where that was never done."""
    from slm_lsp.cli.measuring import examine
    from slm_lsp.cli.stages import stages
    from slm_lsp.engine.paths import log_path
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import possible

    try:
        choices = possible(settings.model, Store(settings.models_dir))
    except SlmError:
        return
    try:
        folder = runtime_dir()
        with stages(args) as shown:
            found = asyncio.run(examine(choices, args.measure, shown))
    except SlmError as error:
        yield Check("engine", error.what, ok=False, cure=error.cure)
        return
    stats = found.stats
    if len(choices) > 1:
        yield Check("chosen", f"commands: {found.best.name}, {found.best.why}")
        seconds = settings.completion.latency_ms / MILLISECONDS
        strong, fast = choices[-1].tier, choices[0].tier
        yield Check("chosen", f"editors: `auto`, {strong} where a line takes at most {seconds:.1f} s, else {fast}")
    size = stats.resident_bytes / GIGABYTE
    others = f"{stats.clients - 1} other clients"
    yield Check("engine", f"process {stats.pid}, {size:.2f} GB, {others}, log {log_path(folder)}")
    yield Check("runs", f"{stats.executable} with the package {stats.package}")
    yield Check("load", load(stats))
    for loaded in stats.loaded:
        yield Check("loaded", f"{loaded.model.file.name[:16]}… with {loaded.backend}: {loaded.why}")
    for each in found.measured:
        yield Check("speed", f"{each.choice.name}: {each.speed(time.time())}")
    fim = all(each.info.fim is not None for each in found.measured)
    yield Check(
        "fim",
        "the model has fill-in-the-middle tokens" if fim else "the model has no fill-in-the-middle tokens we know",
        fim,
        "It continues the text before the cursor only; a code model such as `fast` does better.",
    )


def load(stats: "Stats") -> str:
    """What other programs cost the models just now."""
    from slm_lsp.engine.api import NOTICEABLE
    from slm_lsp.engine.load import LoadMeter, spare_processors

    usable = cores.usable_cores()
    contended = LoadMeter(spare_processors(usable)).now()
    shared = f"other programs use about {contended:.1f} cores; the models run on {usable}"
    if stats.slowdown < NOTICEABLE:
        return shared
    return f"{shared}; the models are {stats.slowdown:.1f} times slower than measured"


def configured(settings: Settings) -> Iterator[Check]:
    """What is wrong in the settings."""
    for problem in settings.problems:
        yield Check("settings", problem, ok=False, cure="Correct or remove it.")
