"""Packages of `eval crossfile`: either the complete pinned package is stored, or nothing.

The tests run the real pip on wheels in a folder.
"""

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from slm_lsp.errors import SlmError
from slm_lsp.evals import packages
from slm_lsp.evals.packages import PACKAGES, Package, fetch, fetch_all, unpack

FILES = {
    "toy_shop/__init__.py": "raise SystemExit('no code of a wheel may run')\n",
    "toy_shop/cart.py": "class Cart:\r\n    pass\r\n",
    "toy_shop/data.bin": "no Python",
    "toy_shop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy-shop\nVersion: 1.0\n",
    "toy_shop-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "toy_shop-1.0.dist-info/RECORD": "",
}


def make_wheel(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "toy_shop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path / "wheels")


@pytest.fixture
def package(wheel: Path) -> Package:
    return Package("toy-shop", "1.0", hashlib.sha256(wheel.read_bytes()).hexdigest())


@pytest.fixture
def environ(tmp_path: Path, wheel: Path) -> dict[str, str]:
    """An environment in which pip uses only the wheels' folder, regardless of the machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHONPATH"))}
    return kept | {
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheel.parent),
    }


def test_package_is_downloaded_and_extracted_once(package: Package, environ: dict[str, str], tmp_path: Path) -> None:
    root, notes = tmp_path / "cache", []
    (project,) = fetch_all([package], root, environ=environ, note=notes.append)
    assert project.name == "toy-shop"
    assert project.files == {
        "toy_shop/__init__.py": FILES["toy_shop/__init__.py"],
        "toy_shop/cart.py": "class Cart:\r\n    pass\r\n",
    }
    assert notes == ["fetching toy-shop 1.0"]
    again = fetch_all([package], root, environ={}, note=notes.append)
    assert again == [project]
    assert len(notes) == 1
    assert [each.name for each in root.iterdir()] == [package.folder]


def test_wheel_with_another_hash_is_rejected(
    package: Package, environ: dict[str, str], wheel: Path, tmp_path: Path
) -> None:
    make_wheel(wheel.parent, FILES | {"toy_shop/cart.py": "other"})
    with pytest.raises(SlmError, match=r"toy_shop-1\.0-py3-none-any\.whl is not the pinned file"):
        fetch(package, tmp_path / "cache", environ=environ)
    assert list((tmp_path / "cache").iterdir()) == []


def test_failed_download_is_reported_with_a_remedy(
    package: Package, environ: dict[str, str], wheel: Path, tmp_path: Path
) -> None:
    wheel.unlink()
    with pytest.raises(SlmError, match=r"pip could not download toy-shop==1\.0: No matching") as caught:
        fetch(package, tmp_path / "cache", environ=environ)
    assert "PIP_INDEX_URL" in caught.value.cure
    assert list((tmp_path / "cache").iterdir()) == []


def test_cache_that_cannot_be_written_is_reported(package: Package, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SlmError, match="cache cannot be written"):
        fetch(package, tmp_path / "cache")


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "toy/../../out.py", "a\\..\\out.py", "C:out.py"])
def test_path_outside_of_the_folder_is_rejected(name: str, tmp_path: Path) -> None:
    with pytest.raises(SlmError, match="outside of its folder"):
        unpack(make_wheel(tmp_path / "wheels", {name: "x"}), tmp_path / "files")
    assert not list(tmp_path.rglob("*out.py"))


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 1), ("MAX_FILE_BYTES", 30), ("MAX_BYTES", 60)])
def test_wheel_over_the_limits_is_rejected(
    limit: str, value: int, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, limit, value)
    with pytest.raises(SlmError, match="exceeds the limits"):
        unpack(wheel, tmp_path / "files")


def test_damaged_wheel_and_wheel_without_python_are_rejected(wheel: Path, tmp_path: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[:100])
    with pytest.raises(SlmError, match="is damaged"):
        unpack(wheel, tmp_path / "files")
    with pytest.raises(SlmError, match="contains no Python files"):
        unpack(make_wheel(tmp_path / "wheels", {"a.txt": ""}), tmp_path / "files")


def test_all_packages_are_pinned_by_sha256() -> None:
    assert len(PACKAGES) == len({each.name for each in PACKAGES}) >= 4
    assert all(len(bytes.fromhex(each.sha256)) == 32 for each in PACKAGES)
