"""`slm-lsp bench NAME`: runs a benchmark and prints a table or JSON.

`bench peers setup` builds a program to compare with.
"""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm_lsp.cli.harness import chosen_model, print_report, require
from slm_lsp.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from slm_lsp.bench.report import Report


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark. The function `run` of the module of the same name in `slm_lsp.bench` performs it.

    Args:
        what: what the benchmark measures; its help text.
        runs: default of `--runs`.
        run: what `--runs` counts, in the plural; for the help text and the heading.
        model: whether the benchmark needs a model.
    """

    what: str
    runs: int = 5
    run: str = "measured runs of each side"
    model: bool = True


BENCHMARKS = {
    "batch": Benchmark("tokens per second of 4 requests decoded together, compared with one after another"),
    "busy": Benchmark(
        "first token and tokens per second while other programs run, compared with a fixed number of threads",
        run="requests",
    ),
    "cancel": Benchmark("time from cancelling a long prompt to the start of the next request", 20, "cancellations"),
    "decode": Benchmark("tokens per second of the engine, compared with a bare loop over the same binding"),
    "edit": Benchmark("rewriting code with drafts from the original, compared with plain decoding", 12, "edits"),
    "editor": Benchmark(
        "delay of suggestions and typing in real VS Code and Neovim, compared with the raw protocol", 10, "positions"
    ),
    "index": Benchmark(
        "building an index of a million lines, compared with bare parsing; and the delay of saves", 3, model=False
    ),
    "keystroke": Benchmark(
        "time to the first token after a key, compared with llama.cpp's server and common-prefix reuse",
        6,
        "recorded sessions",
    ),
    "load": Benchmark("seconds until a model is loaded, compared with a bare process"),
    "memory": Benchmark("memory of the engine, compared with the model file, its KV cells and 250 MB", 1, "runs"),
    "retrieve": Benchmark(
        "choosing snippets of other files in a project of a million lines", 3, "times 100 positions", model=False
    ),
    "switch": Benchmark(
        "first token in a document whose KV cells were offloaded, compared with evaluating it again", 3, "rounds"
    ),
    "visit": Benchmark("speed in a new document after 50 others, compared with a single document", 5, "documents"),
}

PEERS = "show whether llama.cpp's server, the peer of `keystroke`, is set up, or build it"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("bench", help="measure the speed on this machine, compared with a named peer")
    names = parser.add_subparsers(required=True, metavar="NAME")
    for name, benchmark in BENCHMARKS.items():
        each = names.add_parser(name, parents=[common], help=benchmark.what, description=benchmark.what)
        counted = f"number of {benchmark.run} (default: {benchmark.runs})"
        each.add_argument("--runs", type=int, default=benchmark.runs, metavar="N", help=counted)
        each.set_defaults(run=run, name=name)
    peers = names.add_parser("peers", parents=[common], help=PEERS, description=PEERS)
    setup = "build llama.cpp's server from the source of llama-cpp-python (ten minutes on two cores)"
    peers.add_argument("action", nargs="?", choices=["setup"], metavar="setup", help=setup)
    peers.set_defaults(run=run_peers)


def run(args: argparse.Namespace) -> int:
    """Run one benchmark."""
    from slm_lsp.bench.conditions import Conditions
    from slm_lsp.config import load_settings
    from slm_lsp.engine.backend import available

    require(args, "runs", 1)
    settings = load_settings()
    benchmark = BENCHMARKS[args.name]
    model = chosen_model(args, settings) if benchmark.model else None
    measure: Callable[[Conditions], Coroutine[Any, Any, Report]] = import_module(f"slm_lsp.bench.{args.name}").run
    conditions = Conditions(
        model.model.file if model else Path(),
        tuple(available()),
        args.runs,
        settings,
        lambda text: note(args, text),
        args.verbose,
    )
    report = asyncio.run(measure(conditions))
    named = f"{model.name}, " if model else ""
    return print_report(args, report, f"{report.name}, {named}{report.runs} {benchmark.run}")


def run_peers(args: argparse.Namespace) -> int:
    """Show the path of the peer, or build it."""
    from slm_lsp.bench import peers

    found = peers.setup(lambda text: note(args, text)) if args.action else peers.server_binary()
    if args.json:
        emit_json({"name": peers.SERVER, "version": peers.usual_layout().version, "binary": found and str(found)})
    else:
        emit(str(found) if found else f"{peers.SERVER} is not set up. Run `{peers.SETUP}`.")
    return 0
