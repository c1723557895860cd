"""`slm-lsp serve`: runs the language server. Editors start it themselves."""

import argparse
import sys
from pathlib import Path

DESCRIPTION = """Runs the language server: for one client over standard input and output, or with --tcp or --ws for any
number of clients until it is interrupted. docs/protocol.md describes its messages."""

MIN_TOKEN = 16
"""Minimum length of the access token (`--token-file`), in characters, so that other programs cannot guess it."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", parents=[common], help="run the language server", description=DESCRIPTION)
    parser.epilog = "example: slm-lsp serve --tcp 127.0.0.1:2087"
    transports = parser.add_mutually_exclusive_group()
    transports.add_argument("--stdio", action="store_true", help="communicate over standard input and output (default)")
    transports.add_argument("--tcp", metavar="HOST:PORT", help="listen on a TCP address, for example 127.0.0.1:2087")
    transports.add_argument(
        "--ws", metavar="HOST:PORT", help="listen for WebSocket clients, for example on 127.0.0.1:2087"
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help=f"file with a token ({MIN_TOKEN} characters or more) that clients must send; without it, clients must run "
        "on this machine",
    )
    debug = "log what blocks the server for over 20 ms of processor time, for bug reports about a slow editor"
    parser.add_argument("--debug", action="store_true", help=debug)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve one client until it disconnects; with `--tcp` or `--ws`, serve any number until interrupted."""
    from slm_lsp.errors import UsageError

    overrides = {"model": args.model} if args.model else {}
    if not args.tcp and not args.ws:
        if args.token_file:
            raise UsageError("--token-file needs --tcp or --ws.")
        from slm_lsp.server.stdio import serve_stdio

        return serve_stdio(overrides, debug=args.debug)
    import msgspec

    from slm_lsp.cli.output import emit, note
    from slm_lsp.server.sockets import Kind, parse_address, serve_sockets

    kind: Kind = "tcp" if args.tcp else "ws"

    def on_listening(host: str, port: int) -> None:
        if args.json:
            emit(msgspec.json.encode({"listening": kind, "host": host, "port": port}).decode())
            sys.stdout.flush()
        else:
            note(args, f"listening on {kind} {f'[{host}]' if ':' in host else host}:{port}")

    return serve_sockets(
        kind, parse_address(args.tcp or args.ws), _token(args.token_file), overrides, on_listening, debug=args.debug
    )


def _token(file: Path | None) -> str | None:
    """Return the token in a file, without white space at both ends; None without a file."""
    from slm_lsp.errors import UsageError

    if file is None:
        return None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", "Write a long random text into this file.") from error
    if len(token) < MIN_TOKEN:
        raise UsageError(f"The token in {file} is too short.", f"Use at least {MIN_TOKEN} random characters.")
    return token
