"""`view_of` decides which files of a project a test command sees, and which folders are not copied."""

from pathlib import Path

import pytest

from slm_lsp.features.verify.project_view import view_of

FILES = (
    *("src/app.py", "src/secrets.py", "README.md", "build/out.txt", "vendor/own/a.go"),
    *(".env", ".env.local", "config/credentials.json", "certs/server.pem", ".aws/config", "deep/.secrets/token"),
    *("node_modules/m/index.js", "node_modules/m/test.pem", ".venv/pyvenv.cfg", ".venv/lib/certifi/cacert.pem"),
    *(".env2/pyvenv.cfg", "tools/env/pyvenv.cfg", ".git/config", "third_party/a/secrets.yml"),
    *("src/__pycache__/app.pyc", ".pytest_cache/README.md", "target/CACHEDIR.TAG", "src/app.egg-info/PKG-INFO"),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for each in FILES:
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("x")
    return tmp_path


def test_secrets_are_hidden_except_in_dependencies(project: Path) -> None:
    found = view_of(project, {})
    assert found.hidden == {
        *(".env", ".env.local", "config/credentials.json", "certs/server.pem", ".aws", "deep/.secrets")
    }
    assert found.dependencies == {"node_modules", ".venv", ".env2", "tools/env", ".git", "third_party"}
    assert found.caches == {"src/__pycache__", ".pytest_cache", "target"}


def test_links_are_not_followed(project: Path) -> None:
    (project / "node_modules2").mkdir()
    (project / "sub").mkdir()
    (project / "sub" / "node_modules").symlink_to(project / "node_modules2")
    (project / "sub" / ".ssh").symlink_to(project / "src")
    (project / "loop").symlink_to(project)
    found = view_of(project, {})
    assert "sub/node_modules" not in found.dependencies
    assert "sub/.ssh" in found.hidden
    assert not any(each.startswith("loop/") for each in found.hidden)


@pytest.mark.parametrize(
    ("original", "text", "expected"),
    [
        (b"\xef\xbb\xbfa", "b\r\n", b"\xef\xbb\xbfb\r\n"),
        (b"a", "b", b"b"),
        (b"\xef\xbb\xbfa", "\ufeffb", b"\xef\xbb\xbfb"),
        (None, "é", "é".encode()),
    ],
)
def test_text_becomes_the_bytes_of_the_file(tmp_path: Path, original: bytes | None, text: str, expected: bytes) -> None:
    if original is not None:
        (tmp_path / "a.txt").write_bytes(original)
    assert view_of(tmp_path, {"a.txt": text}).changed == {"a.txt": expected}
