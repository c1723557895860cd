"""`slm-lsp serve`: the language server, as an editor starts it."""

import argparse


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", parents=[common], help="run the language server")
    parser.add_argument("--stdio", action="store_true", help="speak over standard input and output (the default)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until the client leaves."""
    from slm_lsp.server.stdio import serve_stdio

    overrides = {"model": args.model} if args.model else {}
    return serve_stdio(overrides)
