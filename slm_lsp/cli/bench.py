"""`slm-lsp bench NAME`: a benchmark, as a table or as JSON."""

import argparse
import asyncio

from slm_lsp.cli.output import emit, emit_json, note

NAMES = {
    "decode": "tokens a second of the engine, beside a bare loop over the same binding",
    "load": "seconds until a model is loaded, beside a bare process",
}


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    text = "\n".join(f"  {name:8s} {what}" for name, what in NAMES.items())
    parser = commands.add_parser(
        "bench",
        parents=[common],
        help="measure this machine against a named peer",
        description=f"benchmarks:\n{text}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", choices=NAMES, help=", ".join(NAMES))
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="counted runs of each side (default: 5)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run one benchmark with every installed binding."""
    from slm_lsp.bench import decode, load
    from slm_lsp.config import load_settings
    from slm_lsp.engine.backend import available
    from slm_lsp.engine.router import choose_model
    from slm_lsp.errors import UsageError
    from slm_lsp.models.store import Store

    if args.runs < 1:
        raise UsageError("--runs must be at least 1.")
    settings = load_settings()
    model = choose_model(args.model or settings.model, Store(settings.models_dir))
    benchmark = {"decode": decode.run, "load": load.run}[args.name]
    report = asyncio.run(
        benchmark(
            model.path, list(available()), args.runs, settings.engine, lambda text: note(args, text), args.verbose
        )
    )
    if args.json:
        emit_json(report)
        return 0
    emit(f"{report.name}, {model.name}, median of {report.runs} runs each")
    for binding, ratio in report.ratios.items():
        ours = f"ours {report.ours[binding]:8.2f} {report.unit}"
        emit(f"  {binding:10s} {ours}   ratio to {report.peer['name']}: {ratio:.3f}")
    return 0
