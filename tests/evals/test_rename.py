"""`eval rename` renames symbols of a small package and runs the package's check in the real sandbox."""

import io
import re
import tarfile
from pathlib import Path

import pytest

from slm_lsp.errors import SlmError
from slm_lsp.evals.packages import Package
from slm_lsp.evals.rename import evaluate, symbols
from slm_lsp.evals.rename_packages import Checked, fetch_npm, pytest_files, unpack_npm
from slm_lsp.models.parts import ProcessResult

SHOP = """class Cart:
    def __init__(self, owner):
        self.owner = owner

    def greeting(self, word):
        text = f"{word}, {self.owner}"
        return text


def checkout(cart, tax=1):
    return cart.greeting("Hello"), tax
"""
CHECK = "import shop\nprint(shop.checkout(shop.Cart('Ann'), tax=2))\n"


def package(folder: Path, check: str) -> Checked:
    folder.mkdir()
    (folder / "shop.py").write_text(SHOP)
    (folder / "check.py").write_text(check)
    return Checked("shop", folder, ("python3", "check.py"), (), {}, re.compile("check"))


async def test_renamings_that_do_not_change_the_output_of_the_check_are_counted_as_kept(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    checked = package(tmp_path / "shop", CHECK)
    report = await evaluate([checked], 100, "auto", lambda done, total: steps.append((done, total)))
    assert report.kept == report.renamed == report.packages["shop"].renamed
    assert report.renamed + report.refused == report.n == len(symbols(checked))
    assert set(report.packages["shop"].by_kind) >= {"class", "function", "parameter", "local", "attribute"}
    assert report.rate == 1.0
    assert report.broken == []
    assert steps[-1] == (report.renamed, 100)
    assert (checked.root / "shop.py").read_text() == SHOP


async def test_renaming_that_changes_the_output_of_the_check_is_reported(tmp_path: Path) -> None:
    by_name = CHECK + "print('text = ' in open('shop.py').read())\n"
    report = await evaluate([package(tmp_path / "shop", by_name)], 100, "auto", lambda done, total: None)
    assert report.broken == ["shop: shop.py: local text"]
    assert report.kept == report.renamed - 1


async def test_symbols_are_drawn_in_the_same_order_each_time(tmp_path: Path) -> None:
    checked = package(tmp_path / "shop", CHECK)
    assert symbols(checked) == symbols(checked)
    kinds = [each.kind for each in symbols(checked)]
    assert len(set(kinds[:6])) == 6


def test_files_of_pytest_are_found() -> None:
    assert {".site/pytest/__init__.py", ".site/_pytest/main.py"} <= pytest_files().keys()


def archive(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as content:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 4
            content.addfile(info, io.BytesIO(b"text"))
    return path


def test_npm_package_with_another_hash_is_rejected(tmp_path: Path) -> None:
    calls: list[list[str]] = []

    def npm(command: list[str], *, folder: Path, **_: object) -> ProcessResult:
        calls.append(command)
        archive(folder / "shop-1.0.0.tgz", ["package/src/a.ts", "package/package.json"])
        return ProcessResult(0, "")

    with pytest.raises(SlmError, match="is not the pinned file"):
        fetch_npm(Package("shop", "1.0.0", "0" * 64), tmp_path / "cache", run=npm)  # type: ignore[arg-type]
    assert list((tmp_path / "cache").iterdir()) == []
    assert calls[0][-1] == "shop@1.0.0"


@pytest.mark.parametrize("name", ["../a.ts", "/etc/a", "package/../../a", "a.ts"])
def test_archive_with_a_path_outside_of_its_folder_is_rejected(tmp_path: Path, name: str) -> None:
    with pytest.raises(SlmError, match="outside of its folder"):
        unpack_npm(archive(tmp_path / "shop.tgz", [name]), tmp_path / "files")
    assert not (tmp_path / "a.ts").exists()


def test_archive_is_unpacked_without_its_top_folder(tmp_path: Path) -> None:
    unpack_npm(archive(tmp_path / "shop.tgz", ["package/src/a.ts"]), tmp_path / "files")
    assert (tmp_path / "files" / "src" / "a.ts").read_text() == "text"
