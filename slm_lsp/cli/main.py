"""`slm-lsp`: parses the arguments, runs one command, and turns errors into one line and an exit code."""

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
    "refactor": "refactor",
    "fix": "fix",
    "rename": "rename",
    "context": "context",
    "index": "index",
    "models": "models",
    "doctor": "doctor",
    "stats": "stats",
    "stop": "stop",
    "bench": "bench",
    "eval": "evals",
}
"""The module in `slm_lsp.cli` of each command, in the order of `--help`."""

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

DESCRIPTION = "Code completion and edits from a small language model on your own machine."
EPILOG = """examples:
  slm-lsp models pull fast            download the small model (491 MB, once)
  slm-lsp complete app.py 12:5        print a completion at line 12, column 5
  slm-lsp refactor app.py:10-20 -i 'add type hints'
                                      print a checked edit of these lines as a diff
  slm-lsp fix app.py --test 'pytest -q'
                                      print a fix with which the failing tests pass
  slm-lsp rename app.py:12:5 total    print the renaming of a symbol in the whole project as a diff
  slm-lsp index                       index the project, so that completions know its other files
  slm-lsp context app.py 12:5         show which code the model reads for a completion, and why
  slm-lsp serve --stdio               run the language server; editors start it themselves
  slm-lsp doctor                      check the installation and say how to fix problems
  slm-lsp stats                       show how many suggestions were accepted
  slm-lsp stop                        stop the model process; the next request starts a new one

exit codes: 0 done, 1 failed or no edit found, 2 wrong usage,
            3 done in part or checks not passed, 130 interrupted"""


def run() -> None:
    """Run the command line of this process and exit. Entry point of the console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
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
        # The program that reads the output has closed the pipe. Replace standard output, so that its flush at exit does
        # not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"slm-lsp: {file}{error.strerror or error}\n")
        return EXIT_FAILED
    return code


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    If `arguments` start with a command, the parser contains only this command, because importing all commands takes
    0.25 s.
    """
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--model", help="model to use: fast, strong, auto, a name from `models list`, or the path of a GGUF file"
    )
    common.add_argument(
        "--workspace",
        metavar="DIR",
        help="folder of the project (default: nearest folder upwards with .git, pyproject.toml or similar)",
    )
    common.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    common.add_argument("-q", "--quiet", action="store_true", help="print no progress and no notes")
    common.add_argument("-v", "--verbose", action="store_true", help="print details on standard error")
    top = argparse.ArgumentParser(
        "slm-lsp", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    selected = [COMMANDS[each] for each in arguments[:1] if each in COMMANDS]
    for module in selected or COMMANDS.values():
        import_module(f"slm_lsp.cli.{module}").register(commands, common)
    return top


class _Version(argparse.Action):
    """Prints the version. The version is looked up only here, because the look-up reads the installed packages."""

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
