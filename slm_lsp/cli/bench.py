"""`slm-lsp bench NAME`: a benchmark, as a table or as JSON; `slm-lsp bench peers setup` builds a peer."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from slm_lsp.bench.common import Report


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as the command line knows it; `run` of the module of its name in `slm_lsp.bench` does it.

    Args:
        what: what it measures.
        runs: how many are enough by default.
        run: what `--runs` counts.
        model: whether it runs one.
    """

    what: str
    runs: int = 5
    run: str = "counted runs of each side"
    model: bool = True


BENCHMARKS = {
    "batch": Benchmark("tokens a second of 4 requests decoded together, beside one after another"),
    "busy": Benchmark(
        "first token and tokens a second beside other programs, against a fixed number of threads", 5, "requests"
    ),
    "cancel": Benchmark("from giving up a long prompt to the next request's start", 20, "cancels"),
    "decode": Benchmark("tokens a second of the engine, beside a bare loop over the same binding"),
    "edit": Benchmark("rewriting code with drafts looked up in it, beside plain decoding", 12, "edits"),
    "editor": Benchmark(
        "ghost text in a real VS Code and a real Neovim, beside the raw protocol; typing with and without", 10, "places"
    ),
    "index": Benchmark(
        "building an index of a million lines, beside bare parsing; and from a save to being found", 3, model=False
    ),
    "keystroke": Benchmark(
        "time to the first token after a key, beside llama.cpp's server and prefix reuse", 6, "recorded places replayed"
    ),
    "load": Benchmark("seconds until a model is loaded, beside a bare process"),
    "memory": Benchmark("what the engine holds, beside the model file, its cells and 250 MB", 1, "runs"),
    "retrieve": Benchmark(
        "choosing pieces of other files in a project of a million lines", 3, "times 100 places", model=False
    ),
    "switch": Benchmark(
        "coming back to a document that had to make room for others, beside evaluating it again", 3, "rounds"
    ),
    "visit": Benchmark("speed in a new document after 50 others, beside the speed with one document", 5, "documents"),
}

PEERS = "the program that `keystroke` is measured against: whether it is set up, or set it up"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("bench", help="measure this machine against a named peer")
    names = parser.add_subparsers(required=True, metavar="NAME")
    for name, benchmark in BENCHMARKS.items():
        each = names.add_parser(name, parents=[common], help=benchmark.what, description=benchmark.what)
        default = f"{benchmark.run} (default: {benchmark.runs})"
        each.add_argument("--runs", type=int, default=benchmark.runs, metavar="N", help=default)
        each.set_defaults(run=run, name=name)
    peers = names.add_parser("peers", parents=[common], help=PEERS, description=PEERS)
    setup = "build llama.cpp's server from llama-cpp-python's source, once: ten minutes on two cores"
    peers.add_argument("action", nargs="?", choices=["setup"], metavar="setup", help=setup)
    peers.set_defaults(run=run_peers)


def run(args: argparse.Namespace) -> int:
    """Run one benchmark."""
    from slm_lsp.bench.common import Conditions
    from slm_lsp.config import load_settings
    from slm_lsp.engine.backend import available
    from slm_lsp.errors import UsageError
    from slm_lsp.models.store import Store
    from slm_lsp.routing.policy import choose_model

    if args.runs < 1:
        raise UsageError("--runs must be at least 1.")
    settings = load_settings()
    needed = BENCHMARKS[args.name].model
    model = choose_model(args.model or settings.model, Store(settings.models_dir)) if needed else None
    measure: Callable[[Conditions], Awaitable[Report]] = import_module(f"slm_lsp.bench.{args.name}").run
    conditions = Conditions(
        model.model.file if model else Path(),
        tuple(available()),
        args.runs,
        settings,
        lambda text: note(args, text),
        args.verbose,
    )

    async def measured() -> "Report":
        return await measure(conditions)

    report = asyncio.run(measured())
    if args.json:
        emit_json(report)
        return 0
    emit(f"{report.name}, {f'{model.name}, ' if model else ''}{report.runs} {BENCHMARKS[report.name].run}")
    for line in report.lines():
        emit(line)
    return 0


def run_peers(args: argparse.Namespace) -> int:
    """Say where the peer is, or set it up."""
    from slm_lsp.bench import peers

    found = peers.setup(lambda text: note(args, text)) if args.action else peers.server_binary()
    if args.json:
        emit_json({"name": peers.SERVER, "version": peers.usual_layout().version, "binary": found and str(found)})
    else:
        emit(str(found) if found else f"{peers.SERVER} is not set up; `{peers.SETUP}` does it.")
    return 0
