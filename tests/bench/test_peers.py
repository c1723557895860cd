"""The setup of llama.cpp's server: command lines, unpacking, errors.

The tests do not run the real build, because it takes ten minutes.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from slm_lsp.bench import peers
from slm_lsp.bench.peers import Layout, percent_notes, server_binary, unpack
from slm_lsp.bench.programs import reason, run
from slm_lsp.errors import PeerError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "peers", "1.2.3")


def write_archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


def test_source_of_the_installed_version_is_downloaded_without_installing(layout: Layout) -> None:
    command = peers.download_command(layout)
    assert command[-1] == "llama-cpp-python==1.2.3"
    assert command[command.index("--no-binary") + 1] == "llama-cpp-python"
    assert {"download", "--no-deps"} <= set(command)
    assert "install" not in command


def test_build_command_builds_only_the_server_and_uses_two_jobs(layout: Layout) -> None:
    configure, build = peers.configure_command("cmake", layout), peers.build_command("cmake", layout)
    assert configure[:5] == ["cmake", "-S", str(layout.source), "-B", str(layout.build)]
    assert {"-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF"} <= set(configure)
    assert build[build.index("--target") + 1] == "llama-server"
    assert build[-2:] == ["-j", "2"]


@pytest.mark.parametrize(("features", "without"), [({"avx2", "amx_tile"}, True), ({"avx2"}, False)])
def test_amx_kernels_are_not_built_because_they_crash(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, features: set[str], without: bool
) -> None:
    monkeypatch.setattr(peers, "cpu_features", lambda: frozenset(features))
    flags = [each for each in peers.configure_command("cmake", layout) if "-mno-amx-int8" in each]
    assert [each.partition("=")[0] for each in flags] == (["-DCMAKE_C_FLAGS", "-DCMAKE_CXX_FLAGS"] if without else [])


def test_only_llama_cpp_is_extracted_and_only_inside_the_folder(tmp_path: Path) -> None:
    archive = write_archive(
        tmp_path / "a.tar.gz",
        {
            "llama_cpp_python-1.2.3/setup.py": "no",
            "llama_cpp_python-1.2.3/vendor/llama.cpp/CMakeLists.txt": "project(llama)",
            "llama_cpp_python-1.2.3/vendor/llama.cpp/src/a.cpp": "int a;",
            "llama_cpp_python-1.2.3/vendor/llama.cpp/.git": "gitdir: elsewhere",
            "llama_cpp_python-1.2.3/vendor/llama.cpp/../../../escaped": "no",
        },
    )
    unpack(archive, tmp_path / "source")
    found = {path.relative_to(tmp_path / "source").as_posix() for path in tmp_path.rglob("source/**/*")}
    assert found == {"CMakeLists.txt", "src", "src/a.cpp"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "source"]


def test_archive_without_llama_cpp_or_truncated_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"contains no source of llama\.cpp"):
        unpack(write_archive(tmp_path / "a.tar.gz", {"x/setup.py": ""}), tmp_path / "source")
    cut = tmp_path / "b.tar.gz"
    cut.write_bytes((tmp_path / "a.tar.gz").read_bytes()[:40])
    with pytest.raises(PeerError, match="is damaged"):
        unpack(cut, tmp_path / "source")


def test_missing_cmake_or_compiler_is_reported_with_install_commands(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    tools = tmp_path / "tools"
    tools.mkdir()
    with pytest.raises(PeerError, match="apt-get install cmake"):
        peers.find_tools({"PATH": str(tools)})
    script(tools / "cmake", "")
    with pytest.raises(PeerError, match="build-essential"):
        peers.find_tools({"PATH": str(tools)})
    with pytest.raises(PeerError, match="looked for my-compiler"):
        peers.find_tools({"PATH": str(tools), "CXX": "my-compiler -m64"})
    script(tools / "g++", "")
    assert peers.find_tools({"PATH": str(tools)}) == str(tools / "cmake")


def test_server_is_available_only_after_complete_setup(layout: Layout) -> None:
    assert server_binary(layout) is None
    script(layout.binary, "")
    assert server_binary(layout) is None
    layout.stamp.write_text("1\n")
    assert server_binary(layout) == layout.binary


def test_setup_uses_the_downloaded_source_and_a_second_setup_does_nothing(
    layout: Layout, monkeypatch, tmp_path: Path
) -> None:
    """The source exists, so nothing is downloaded. A fake CMake "builds" a program that prints its version."""
    layout.source.mkdir(parents=True)
    (layout.source / "LICENSE").write_text("MIT")
    server = f"#!{sys.executable}\nprint('version: 7')\n"
    script(
        tmp_path / "tools" / "cmake",
        f"""
import pathlib, sys
if "--build" in sys.argv:
    path = pathlib.Path({str(layout.build)!r}, "bin", "llama-server")
    path.parent.mkdir(parents=True)
    path.write_text({server!r})
    path.chmod(0o755)
    print("[ 50%] Building\\n[100%] Built target llama-server")
""",
    )
    script(tmp_path / "tools" / "c++", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    environ = {"PATH": str(tmp_path / "tools")}
    notes: list[str] = []
    assert peers.setup(notes.append, layout, environ) == layout.binary
    assert "compiling llama-server: 50 %" in notes
    assert layout.stamp.read_text() == "version: 7\n"
    assert (layout.folder / "LICENSE").read_text() == "MIT"
    assert not layout.source.exists()
    assert not layout.build.exists()

    again: list[str] = []
    assert peers.setup(again.append, layout, {"PATH": ""}) == layout.binary
    assert len(again) == 1
    assert "is already set up" in again[0]


def test_failed_download_is_explained_and_leaves_no_source(layout: Layout, tmp_path: Path) -> None:
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    layout.folder.mkdir(parents=True)
    with pytest.raises(PeerError, match=r"pip, which fetches the source.* failed: .*llama-cpp-python==1\.2\.3"):
        peers.fetch(layout, environ)
    assert not layout.source.exists()
    assert server_binary(layout) is None


def test_error_quotes_the_output_of_a_failed_program(tmp_path: Path) -> None:
    failing = script(tmp_path / "failing", "print('a.cpp:1: error: no\\nmake: stopped'); raise SystemExit(2)")
    with pytest.raises(PeerError, match=r"failing failed: a\.cpp:1: error: no"):
        run([str(failing)], tmp_path / "log", os.environ)
    assert (tmp_path / "log").read_text() == "a.cpp:1: error: no\nmake: stopped\n"
    with pytest.raises(PeerError, match="cannot be run"):
        run([str(tmp_path / "none")], tmp_path / "log", os.environ)
    assert reason([]) == "it printed nothing"


def test_progress_is_noted_every_ten_percent() -> None:
    notes: list[str] = []
    listen = percent_notes(notes.append)
    for line in ("-- Configuring", "[  3%] a", "[ 12%] b", "[ 19%] c", "[ 45%] d", "[100%] e"):
        listen(line)
    assert notes == [f"compiling llama-server: {percent} %" for percent in (10, 40, 100)]


def test_command_shows_whether_the_server_is_set_up(home: dict[str, str]) -> None:
    command = [sys.executable, "-m", "slm_lsp.cli.main", "bench", "peers"]
    shown = subprocess.run(command, env=home, capture_output=True, text=True, check=True).stdout
    assert shown == "llama-server is not set up. Run `slm-lsp bench peers setup`.\n"
    as_json = subprocess.run([*command, "--json"], env=home, capture_output=True, text=True, check=True).stdout
    assert json.loads(as_json)["binary"] is None
