"""`slm-lsp`: reads the arguments, runs one command, turns errors into a line and an exit code."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence

from slm_lsp import __version__
from slm_lsp.cli import bench, complete, context, doctor, evals, index, models, serve, stats
from slm_lsp.cli.output import emit_json
from slm_lsp.errors import SlmError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

DESCRIPTION = "Code completion from a small language model on your own machine."
EPILOG = """examples:
  slm-lsp models pull fast            get the small model (491 MB, once)
  slm-lsp complete app.py 12:5        complete the line at line 12, column 5
  slm-lsp index                       read the project, so that completions know it
  slm-lsp context app.py 12:5         what is read of other files there, and why
  slm-lsp serve --stdio               what an editor starts
  slm-lsp doctor                      what works here, and what to do about what does not
  slm-lsp stats                       what was suggested, and what became of it

exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with gaps, 130 interrupted"""


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    args = parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    for noisy in ("asyncio", "filelock", "httpcore", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except SlmError as error:
        return _report(args, error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who reads our output has gone; what is left to flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        sys.stderr.write(f"slm-lsp: {error}\n")
        return EXIT_FAILED
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--model", help="fast, strong, auto, a model's name, or a path to a GGUF file")
    common.add_argument("--workspace", metavar="DIR", help="the project's folder (default: found from the file)")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")
    common.add_argument("-q", "--quiet", action="store_true", help="no progress, no notes")
    common.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    top = argparse.ArgumentParser(
        "slm-lsp", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=f"slm-lsp {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (serve, complete, context, index, models, doctor, stats, bench, evals):
        command.register(commands, common)
    return top


def _report(args: argparse.Namespace, error: SlmError) -> int:
    if args.json:
        emit_json({"error": {"kind": error.kind, "what": error.what, "cure": error.cure}})
    sys.stderr.write(f"slm-lsp: {error}\n")
    return error.exit_code


if __name__ == "__main__":
    run()
