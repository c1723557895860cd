"""Recognizes files that are never read, by their names or folders. `tests/index/test_walk.py` tests the index."""

import pytest

from slm_lsp.index.names import Skipped, refused_file, refused_folder
from slm_lsp.privacy.paths import is_secret_file, is_secret_folder, is_secret_path

SECRET_FILES = [
    ".env", ".env.local", "prod.env", "secrets.py", "id_rsa", "server.pem", "tls.key", "site.crt", ".netrc", ".npmrc",
    "kubeconfig", "terraform.tfstate", "credentials", "credentials.json", "service-account-1.json", ".bash_history",
]  # fmt: skip

ORDINARY_FILES = [
    "main.py", "env.py", "environment.ts", "keys.py", "credentials.py", "secret.go", "password.c", "key.h", "token.rs",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_FILES)
def test_files_with_secrets_are_recognized_by_name(name: str) -> None:
    assert is_secret_file(name)
    assert is_secret_path(name)
    assert is_secret_path(f"src/{name}")
    assert refused_file(name) is Skipped.SECRET


@pytest.mark.parametrize("name", ORDINARY_FILES)
def test_programs_that_handle_secrets_are_not_secret_files(name: str) -> None:
    assert not is_secret_file(name)
    assert not is_secret_path(f"src/{name}")
    assert refused_file(name) is None


@pytest.mark.parametrize("name", [".aws", ".ssh", ".env", ".env.d", ".gnupg", ".kube"])
def test_files_in_folders_with_secrets_are_recognized(name: str) -> None:
    assert is_secret_folder(name)
    assert is_secret_path(f"home/{name}/config/main.py")
    assert refused_folder(name, lambda _: False) is Skipped.SECRET


def test_folders_named_like_a_secret_file_are_not_secret() -> None:
    assert not is_secret_folder("credentials")
    assert not is_secret_path("credentials/main.py")


@pytest.mark.parametrize("path", ["SERVER.PEM", "Keys/ID_RSA", "x/.AWS/main.py", ".Env"])
def test_secret_names_are_recognized_in_upper_and_lower_case(path: str) -> None:
    assert is_secret_path(path)
