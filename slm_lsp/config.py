"""Settings: one frozen tree, read from files, the editor and the environment; a wrong value is reported and defaulted.

Later sources win: the user's `config.toml`, the workspace's `.slm-lsp.toml`, the editor, `SLM_LSP_*` variables.
A workspace comes from anywhere, so its file may not say what runs on this machine or where models lie.
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
USER_ONLY = frozenset({"models_dir", "engine", "statistics", "run_examples"})

MAX_FILE_BYTES = 64 * 1024
"""A settings file that is larger is none."""

SHOWN_CHARACTERS = 60
"""The most that a message repeats of a wrong value."""

CLOSE = 0.75
"""Similarity (difflib's ratio) from which an unknown name is taken for a misspelled one."""

Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Tree = Mapping[str, object]
Group = TypeVar("Group")


def _default_models_dir() -> Path:
    return platformdirs.user_data_path(APP) / "models"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How models run. The engine is shared by all editors, so these are the user's, never a workspace's."""

    backend: Literal["auto", "llama_cpp", "ik"] = "auto"
    """The binding that runs the model; `auto`: the faster one, where it agrees with the reference on this machine."""
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Threads that evaluate the model. 0: one for each physical core that this process may use, and fewer while other
    programs use these cores. Any other number is used as it is."""
    context_tokens: Annotated[int, msgspec.Meta(ge=512)] = 8192
    """KV cells of one model: the tokens of the longest prompt and its answers."""
    gpu_layers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Layers of the model that a graphics processor evaluates; 0: none."""
    kv_offload_mb: Annotated[int, msgspec.Meta(ge=0)] = 512
    """Disk space for the KV cache of inactive documents, in megabytes per model. 0: keep this data in memory, where
    each visited document slows down the others. The files are unnamed and are deleted when the engine exits."""
    idle_minutes: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    """A model unused for so long is unloaded."""


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """What one completion may cost."""

    max_tokens: Tokens = 64
    """The most that a line has."""
    block_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 256
    """The most that a block has; 0: only lines are suggested."""
    latency_ms: Annotated[float, msgspec.Meta(ge=0)] = 1500.0
    """Latency budget of one line, in milliseconds. With `model = "auto"` the strong model answers if its estimated
    latency is within it."""
    refine: bool = True
    """With `model = "auto"`: where the fast tier answered because the strong one would have taken longer than
    `latency_ms`, ask the strong one in the next pause, and replace the suggestion if its answer is better."""
    least_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.75
    """A suggestion of which the model is less sure is not shown unless asked for: the geometric mean of its tokens'
    probabilities. What was accepted and rejected before may raise it (`slm-lsp stats`)."""
    languages_off: tuple[str, ...] = ()
    """Languages in which nothing is suggested unless asked for by hand, such as `markdown`."""
    prefix_tokens: Tokens = 1500
    """The most that is read before the cursor."""
    suffix_tokens: Tokens = 256
    """The most that is read behind the cursor."""
    snippet_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1000
    """The most that is read of other files of the project; 0: nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user can set, with defaults that need no configuration."""

    model: str = "auto"
    """A tier (`fast`, `strong`), `auto`, a model's name, or a path to a GGUF file."""
    models_dir: Path = field(default_factory=_default_models_dir)
    """The folder of the models."""
    statistics: bool = True
    """Whether it is counted, on this machine, what was suggested and accepted (`slm-lsp stats`)."""
    run_examples: bool = False
    """Whether to run suggested lines against the examples in the docstring of their function, to choose the one that
    passes. Off by default: this executes code while you type. Only Python code that does nothing but compute is run, in
    a process that a seccomp filter keeps from files, network and other processes (Linux on x86-64)."""
    engine: EngineSettings = EngineSettings()
    completion: CompletionSettings = CompletionSettings()
    problems: tuple[str, ...] = ()
    """What was wrong in the sources, a sentence each; the default stands in for it."""


def user_file() -> Path:
    """Where the user's own settings lie."""
    return platformdirs.user_config_path(APP) / "config.toml"


def load_settings(
    workspace: Path | None = None,
    *,
    editor: Tree | None = None,
    environ: Mapping[str, str] = os.environ,
    user: Path | None = None,
) -> Settings:
    """Settings from every source, later ones over earlier ones. Never fails: what is wrong stands in `problems`."""
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
            raise OSError("it is no file of settings")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        problems.append(f"{path} cannot be read and is left out: {why}")
        return {}


def _without_user_only(tree: Tree, source: str, problems: list[str]) -> Tree:
    problems.extend(
        f"{source}: `{key}` cannot be set in a workspace, only in your own settings." for key in tree.keys() & USER_ONLY
    )
    kept = {key: value for key, value in tree.items() if key not in USER_ONLY}
    model = kept.get("model")
    if isinstance(model, str) and ("/" in model or "\\" in model or model.startswith("~") or model.endswith(".gguf")):
        problems.append(f"{source}: `model` may name a model of yours, but not a file.")
        del kept["model"]
    return kept


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Tree:
    """`SLM_LSP_MODEL`, `SLM_LSP_ENGINE_THREADS`, … as a tree; such variables that name no setting are reported."""
    tree: dict[str, object] = {}
    known = {ENVIRONMENT_PREFIX + "_".join(path).upper(): path for path in _setting_paths(Settings)}
    for variable in sorted(each for each in environ if each.startswith(ENVIRONMENT_PREFIX)):
        if variable not in known:
            close = _close(variable, known)
            problems.append(f"the environment: no setting belongs to the variable `{variable}`.{close}")
            continue
        *groups, leaf = known[variable]
        node = tree
        for group in groups:
            node = node.setdefault(group, {})  # type: ignore[assignment]
        node[leaf] = environ[variable]
    return tree


def engine_environment(settings: EngineSettings) -> dict[str, str]:
    """The variables that give a process these settings, whatever else is set."""
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
    """`base` with the values of `tree`; unknown names and wrong values are reported and left out."""
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
                wanted, kept = _expected(kinds[name]), _shown(getattr(base, name))
                report(f"{source}: `{at}{name}` must be {wanted}, but is {_shown(value)}; it stays {kept}.")
    return dataclasses.replace(base, **changed)  # type: ignore[type-var]


def _convert(value: object, kind: Any) -> object:
    """`value` as `kind`; a string from the environment may stand for a number, a path for itself, `a,b` for a list."""
    if kind is Path:
        return Path(msgspec.convert(value, str)).expanduser()
    if get_origin(kind) is tuple and isinstance(value, str):
        value = [each.strip() for each in value.split(",") if each.strip()]
    return msgspec.convert(value, kind, strict=False)


def _expected(kind: Any) -> str:
    """The values that a setting may have, in words: `a whole number from 1 to 1,000,000`."""
    if get_origin(kind) is Annotated:
        plain, limits = get_args(kind)
        return _expected(plain) + _range(limits)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(_shown(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list of texts"
    return {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}.get(kind, "a text")


def _range(limits: msgspec.Meta) -> str:
    if limits.gt is not None:
        return f" greater than {limits.gt:,}"
    if limits.ge is not None and limits.le is not None:
        return f" from {limits.ge:,} to {limits.le:,}"
    return f" of at least {limits.ge:,}" if limits.ge is not None else ""


def _shown(value: object) -> str:
    """A value as a settings file spells it, shortened."""
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _close_setting(name: str) -> str:
    """The setting that was probably meant: the same name in another group, or one that is spelled alike."""
    known = [".".join(path) for path in _setting_paths(Settings)]
    leaf = name.rpartition(".")[2]
    elsewhere = [each for each in known if each.rpartition(".")[2] == leaf]
    return f" Did you mean `{elsewhere[0]}`?" if elsewhere else _close(name, known)


def _close(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), 1, CLOSE)
    return f" Did you mean `{found[0]}`?" if found else ""
