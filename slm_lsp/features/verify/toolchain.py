"""Find the interpreters and tools that a test command needs and that are outside the system's folders.

Only folders of a known kind become readable. A project cannot choose them: a symbolic link or a `pyvenv.cfg` of the
project that names another folder has an effect only if this folder contains an installation of Python.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.sandbox.bubblewrap import SYSTEM
from slm_lsp.sandbox.isolation import PATH

ENVIRONMENTS = (".venv", "venv", "env", ".env")
"""Names of a project's own Python environment, in the order of preference."""

HOME_TOOLS = {
    ".asdf": "ASDF_DATA_DIR",
    ".bun/bin": "",
    ".cargo/bin": "",
    ".cargo/git": "",
    ".cargo/registry": "",
    ".deno/bin": "",
    ".local/bin": "",
    ".local/lib": "",
    ".local/share/fnm": "",
    ".local/share/mise/installs": "",
    ".local/share/mise/shims": "",
    ".local/share/pipx/venvs": "",
    ".local/share/uv/python": "",
    ".local/share/uv/tools": "",
    ".m2/repository": "",
    ".nvm": "NVM_DIR",
    ".pyenv": "PYENV_ROOT",
    ".rbenv": "RBENV_ROOT",
    ".rustup": "RUSTUP_HOME",
    ".sdkman/candidates": "",
    ".volta": "VOLTA_HOME",
    "go/bin": "",
    "go/pkg/mod": "GOMODCACHE",
}
"""Folders in the user's home where tools are installed, with the environment variable that names the folder. Folders in
which tools keep passwords, such as the rest of `.cargo` and `.m2`, are not in this table."""

OFFLINE = {
    "CARGO_NET_OFFLINE": "true",
    "CI": "true",
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "UV_NO_SYNC": "1",
    "UV_OFFLINE": "1",
}
"""Variables that make tools work without a network. With `CI`, programs such as Jest run once instead of waiting for
changes of files."""

MOST_LINKS = 10
"""Maximum length of a chain of symbolic links that is followed."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What a test command needs in addition to the project and the system."""

    readable: tuple[Path, ...]
    environ: Mapping[str, str]


def toolchain(root: Path, environ: Mapping[str, str], home: Path) -> Toolchain:
    """Return the folders and variables for the programs that the user's test command may start.

    Args:
        root: the project folder.
        environ: the user's environment variables. PATH, VIRTUAL_ENV, CONDA_PREFIX and those in `HOME_TOOLS` are read.
        home: the user's home folder.
    """
    places = {Path(environ.get(variable) or home / each): variable for each, variable in HOME_TOOLS.items()}
    tools = {folder: variable for folder, variable in places.items() if folder.is_absolute() and folder.is_dir()}
    found = [*tools, *_packages_above(root, home)]
    variables = {variable: str(folder) for folder, variable in tools.items() if variable}
    if (home / ".cargo" / "registry").is_dir():
        variables["CARGO_HOME"] = str(home / ".cargo")
    if (home / ".m2" / "repository").is_dir():
        variables["MAVEN_ARGS"] = f"--offline -Dmaven.repo.local={home / '.m2' / 'repository'}"
    if (home / ".local" / "lib").is_dir():
        variables["PYTHONUSERBASE"] = str(home / ".local")
    path = [Path(each) for each in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(each)]  # noqa: PTH117
    environment = python_environment(root, environ)
    if environment is not None:
        path.insert(0, environment / "bin")
        variables["VIRTUAL_ENV"] = str(environment)
        found += [environment, environment.resolve(), *_installations(environment)]
    for folder in path:
        found += _installation_of(folder)
    readable = tuple(dict.fromkeys(each for each in found if _may_be_shown(each, home)))
    shown = [each for each in path if _is_visible(each, (root, *readable))]
    search = os.pathsep.join(dict.fromkeys([*map(str, shown), *PATH.split(os.pathsep)]))
    return Toolchain(readable, {**OFFLINE, **variables, "PATH": search})


def python_environment(root: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the project's own Python environment, or else the one that is active in the user's shell."""
    for name in ENVIRONMENTS:
        if (root / name / "pyvenv.cfg").is_file():
            return root / name
    active = environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX")
    return Path(active) if active and _interpreter(Path(active) / "bin") else None


def _installations(environment: Path) -> Iterator[Path]:
    """Yield the installations of Python on which an environment is based."""
    config = environment / "pyvenv.cfg"
    try:
        lines = config.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    homes = [Path(value.strip()) for key, _, value in (each.partition("=") for each in lines) if key.strip() == "home"]
    programs = [each / "python3" for each in homes if each.is_absolute()] + [environment / "bin" / "python"]
    for program in programs:
        for _ in range(MOST_LINKS):
            yield from _prefix(program)
            if not program.is_symlink():
                break
            program = Path(os.path.normpath(program.parent / program.readlink()))
        yield from _prefix(program.resolve())


def _prefix(program: Path) -> Iterator[Path]:
    """Yield the installation that contains an interpreter in its folder `bin`."""
    if program.parent.name == "bin" and _interpreter(program.parent):
        yield program.parent.parent


def _interpreter(folder: Path) -> bool:
    return any(os.access(folder / each, os.X_OK) for each in ("python3", "python"))


def _installation_of(folder: Path) -> Iterator[Path]:
    """Yield a folder of PATH, and the installation whose `bin` or `shims` it is (`shims`: pyenv, rbenv, asdf).

    A folder that is a Git repository is somebody's project rather than an installation, so only its `bin` is used.
    """
    if folder.is_dir():
        yield folder
        above = folder.parent
        installed = folder.name == "bin" and (above / "lib").is_dir() and not (above / ".git").exists()
        if folder.name == "shims" or installed:
            yield above


def _packages_above(root: Path, home: Path) -> Iterator[Path]:
    """Yield the `node_modules` of folders above the project, where Node.js searches for packages, too."""
    for parent in root.parents:
        if home.is_relative_to(parent):
            return
        if (parent / "node_modules").is_dir() and not (parent / "node_modules").is_symlink():
            yield parent / "node_modules"


def _may_be_shown(folder: Path, home: Path) -> bool:
    """Return whether to show a folder: it exists, contains no user's home or programs' data, and is not yet visible."""
    real = folder.resolve()
    refused = home.resolve().is_relative_to(real) or real in (home.resolve() / ".local", home.resolve() / ".cargo")
    return folder.is_dir() and not refused and not _is_visible(folder, ())


def _is_visible(folder: Path, readable: tuple[Path, ...]) -> bool:
    return any(folder.is_relative_to(each) for each in (*map(Path, SYSTEM), *readable))
