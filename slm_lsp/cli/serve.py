"""`slm-lsp serve`: the language server, as an editor starts it."""

import argparse
import sys
from pathlib import Path

MIN_TOKEN = 16
"""Characters; anybody who can connect may guess."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", parents=[common], help="run the language server")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--stdio", action="store_true", help="speak over standard input and output (the default)")
    ways.add_argument("--tcp", metavar="HOST:PORT", help="listen for clients, each of which gets a session of its own")
    ways.add_argument("--ws", metavar="HOST:PORT", help="the same over WebSockets")
    named = "file with a token that clients must send; without one only this machine is listened to"
    parser.add_argument("--token-file", metavar="FILE", type=Path, help=named)
    debug = "log what blocks the server for over 20 ms of processor time, for bug reports about a slow editor"
    parser.add_argument("--debug", action="store_true", help=debug)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until the client leaves, or until interrupted where there may be several."""
    from slm_lsp.errors import UsageError

    overrides = {"model": args.model} if args.model else {}
    if not args.tcp and not args.ws:
        if args.token_file:
            raise UsageError("--token-file is for --tcp and --ws.")
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
    """What a file holds, white space at its ends aside."""
    from slm_lsp.errors import UsageError

    if file is None:
        return None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", "Write a long random text into it.") from error
    if len(token) < MIN_TOKEN:
        raise UsageError(f"The token in {file} is too short.", f"Take at least {MIN_TOKEN} random characters.")
    return token
