"""Names of Python modules in a project, and the files that imports refer to."""

import posixpath
from collections.abc import Collection

from slm_lsp.index.resolve import ProjectFiles, resolve
from slm_lsp.languages.symbols import Import


def module_of(path: str, paths: Collection[str]) -> str:
    """Return the absolute name of the module in a file.

    The search path is the folder above the outermost package. Without packages, it is `src/` if the file is in it,
    else the folder of the project.

    Args:
        path: path of the file in the project, with `/`.
        paths: all Python files of the project.
    """
    stem = path.removesuffix(".pyi").removesuffix(".py").removesuffix("/__init__")
    folder = posixpath.dirname(path)
    root = folder
    while root and f"{root}/__init__.py" in paths:
        root = posixpath.dirname(root)
    if root == folder:
        # The folder has no `__init__.py`, but may be a namespace package.
        root = "src" if path.startswith("src/") else ""
    return (stem.removeprefix(f"{root}/") if root else stem).replace("/", ".")


def package_of(path: str) -> list[str]:
    """Return the folders of the package that contains a file."""
    folder = posixpath.dirname(path)
    return folder.split("/") if folder else []


def absolute(module: str, importer: str, paths: Collection[str]) -> str:
    """Return the absolute name of a module. In the importing file, its name may be relative."""
    name = module.lstrip(".")
    dots = len(module) - len(name)
    if not dots:
        return module
    own = module_of(importer, paths).split(".")
    package = own if importer.endswith("/__init__.py") else own[:-1]
    base = package[: len(package) - (dots - 1)]
    return ".".join([*base, *([name] if name else [])])


def relative(target: str, importer: str) -> str | None:
    """Return the name of a file's module relative to an importing file; None if they share no package."""
    here = package_of(importer)
    stem = target.removesuffix(".py").removesuffix("/__init__")
    there = stem.split("/")
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    if not common:
        return None
    return "." * (len(here) - common + 1) + ".".join(there[common:])


def renamed(written: str, source: str, target: str, importer: str, paths: Collection[str]) -> str:
    """Return the name of the target's module for an import. It is relative if the name of the source's module is.

    Args:
        written: the name of the source's module in the importer.
        source: path of the source.
        target: path of the target.
        importer: path of the importing file.
        paths: all Python files of the project.
    """
    if written.startswith("."):
        return relative(target, importer) or module_of(target, paths)
    # The search path of the importer may contain another folder than the one above the outermost package.
    suffix = written.replace(".", "/")
    stem = source.removesuffix(".py").removesuffix("/__init__")
    root = stem.removesuffix(suffix)
    if stem.endswith(suffix) and target.startswith(root):
        return target.removeprefix(root).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return module_of(target, paths)


def files_of(module: str, name: str, importer: str, files: ProjectFiles) -> tuple[str, ...]:
    """Return the files of the project to which an import may refer."""
    return resolve("python", importer, Import(module, name, "", 0), files)
