"""`toolchain` chooses the folders outside the system that a test command may read, and its environment variables."""

from pathlib import Path

import pytest

from slm_lsp.features.verify.toolchain import toolchain


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "me").mkdir(parents=True)
    return tmp_path / "home" / "me"


@pytest.fixture
def project(home: Path) -> Path:
    (home / "project").mkdir()
    return home / "project"


def installation(folder: Path) -> Path:
    """Make a folder that looks like an installation of Python, and return its interpreter."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    program = folder / "bin" / "python3"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def environment(folder: Path, program: Path, home: Path | None = None) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(program)
    (folder / "pyvenv.cfg").write_text(f"home = {home or program.parent}\n")


def test_installation_that_an_environment_uses_is_readable_with_all_links_to_it(home: Path, project: Path) -> None:
    program = installation(home / "pythons" / "3.12.5")
    (home / "pythons" / "3.12").symlink_to("3.12.5")
    environment(project / ".venv", home / "pythons" / "3.12" / "bin" / program.name)
    found = toolchain(project, {}, home)
    assert {home / "pythons" / "3.12", home / "pythons" / "3.12.5"} <= set(found.readable)
    assert found.environ["VIRTUAL_ENV"] == str(project / ".venv")
    assert found.environ["PATH"].split(":")[0] == str(project / ".venv" / "bin")


def test_active_environment_is_used_if_the_project_has_none(home: Path, project: Path) -> None:
    environment(home / "envs" / "a", installation(home / "pythons" / "3"))
    found = toolchain(project, {"VIRTUAL_ENV": str(home / "envs" / "a")}, home)
    assert home / "envs" / "a" in found.readable
    assert found.environ["PATH"].startswith(str(home / "envs" / "a" / "bin"))


@pytest.mark.parametrize("place", [".ssh", ".config/tool", "bin", "."])
def test_project_cannot_make_other_folders_readable(home: Path, project: Path, place: str) -> None:
    """An untrusted project may contain any `pyvenv.cfg` and any link."""
    (home / place / "bin").mkdir(parents=True, exist_ok=True)
    environment(project / ".venv", home / place / "bin" / "python3")
    (project / "node_modules").symlink_to(home / place)
    found = toolchain(project, {}, home)
    assert all(each.is_relative_to(project) for each in found.readable)


@pytest.mark.parametrize("at", [".", ".local", ".cargo"])
def test_installation_that_contains_data_of_the_user_is_not_readable(home: Path, project: Path, at: str) -> None:
    program = installation(home / at)
    found = toolchain(project, {"PATH": str(program.parent)}, home)
    assert home / at not in found.readable
    assert program.parent in found.readable
    assert str(program.parent) in found.environ["PATH"].split(":")


def test_other_projects_with_programs_on_path_are_not_readable(home: Path, project: Path) -> None:
    programs = installation(home / "other").parent
    (home / "other" / ".git").mkdir()
    assert toolchain(project, {"PATH": str(programs)}, home).readable == (programs,)


def test_folders_of_path_are_readable_with_their_installations(home: Path, project: Path) -> None:
    tool = installation(home / "tools" / "node-20").parent
    (home / "scripts").mkdir()
    path = f"{tool}:{home / 'scripts'}:{home / 'missing'}:relative:/usr/bin"
    found = toolchain(project, {"PATH": path}, home)
    assert {tool, tool.parent, home / "scripts"} <= set(found.readable)
    entries = found.environ["PATH"].split(":")
    assert entries[:3] == [str(tool), str(home / "scripts"), "/usr/bin"]
    assert "relative" not in entries
    assert str(home / "missing") not in entries


def test_tools_are_found_where_the_users_variables_say(home: Path, project: Path) -> None:
    (home / "pyenv" / "shims").mkdir(parents=True)
    found = toolchain(project, {"PYENV_ROOT": str(home / "pyenv")}, home)
    assert home / "pyenv" in found.readable
    assert found.environ["PYENV_ROOT"] == str(home / "pyenv")
    assert home / "pyenv" in toolchain(project, {"PATH": str(home / "pyenv" / "shims")}, home).readable


def test_tools_in_the_home_folder_are_readable_without_the_files_with_passwords(home: Path, project: Path) -> None:
    for each in (".cargo/bin", ".cargo/registry", ".m2/repository", ".pyenv/shims", "go/pkg/mod"):
        (home / each).mkdir(parents=True)
    (home / ".cargo" / "credentials.toml").write_text("token")
    (home / ".m2" / "settings.xml").write_text("password")
    found = toolchain(project, {}, home)
    for secret in (home / ".cargo" / "credentials.toml", home / ".m2" / "settings.xml"):
        assert not any(secret.is_relative_to(each) for each in found.readable)
    assert {home / ".cargo" / "registry", home / ".m2" / "repository", home / ".pyenv"} <= set(found.readable)
    assert found.environ["CARGO_HOME"] == str(home / ".cargo")
    assert found.environ["GOMODCACHE"] == str(home / "go" / "pkg" / "mod")
    assert str(home / ".m2" / "repository") in found.environ["MAVEN_ARGS"]


def test_users_variables_are_not_passed_on(home: Path, project: Path) -> None:
    found = toolchain(project, {"API_TOKEN": "x", "PATH": "/usr/bin"}, home)
    assert "API_TOKEN" not in found.environ
    assert found.environ["CI"] == "true"


def test_packages_in_folders_above_the_project_are_readable_up_to_the_home_folder(home: Path, project: Path) -> None:
    inner = project / "packages" / "a"
    inner.mkdir(parents=True)
    (project / "node_modules").mkdir()
    (home / "node_modules").mkdir()
    assert toolchain(inner, {}, home).readable == (project / "node_modules",)
