"""Settings: one frozen tree, read from files, the editor and the environment.

Later sources override earlier ones: the user's `config.toml`, the workspace's `.slm-lsp.toml`, the editor, `SLM_LSP_*`
variables. An invalid value is reported and ignored. A workspace may come from an untrusted source, so its file cannot
change which code runs on this machine or where models are stored.

The string below each field of `Settings`, `EngineSettings` and `CompletionSettings` is the documentation of that
setting. `editors/vscode/scripts/settings.py` copies it to the VS Code extension and to `docs/settings.md`.
"""

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import platformdirs

APP = "slm-lsp"
WORKSPACE_FILE = ".slm-lsp.toml"
ENVIRONMENT_PREFIX = "SLM_LSP_"
USER_ONLY = frozenset({"models_dir", "engine", "statistics", "run_examples", "sandbox"})
"""Top-level settings and groups that a workspace's file cannot set."""

MAX_FILE_BYTES = 64 * 1024
"""Maximum size of a settings file. A larger file is reported and ignored."""

SHOWN_CHARACTERS = 60
"""Maximum number of characters of an invalid value that an error message quotes."""

CLOSE = 0.75
"""Minimum similarity (difflib ratio, 0 to 1) of an unknown name to a known one for a "Did you mean" hint."""

Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Tree = Mapping[str, object]
Group = TypeVar("Group")


def _default_models_dir() -> Path:
    return platformdirs.user_data_path(APP) / "models"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How models run. All editors share one engine process, so a workspace cannot set these."""

    backend: Literal["auto", "llama_cpp", "ik"] = "auto"
    """The binding of llama.cpp that runs the models. `auto`: use `ik` (ik_llama.cpp) if it is installed, gives the same
    answers as `llama_cpp` on this machine and is not slower."""
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Number of threads that evaluate a model. 0: one per physical core available to the process, and fewer while other
    programs use these cores."""
    context_tokens: Annotated[int, msgspec.Meta(ge=512)] = 8192
    """Context size of each model, in tokens. The longest prompt and its answers must fit into it."""
    gpu_layers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Number of model layers that run on the GPU. 0: none."""
    kv_offload_mb: Annotated[int, msgspec.Meta(ge=0)] = 512
    """Disk space for files with the KV cache of inactive documents, in megabytes per model. The files have no name in
    the file system, and are deleted when the engine exits. 0: keep the KV cache of all documents in memory, where each
    inactive document slows down the active one."""
    idle_minutes: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    """Unload a model that has not been used for this number of minutes."""


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """When something is suggested, how long a suggestion may be and take, and how much text the model reads."""

    max_tokens: Tokens = 64
    """Maximum length of a single-line suggestion, in tokens."""
    block_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 256
    """Maximum length of a multi-line suggestion, in tokens. 0: suggest single lines only."""
    latency_ms: Annotated[float, msgspec.Meta(ge=0)] = 1500.0
    """Latency budget of a single-line suggestion, in milliseconds. With `model = "auto"`, the strong model answers if
    its estimated latency is within this budget; otherwise the fast model answers."""
    refine: bool = True
    """With `model = "auto"`: if the fast model answered because the strong model would have exceeded
    `completion.latency_ms`, request the strong model's answer in the next typing pause, and replace the suggestion if
    that answer is better."""
    least_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.75
    """Minimum confidence of an automatic suggestion, from 0 to 1. The confidence of a suggestion is the geometric mean
    of its tokens' probabilities. The server raises this minimum for languages in which you accept few suggestions
    (`slm-lsp stats` shows it). Manual requests ignore it."""
    languages_off: tuple[str, ...] = ()
    """Languages without automatic suggestions, for example `markdown`. Manual requests still get suggestions."""
    prefix_tokens: Tokens = 1500
    """Maximum length of the text before the cursor that the model reads, in tokens."""
    suffix_tokens: Tokens = 256
    """Maximum length of the text after the cursor that the model reads, in tokens."""
    snippet_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1000
    """Maximum length of the snippets of other project files that the model reads, in tokens. 0: no snippets."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. The defaults work without configuration."""

    model: str = "auto"
    """The model that answers: `fast`, `strong`, `auto` (chosen for each request, see `completion.latency_ms`), the name
    of an installed model, or the path of a GGUF file."""
    models_dir: Path = field(default_factory=_default_models_dir)
    """Folder of the downloaded models."""
    statistics: bool = True
    """Count shown and accepted suggestions on this machine (`slm-lsp stats` shows the counts). Code is not recorded."""
    run_examples: bool = False
    """If the docstring of a Python function contains examples, run alternative suggestions against these examples and
    prefer a suggestion that passes. Off by default, because this executes code while you type. Code is executed only if
    a check finds that the code has no effects besides its result. The code runs in a process that a seccomp filter
    isolates from files, network and other processes. Works only on Linux on x86-64."""
    sandbox: Literal["auto", "none"] = "auto"
    """How slm-lsp runs compilers and your test command. `auto`: isolated from your files and the network (bubblewrap on
    Linux, `sandbox-exec` on macOS); if isolation is not available, slm-lsp does not run the program. `none`: not
    isolated; only time, memory and output are limited. `slm-lsp doctor` shows whether isolation is available."""
    engine: EngineSettings = EngineSettings()
    completion: CompletionSettings = CompletionSettings()
    problems: tuple[str, ...] = ()
    """One sentence per invalid value or unreadable file in the sources. Such values and files are ignored."""


def user_file() -> Path:
    """Return the path of the user's settings file."""
    return platformdirs.user_config_path(APP) / "config.toml"


def load_settings(
    workspace: Path | None = None,
    *,
    editor: Tree | None = None,
    environ: Mapping[str, str] = os.environ,
    user: Path | None = None,
) -> Settings:
    """Return the settings of all sources. Later sources override earlier ones. Errors are listed in `problems`.

    Args:
        workspace: folder whose `.slm-lsp.toml` is read; None: no workspace.
        editor: the settings that the editor sent.
        environ: environment variables.
        user: path of the user's settings file; None: the default path.
    """
    problems: list[str] = []
    user_path = user or user_file()
    layers: list[tuple[str, Tree]] = [(str(user_path), _read(user_path, problems))]
    if workspace is not None:
        path = workspace / WORKSPACE_FILE
        layers.append((str(path), _without_user_only(_read(path, problems), str(path), problems)))
    layers.append(("the editor's settings", editor or {}))
    layers.append(("the environment", _from_environment(environ, problems)))
    settings = Settings()
    for source, tree in layers:
        settings = _overlay(settings, tree, source, "", problems.append)
    return dataclasses.replace(settings, problems=tuple(problems))


def _read(path: Path, problems: list[str]) -> Tree:
    try:
        if not path.exists():
            return {}
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            raise OSError(f"it is not a regular file of at most {MAX_FILE_BYTES:,} bytes")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        problems.append(f"{path} cannot be read and is ignored: {why}")
        return {}


def _without_user_only(tree: Tree, source: str, problems: list[str]) -> Tree:
    problems.extend(
        f"{source}: `{key}` cannot be set in a workspace, only in your own settings." for key in tree.keys() & USER_ONLY
    )
    kept = {key: value for key, value in tree.items() if key not in USER_ONLY}
    model = kept.get("model")
    if isinstance(model, str) and ("/" in model or "\\" in model or model.startswith("~") or model.endswith(".gguf")):
        problems.append(f"{source}: `model` cannot be a file path in a workspace, only the name of an installed model.")
        del kept["model"]
    return kept


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Tree:
    """Return the settings in `SLM_LSP_MODEL`, `SLM_LSP_ENGINE_THREADS`, … as a tree; report unknown variables."""
    tree: dict[str, object] = {}
    known = {ENVIRONMENT_PREFIX + "_".join(path).upper(): path for path in _setting_paths(Settings)}
    for variable in sorted(each for each in environ if each.startswith(ENVIRONMENT_PREFIX)):
        if variable not in known:
            close = _close(variable, known)
            problems.append(f"the environment: the variable `{variable}` is not a setting.{close}")
            continue
        *groups, leaf = known[variable]
        node = tree
        for group in groups:
            node = node.setdefault(group, {})  # type: ignore[assignment]
        node[leaf] = environ[variable]
    return tree


def engine_environment(settings: EngineSettings) -> dict[str, str]:
    """Return the environment variables that set every engine setting to its value in `settings`."""
    prefix = f"{ENVIRONMENT_PREFIX}ENGINE_"
    return {prefix + each.name.upper(): str(getattr(settings, each.name)) for each in dataclasses.fields(settings)}


def _setting_paths(group: type[Any]) -> Iterator[tuple[str, ...]]:
    for name, kind in _fields(group).items():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from ((name, *rest) for rest in _setting_paths(kind))
        else:
            yield (name,)


def _fields(group: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(group, include_extras=True)
    return {each.name: hints[each.name] for each in dataclasses.fields(group) if each.name != "problems"}


def _overlay(base: Group, tree: Tree, source: str, at: str, report: Callable[[str], None]) -> Group:
    """Return `base` with the values of `tree`; report and ignore unknown names and invalid values.

    Args:
        base: the settings, or one group of them.
        tree: the values of one source for this group.
        source: name of the source, for messages.
        at: the group's path with a dot at the end, for messages; empty for the whole tree.
        report: called with one sentence per problem.
    """
    kinds = _fields(type(base))
    changed: dict[str, object] = {}
    for name, value in tree.items():
        if name not in kinds:
            report(f"{source}: there is no setting `{at}{name}`.{_close_setting(f'{at}{name}')}")
        elif dataclasses.is_dataclass(kinds[name]):
            if isinstance(value, Mapping):
                changed[name] = _overlay(getattr(base, name), value, source, f"{at}{name}.", report)
            else:
                report(f"{source}: `{at}{name}` is a group of settings, not a value.")
        else:
            try:
                changed[name] = _convert(value, kinds[name])
            except (msgspec.ValidationError, RuntimeError):
                wanted, kept = expected(kinds[name]), _shown(getattr(base, name))
                report(f"{source}: `{at}{name}` must be {wanted}, but is {_shown(value)}; its value stays {kept}.")
    return dataclasses.replace(base, **changed)  # type: ignore[type-var]


def _convert(value: object, kind: Any) -> object:
    """Convert `value` to the type `kind`. A string may contain a number or a list `a,b`; `~` in a path is expanded."""
    if kind is Path:
        return Path(msgspec.convert(value, str)).expanduser()
    if get_origin(kind) is tuple and isinstance(value, str):
        value = [each.strip() for each in value.split(",") if each.strip()]
    return msgspec.convert(value, kind, strict=False)


def expected(kind: Any) -> str:
    """Describe the allowed values of a type in words, such as `a whole number from 1 to 1,000,000`."""
    if get_origin(kind) is Annotated:
        plain, limits = get_args(kind)
        return expected(plain) + _range(limits)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(_shown(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list of strings"
    return {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}.get(kind, "a string")


def _range(limits: msgspec.Meta) -> str:
    if limits.gt is not None:
        return f" greater than {limits.gt:,}"
    if limits.ge is not None and limits.le is not None:
        return f" from {limits.ge:,} to {limits.le:,}"
    return f" of at least {limits.ge:,}" if limits.ge is not None else ""


def _shown(value: object) -> str:
    """Return a value as it is written in a settings file, truncated to `SHOWN_CHARACTERS`."""
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _close_setting(name: str) -> str:
    """Return a "Did you mean" hint: the same name in another group, or a similar name. Empty if none is found."""
    known = [".".join(path) for path in _setting_paths(Settings)]
    leaf = name.rpartition(".")[2]
    elsewhere = [each for each in known if each.rpartition(".")[2] == leaf]
    return f" Did you mean `{elsewhere[0]}`?" if elsewhere else _close(name, known)


def _close(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), 1, CLOSE)
    return f" Did you mean `{found[0]}`?" if found else ""
