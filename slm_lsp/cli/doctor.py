"""`slm-lsp doctor`: what works on this machine, and what to do about what does not."""

import argparse
import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp import __version__, system
from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.config import Settings, load_settings
from slm_lsp.errors import SlmError

if TYPE_CHECKING:
    from slm_lsp.engine.protocol import LoadedStats, Stats
    from slm_lsp.engine.router import Choice

OLDEST_PYTHON = (3, 11)
FREE_BYTES_WANTED = 2_000_000_000
"""Both catalogue models and a margin."""

GIGABYTE = 1e9

PATIENCE_S, POLL_S = 60.0, 0.2
"""A model is measured when it has not been used for two seconds, which takes another few."""


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
    settings = load_settings(Path(args.workspace) if args.workspace else None)
    checks = [*machine(), *bindings(settings), *models(args, settings), *engine(args, settings), *configured(settings)]
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
    features = ", ".join(sorted(system.cpu_features())) or "unknown"
    yield Check("processor", f"{system.cpu_name()} ({platform.machine()}; {features})")
    yield Check("cores", f"{system.usable_cores()} usable for the model, {os.cpu_count()} in all")


def bindings(settings: Settings) -> Iterator[Check]:
    """Which bindings are there, and which one is taken."""
    from slm_lsp.engine.backend import available, choose

    installed = available()
    listed = ", ".join(f"{name} {version}" for name, version in installed.items()) or "none"
    yield Check("bindings", listed, bool(installed), "Install again: `make setup`, or `pip install slm-lsp`.")
    try:
        choice = choose(
            settings.engine.backend,
            settings.engine.gpu_layers,
            installed=installed,
            features=system.cpu_features(),
            x86_linux=system.is_x86_64_linux(),
        )
    except SlmError as error:
        yield Check("binding", error.what, ok=False, cure=error.cure)
        return
    yield Check("binding", f"{choice.name}: {choice.why}")


def models(args: argparse.Namespace, settings: Settings) -> Iterator[Check]:
    """What is in the store, and which model is taken."""
    from slm_lsp.models.store import Store

    store = Store(settings.models_dir)
    folder = next(each for each in (settings.models_dir, *settings.models_dir.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    yield Check(
        "disk",
        f"{free / GIGABYTE:.1f} GB free at {settings.models_dir}",
        free >= FREE_BYTES_WANTED,
        "Free some space, or set `models_dir` to another disk.",
    )
    installed = store.installed()
    for each in installed:
        yield Check("model", f"{each.name} ({each.tier or 'added by hand'}, {each.bytes / GIGABYTE:.2f} GB)")
    try:
        choice = _choice(args, settings)
    except SlmError as error:
        yield Check("model", error.what, ok=False, cure=error.cure)
        return
    yield Check("chosen", f"{choice.name}, {choice.why}")


def engine(args: argparse.Namespace, settings: Settings) -> Iterator[Check]:
    """Whether the engine runs, and how fast; starts it to measure where that was never done."""
    from slm_lsp.engine.paths import log_path

    try:
        choice = _choice(args, settings)
    except SlmError:
        return
    try:
        folder = system.runtime_dir()
        stats, row, info = asyncio.run(_engine(args, choice))
    except SlmError as error:
        yield Check("engine", error.what, ok=False, cure=error.cure)
        return
    size = stats.resident_bytes / GIGABYTE
    yield Check(
        "engine", f"process {stats.pid}, {size:.2f} GB, {stats.clients - 1} other clients, log {log_path(folder)}"
    )
    for loaded in stats.loaded:
        yield Check("loaded", f"{Path(loaded.model).name[:16]}… with {loaded.backend}: {loaded.why}")
    yield Check("speed", _speed(row))
    yield Check(
        "fim",
        "the model has fill-in-the-middle tokens" if info else "the model has no fill-in-the-middle tokens we know",
        info,
        "It continues the text before the cursor only; a code model such as `fast` does better.",
    )


def _speed(row: "LoadedStats | None") -> str:
    if row is None or row.prefill_rate is None:
        return "not measured yet: the engine was busy all the time"
    decode = 1 / row.batch_s[1]
    return f"prefill {row.prefill_rate:.0f} tokens/s, decode {decode:.1f} tokens/s ({row.backend})"


def configured(settings: Settings) -> Iterator[Check]:
    """What is wrong in the settings."""
    for problem in settings.problems:
        yield Check("settings", problem, ok=False, cure="Correct or remove it.")


def _choice(args: argparse.Namespace, settings: Settings) -> "Choice":
    from slm_lsp.engine.router import choose_model
    from slm_lsp.models.store import Store

    return choose_model(args.model or settings.model, Store(settings.models_dir))


async def _engine(args: argparse.Namespace, choice: "Choice") -> "tuple[Stats, LoadedStats | None, bool]":
    """Counters, the model's row among them with its rates, and whether it has fill-in-the-middle tokens."""
    from slm_lsp.engine.client import EngineClient
    from slm_lsp.engine.protocol import ModelInfo

    async with EngineClient() as client:
        async for event in client.describe(choice.path, asked=True, measure=args.measure):
            if isinstance(event, ModelInfo):
                info = event
        told = False
        for _ in range(int(PATIENCE_S / POLL_S)):
            stats = await client.stats()
            row = next((each for each in stats.loaded if each.model == str(choice.path)), None)
            if row is None or row.prefill_rate is not None:
                break
            if not told:
                note(args, "measuring this machine …")
                told = True
            await asyncio.sleep(POLL_S)
        return stats, row, info.fim is not None
