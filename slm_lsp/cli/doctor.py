"""`slm-lsp doctor`: checks the installation, measures the models, and says how to fix problems."""

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
    from slm_lsp.sandbox.isolation import Setting

OLDEST_PYTHON = (3, 11)
MIN_FREE_BYTES = 2_000_000_000
"""Minimum free disk space, in bytes: both models of the catalogue and a margin."""

GIGABYTE, MILLISECONDS = 1e9, 1e3


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. If it is not `ok`, `cure` says how to fix the problem."""

    name: str
    value: str
    ok: bool = True
    cure: str = ""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("doctor", parents=[common], help="check the installation and say how to fix problems")
    parser.add_argument(
        "--measure", action="store_true", help="measure the speed of the models again, even if it is known"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run all checks and print the results. Return 1 if one of them failed, else 0."""
    workspace = Path(args.workspace) if args.workspace else find_workspace(Path.cwd() / "file")
    settings = load_settings(workspace)
    if args.model:
        settings = replace(settings, model=args.model)
    checks = [*machine(), *bindings(settings), *models(settings), *engine(args, settings)]
    checks += [sandbox(settings.sandbox), *configured(settings)]
    ok = all(check.ok for check in checks)
    if args.json:
        emit_json({"version": __version__, "ok": ok, "checks": [asdict(check) for check in checks]})
        return 0 if ok else 1
    for check in checks:
        emit(f"{'ok ' if check.ok else 'BAD'}  {check.name:12s} {check.value}")
        if not check.ok and check.cure:
            emit(f"     {'':12s} → {check.cure}")
    return 0 if ok else 1


def machine() -> Iterator[Check]:
    """Check the Python version; report the processor and its cores."""
    supported = sys.version_info[:2] >= OLDEST_PYTHON
    yield Check(
        "python", f"{platform.python_version()} at {sys.executable}", supported, "Install Python 3.11 or later."
    )
    features = ", ".join(sorted(cores.cpu_features())) or "unknown"
    yield Check("processor", f"{cores.cpu_name()} ({platform.machine()}; {features})")
    yield Check("cores", f"{cores.usable_cores()} usable by the models, {os.cpu_count()} in total")


def bindings(settings: Settings) -> Iterator[Check]:
    """Check that a binding of llama.cpp is installed; report which one is used and why."""
    from slm_lsp.engine.backend import available, choose

    installed = available()
    listed = ", ".join(f"{name} {version}" for name, version in installed.items()) or "none"
    yield Check("bindings", listed, bool(installed), "Reinstall slm-lsp; in a checkout, run `make setup`.")
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
    """Check the model store.

    Report the installed models and, if only one of them can answer, this model and why it was chosen.
    """
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import eligible_models

    store = Store(settings.models_dir)
    installed = store.installed()
    yield storage(settings.models_dir, needed=not installed)
    for each in installed:
        yield Check("model", f"{each.name} ({each.tier or 'added by the user'}, {each.bytes / GIGABYTE:.2f} GB)")
    try:
        choices = eligible_models(settings.model, store)
    except SlmError as error:
        yield Check("model", error.what, ok=False, cure=error.cure)
        return
    if len(choices) == 1:
        yield Check("chosen", f"{choices[0].name}, {choices[0].why}")


def may_write(folder: Path) -> bool:
    """Return whether this user may create files in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def storage(models_dir: Path, needed: bool, may_write: Callable[[Path], bool] = may_write) -> Check:
    """Check that the disk has space for a model and, if a model is `needed`, that the folder is writable."""
    folder = next(each for each in (models_dir, *models_dir.parents) if each.exists())
    if needed and not may_write(folder):
        what = f"no write access to {folder}, so no model can be stored in {models_dir}"
        return Check("disk", what, ok=False, cure="Set `models_dir` to a folder that you can write to.")
    free = shutil.disk_usage(folder).free
    value = f"{free / GIGABYTE:.1f} GB free at {models_dir}"
    return Check(
        "disk", value, free >= MIN_FREE_BYTES, "Free some disk space, or set `models_dir` to a folder on another disk."
    )


def engine(args: argparse.Namespace, settings: Settings) -> Iterator[Check]:
    """Check that the engine runs; report its models and their speed. Measures the speed if it is unknown."""
    from slm_lsp.cli.measuring import measure_models
    from slm_lsp.cli.stages import stage_display
    from slm_lsp.engine.paths import log_path
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import eligible_models

    try:
        choices = eligible_models(settings.model, Store(settings.models_dir))
    except SlmError:
        return
    try:
        folder = runtime_dir()
        with stage_display(args) as display:
            result = asyncio.run(measure_models(choices, args.measure, display))
    except SlmError as error:
        yield Check("engine", error.what, ok=False, cure=error.cure)
        return
    stats = result.stats
    if len(choices) > 1:
        yield Check("chosen", f"commands: {result.best.name}, {result.best.why}")
        seconds = settings.completion.latency_ms / MILLISECONDS
        strong, fast = choices[-1].tier, choices[0].tier
        yield Check("chosen", f"editors: `auto`, {strong} if a line takes at most {seconds:.1f} s, else {fast}")
    size = stats.resident_bytes / GIGABYTE
    others = f"{stats.clients - 1} other clients"
    yield Check("engine", f"process {stats.pid}, {size:.2f} GB, {others}, log {log_path(folder)}")
    yield Check("runs", f"{stats.executable} with the package {stats.package}")
    yield Check("load", load(stats))
    for loaded in stats.loaded:
        yield Check("loaded", f"{loaded.model.file.name[:16]}… with {loaded.backend}: {loaded.why}")
    for each in result.measured:
        yield Check("speed", f"{each.choice.name}: {each.speed(time.time())}")
    fim = all(each.info.fim is not None for each in result.measured)
    yield Check(
        "fim",
        "all models have known fill-in-the-middle tokens" if fim else "a model has no known fill-in-the-middle tokens",
        fim,
        "That model ignores the text after the cursor. Use a code model such as `fast` instead.",
    )


def load(stats: "Stats") -> str:
    """Return a text that says how much other programs slow down the models at present."""
    from slm_lsp.engine.api import NOTICEABLE
    from slm_lsp.engine.load import LoadMeter, spare_processors

    usable = cores.usable_cores()
    used = LoadMeter(spare_processors(usable)).now()
    usage = f"other programs use about {used:.1f} cores; the models use up to {usable}"
    if stats.slowdown < NOTICEABLE:
        return usage
    return f"{usage}; the models are {stats.slowdown:.1f} times slower than measured"


def sandbox(setting: "Setting") -> Check:
    """Check that programs can be isolated, by running `true` in the sandbox."""
    from slm_lsp.sandbox.isolation import choose

    try:
        isolation = choose(setting)
    except SlmError as error:
        return Check("sandbox", error.what, ok=False, cure=error.cure)
    if isolation.name == "none":
        return Check("sandbox", 'programs run without isolation, because your settings say `sandbox = "none"`')
    return Check("sandbox", f"programs are isolated by {isolation.program}")


def configured(settings: Settings) -> Iterator[Check]:
    """Report each problem in the settings."""
    for problem in settings.problems:
        yield Check("settings", problem, ok=False, cure="Correct or remove this setting.")
