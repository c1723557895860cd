"""`slm-lsp`: reads the arguments, runs one command, turns errors into a line and an exit code."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from slm_lsp.cli.output import emit_json
from slm_lsp.errors import SlmError

COMMANDS = {
    "serve": "serve",
    "complete": "complete",
    "context": "context",
    "index": "index",
    "models": "models",
    "doctor": "doctor",
    "stats": "stats",
    "stop": "stop",
    "bench": "bench",
    "eval": "evals",
}
"""By name, as `--help` lists them: the module in `slm_lsp.cli` that does each."""

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
  slm-lsp stop                        end the model process; the next request starts a new one

exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with gaps, 130 interrupted"""


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    args = parser(arguments).parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    for noisy in ("asyncio", "filelock", "httpcore", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except SlmError as error:
        return _report(args, error)
    except KeyboardInterrupt:
        sys.stderr.write("slm-lsp: interrupted\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who reads our output has gone; what is left to flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"slm-lsp: {named}{error.strerror or error}\n")
        return EXIT_FAILED
    return code


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line; where it begins with a command, only that one. To import all takes a quarter second."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--model", help="fast, strong, auto, a model's name, or a path to a GGUF file")
    common.add_argument("--workspace", metavar="DIR", help="the project's folder (default: found from the file)")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")
    common.add_argument("-q", "--quiet", action="store_true", help="no progress, no notes")
    common.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    top = argparse.ArgumentParser(
        "slm-lsp", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the program's version and exit")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    named = [COMMANDS[each] for each in arguments[:1] if each in COMMANDS]
    for module in named or COMMANDS.values():
        import_module(f"slm_lsp.cli.{module}").register(commands, common)
    return top


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, since that reads the installed packages."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from slm_lsp import __version__

        sys.stdout.write(f"slm-lsp {__version__}\n")
        parser.exit()


def _report(args: argparse.Namespace, error: SlmError) -> int:
    if args.json:
        emit_json({"error": {"kind": error.kind, "what": error.what, "cure": error.cure}})
    sys.stderr.write(f"slm-lsp: {error}\n")
    return error.exit_code


if __name__ == "__main__":
    run()
