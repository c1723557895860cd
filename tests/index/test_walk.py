"""Selecting the files that may be indexed. All tests use real folders on disk."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.index import source
from slm_lsp.index.walk import Rules, Skipped, SourceFile, read_source, stat_source, walk

TEXT = "print(1)\n"
KEY_HEAD = "-----BEGIN {}PRIVATE " + "KEY{}-----"
GIT = shutil.which("git")


def tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Create files below `root`. A name that ends with a slash creates an empty folder."""
    for name, content in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def rules(root: Path, **environ: str) -> Rules:
    return Rules(root, {"HOME": str(root / "no home"), **environ})


def found(root: Path, *, by: Rules | None = None) -> list[str]:
    """Return the paths that the walk finds, except ignore files."""
    paths = [each.path for each in walk(root, by or rules(root)) if isinstance(each, SourceFile)]
    return [path for path in paths if not path.endswith(("ignore", "exclude"))]


def skipped(root: Path) -> dict[str, Skipped]:
    return dict(each for each in walk(root, rules(root)) if isinstance(each, tuple))


# The walk


def test_walk_yields_files_sorted_with_size_and_time(tmp_path: Path) -> None:
    tree(tmp_path, {"b.py": TEXT, "a/z.py": TEXT, "a/b/c.py": TEXT, "c.txt": "", "README": "hello"})
    assert found(tmp_path) == ["README", "a/b/c.py", "a/z.py", "b.py", "c.txt"]
    info = (tmp_path / "b.py").stat()
    assert SourceFile("b.py", info.st_size, info.st_mtime_ns) in list(walk(tmp_path))


def test_refused_folder_is_one_entry_and_is_not_entered(tmp_path: Path) -> None:
    tree(tmp_path, {"node_modules/a/b.js": TEXT, "node_modules/c.js": TEXT, "main.js": TEXT})
    (tmp_path / "node_modules").chmod(0)
    assert skipped(tmp_path) == {"node_modules": Skipped.VENDORED}
    assert found(tmp_path) == ["main.js"]


def test_every_reason_for_skipping_a_file_has_a_text() -> None:
    assert all(reason.why for reason in Skipped)


def test_walking_5000_files_takes_less_than_a_second(tmp_path: Path) -> None:
    """Check a tenth of the target, which is 50,000 files in one or two seconds, with a realistic number of patterns."""
    patterns = [f"*.o{number}" for number in range(60)] + [f"build{number}/" for number in range(40)] + ["/a/**/tmp"]
    tree(tmp_path, {".gitignore": "\n".join(patterns), "src/.gitignore": "*.log\n"})
    for folder in range(100):
        place = tmp_path / "src" / f"package{folder}"
        place.mkdir()
        for number in range(50):
            (place / f"module{number}.py").touch()
    start = time.process_time()
    assert len(list(walk(tmp_path, rules(tmp_path)))) == 5002
    assert time.process_time() - start < 1


# Ignore files


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ({".gitignore": "*.log\n"}, ["a/c.py", "a/d/e.py", "b.py"]),
        ({".gitignore": "b.py\n"}, ["a/c.py", "a/d/e.py", "a/x.log", "x.log"]),
        ({".gitignore": "/x.log\n"}, ["a/c.py", "a/d/e.py", "a/x.log", "b.py"]),
        ({".gitignore": "a/\n"}, ["b.py", "x.log"]),
        ({".gitignore": "b.py/\n"}, ["a/c.py", "a/d/e.py", "a/x.log", "b.py", "x.log"]),
        ({".gitignore": "a/**/e.py\n"}, ["a/c.py", "a/x.log", "b.py", "x.log"]),
        ({".gitignore": "a/**\n!a/c.py\n"}, ["a/c.py", "b.py", "x.log"]),
        ({".gitignore": "a\n!a/c.py\n"}, ["b.py", "x.log"]),
        ({".gitignore": "*\n!*/\n!*.log\n"}, ["a/x.log", "x.log"]),
        ({".gitignore": "*.log\n", "a/.gitignore": "!x.log\n"}, ["a/c.py", "a/d/e.py", "a/x.log", "b.py"]),
        ({"a/.gitignore": "/d\n*.log\n"}, ["a/c.py", "b.py", "x.log"]),
        ({".gitignore": "# no\n\\#no\n*.log \r\nb.p[xyz]\n[\n\\\n"}, ["a/c.py", "a/d/e.py"]),
        ({".slmignore": "*.log\n/a/d/\n"}, ["a/c.py", "b.py"]),
        ({".gitignore": "*.log\n", ".slmignore": "!x.log\nb.py\n"}, ["a/c.py", "a/d/e.py"]),
        ({".slmignore": "*.log\n", "a/.slmignore": "!x.log\n"}, ["a/c.py", "a/d/e.py", "a/x.log", "b.py"]),
        ({".git/info/exclude": "*.log\n"}, ["a/c.py", "a/d/e.py", "b.py"]),
        ({".git/info/exclude": "*.log\n", ".gitignore": "!/x.log\n"}, ["a/c.py", "a/d/e.py", "b.py", "x.log"]),
    ],
    ids=str,
)
def test_ignore_files_follow_git_semantics(tmp_path: Path, ignore: dict[str, str], left: list[str]) -> None:
    tree(tmp_path, {"a/c.py": TEXT, "a/d/e.py": TEXT, "a/x.log": TEXT, "b.py": TEXT, "x.log": TEXT, **ignore})
    assert found(tmp_path) == left
    assert skipped(tmp_path).get("x.log", Skipped.IGNORED) is Skipped.IGNORED


def test_ignore_files_between_repository_and_workspace_apply(tmp_path: Path) -> None:
    tree(tmp_path, {
        ".gitignore": "*.py\n",  # above the repository, so it does not apply
        "repo/.git/": "", "repo/.gitignore": "*.log\n/packages/one/generated\n/one\n", "repo/.slmignore": "*.tmp\n",
        "repo/packages/.gitignore": "!keep.log\n/one/data\n",
        "repo/packages/one/a.py": TEXT, "repo/packages/one/a.log": TEXT, "repo/packages/one/keep.log": TEXT,
        "repo/packages/one/a.tmp": TEXT, "repo/packages/one/one/b.py": TEXT,
        "repo/packages/one/generated/c.py": TEXT, "repo/packages/one/data/d.py": TEXT,
    })  # fmt: skip
    assert found(tmp_path / "repo/packages/one") == ["a.py", "keep.log", "one/b.py"]


def test_ignored_workspace_has_no_files(tmp_path: Path) -> None:
    tree(tmp_path, {".git/": "", ".gitignore": "/scratch/\n", "scratch/deep/a.py": TEXT})
    assert list(walk(tmp_path / "scratch/deep", rules(tmp_path / "scratch/deep"))) == [(".", Skipped.IGNORED)]


def test_nested_repository_uses_only_its_own_patterns(tmp_path: Path) -> None:
    tree(tmp_path, {
        ".git/": "", ".gitignore": "*.log\n",
        "sub/.git": "gitdir: ../.git/modules/sub\n", ".git/modules/sub/info/exclude": "*.tmp\n",
        "sub/a.log": TEXT, "sub/a.tmp": TEXT, "a.log": TEXT,
    })  # fmt: skip
    assert found(tmp_path) == ["sub/a.log"]


def test_worktree_uses_the_excludes_of_its_repository(tmp_path: Path) -> None:
    tree(tmp_path, {
        "main/.git/info/exclude": "*.log\n", "main/.git/worktrees/tree/commondir": "../..\n",
        "tree/.git": f"gitdir: {tmp_path}/main/.git/worktrees/tree\n", "tree/a.log": TEXT, "tree/a.py": TEXT,
    })  # fmt: skip
    assert found(tmp_path / "tree") == ["a.py"]


@pytest.mark.parametrize(
    ("files", "environ"),
    [
        ({"home/.config/git/ignore": "*.log\n"}, {}),
        ({"xdg/git/ignore": "*.log\n"}, {"XDG_CONFIG_HOME": "{}/xdg"}),
        ({"home/.gitconfig": '[user]\n\tname = x\n[core]\n\texcludesFile = "~/mine"\n', "home/mine": "*.log\n"}, {}),
        ({"home/.config/git/config": "[core] excludesfile = ~/mine # my own\n", "home/mine": "*.log\n"}, {}),
    ],
    ids=["default", "XDG_CONFIG_HOME", "gitconfig", "config"],
)
def test_global_excludes_of_the_user_apply(tmp_path: Path, files: dict[str, str], environ: dict[str, str]) -> None:
    work = tree(tmp_path, {**files, "work/a.log": TEXT, "work/a.py": TEXT}) / "work"
    environ = {"HOME": str(tmp_path / "home"), **{name: each.format(tmp_path) for name, each in environ.items()}}
    assert found(work, by=Rules(work, environ)) == ["a.py"]


def test_ignore_file_that_is_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tree(tmp_path, {"a.py": TEXT}) / ".gitignore")
    assert found(tmp_path) == ["a.py"]
    assert skipped(tmp_path) == {".gitignore": Skipped.NOT_A_FILE}


NAMES = ["a", "b", "ab", "a.x", "b.y", "ab.x", "x y"]
PARTS = st.sampled_from([*NAMES, "*", "**", "*.x", "a*", "?", "[ab]", "[!a]*", "b?y", "[a-b].y", "*b*", "\\a", "[^b].x",
                         "[[:alpha:]]", "[]a]", "***"])  # fmt: skip
PATTERNS = st.builds(
    lambda negated, anchor, parts, end: negated + anchor + "/".join(parts) + end,
    st.sampled_from(["", "", "!"]), st.sampled_from(["", "", "/"]), st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " ", "/**/"]),
)  # fmt: skip
IGNORES = st.lists(PATTERNS, max_size=6).map(lambda lines: "\n".join(lines) + "\n")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)


@pytest.mark.skipif(GIT is None, reason="git is not installed")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    paths=st.lists(PATHS, min_size=1, max_size=12),
    top=IGNORES,
    nested=st.dictionaries(PATHS, IGNORES, max_size=2),
    exclude=st.one_of(st.just(""), IGNORES),
)
def test_walk_finds_the_same_files_as_git(paths: list[str], top: str, nested: dict[str, str], exclude: str) -> None:
    assert GIT is not None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        environ = {"HOME": folder, "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run([GIT, "init", "-q"], cwd=root, env=environ, check=True, timeout=20)
        places = [(f"{each}/.gitignore", text) for each, text in nested.items()]
        for path, text in [(".gitignore", top), *places, *((each, TEXT) for each in paths)]:
            try:
                tree(root, {path: text})
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                continue  # the path is already a file instead of a folder, or a folder instead of a file
        (root / ".git/info").mkdir(exist_ok=True)
        (root / ".git/info/exclude").write_text(exclude)
        listed = subprocess.run(
            [GIT, "ls-files", "-z", "-co", "--exclude-standard"], cwd=root, env=environ, check=True,
            capture_output=True, text=True, timeout=20,
        ).stdout  # fmt: skip
        ours = [each.path for each in walk(root, Rules(root, environ)) if isinstance(each, SourceFile)]
        assert ours == sorted(listed.split("\0")[:-1], key=lambda path: path.split("/"))
        by_path = Rules(root, environ)
        every = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
        assert sorted(each for each in every if by_path.refuses(each) is None) == sorted(ours)


# Names of files and folders

SECRETS = [
    ".env", ".env.local", ".env.production", ".envrc", "prod.env", "secrets.yaml", "secrets.py", "secrets.json",
    ".secrets", "secret.yml", "id_rsa", "id_rsa.pub", "id_ed25519", "id_ecdsa", "server.pem", "server.key", "apple.p8",
    "store.p12", "store.pfx", "store.jks", "my.keystore", "site.crt", "site.cer", "site.der", "putty.ppk",
    "vault.kdbx", "keys.gpg", ".netrc", ".npmrc", ".pypirc", ".htpasswd", ".pgpass", ".my.cnf", ".git-credentials",
    "credentials", "credentials.json", "client_secret_1.json", "service-account.json", "terraform.tfstate",
    "terraform.tfstate.backup", "prod.tfvars", ".bash_history", "kubeconfig", ".vault-token", "office.ovpn", "ID_RSA",
    "Server.PEM", ".aws/config", ".ssh/known_hosts", ".gnupg/options", ".kube/config", ".docker/config.json",
    ".env.d/x",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_secret_files_are_never_found_or_read(tmp_path: Path, name: str) -> None:
    tree(tmp_path, {f"deep/{name}": "CANARY\n", "deep/ordinary.py": TEXT})
    assert found(tmp_path) == ["deep/ordinary.py"]
    assert Skipped.SECRET in skipped(tmp_path).values()
    assert Rules(tmp_path).refuses(f"deep/{name}") is Skipped.SECRET
    assert read_source(tmp_path, f"deep/{name}") is Skipped.SECRET


@pytest.mark.parametrize(
    "name", ["env.py", "environment.ts", "keys.py", "credentials.py", "secret.go", "password.c", "key.h", "token.rs"]
)
def test_programs_whose_names_contain_words_about_secrets_are_found(tmp_path: Path, name: str) -> None:
    assert found(tree(tmp_path, {name: TEXT})) == [name]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".git/config", Skipped.VERSION_CONTROL), (".hg/x", Skipped.VERSION_CONTROL),
        (".svn/x", Skipped.VERSION_CONTROL),
        ("node_modules/a.js", Skipped.VENDORED), (".venv/a.py", Skipped.VENDORED),
        ("env/pyvenv.cfg", Skipped.VENDORED), ("third_party/a.c", Skipped.VENDORED),
        ("vendor/modules.txt", Skipped.VENDORED), ("vendor/autoload.php", Skipped.VENDORED),
        ("vendor/bundle/a.rb", Skipped.VENDORED),
        ("__pycache__/a.py", Skipped.CACHE), (".tox/a.py", Skipped.CACHE), ("x.egg-info/PKG", Skipped.CACHE),
        ("target/CACHEDIR.TAG", Skipped.CACHE),
        ("poetry.lock", Skipped.GENERATED), ("package-lock.json", Skipped.GENERATED), ("Cargo.lock", Skipped.GENERATED),
        ("app.js.map", Skipped.GENERATED), ("jquery.min.js", Skipped.MINIFIED),
        ("a\nb.py", Skipped.BAD_NAME), (os.fsdecode(b"caf\xe9.py"), Skipped.BAD_NAME),
    ],
)  # fmt: skip
def test_version_control_third_party_cache_and_generated_files_and_bad_names_are_skipped(
    tmp_path: Path, path: str, reason: Skipped
) -> None:
    tree(tmp_path, {f"sub/{path}": TEXT})
    assert found(tmp_path) == []
    assert list(skipped(tmp_path).values()) == [reason]
    assert Rules(tmp_path).refuses(f"sub/{path}") is reason
    assert all(shown.isprintable() or "\n" in shown for shown in skipped(tmp_path))


def test_folders_named_like_build_output_or_dependencies_are_searched_if_they_have_no_marker_file(
    tmp_path: Path,
) -> None:
    paths = ["build/a.py", "dist/a.py", "env/a.py", "target/a.py", "vendor/a.go", "venv/a.py"]
    assert found(tree(tmp_path, dict.fromkeys(paths, TEXT))) == paths


def test_slmignore_can_include_vendored_folders_only(tmp_path: Path) -> None:
    tree(tmp_path, {
        ".slmignore": "!third_party/\n!.ssh/\n!node_modules/\n", ".gitignore": "node_modules\n",
        "third_party/a.c": TEXT, ".ssh/config": TEXT, "node_modules/a.js": TEXT,
    })  # fmt: skip
    assert found(tmp_path) == ["third_party/a.c"]


@pytest.mark.parametrize("path", ["../other/a.py", "/etc/passwd", "a/../../b.py"])
def test_path_outside_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    assert Rules(tmp_path).refuses(path) is Skipped.OUTSIDE
    assert read_source(tmp_path, path) is Skipped.OUTSIDE


def test_very_deep_path_is_not_refused(tmp_path: Path) -> None:
    assert Rules(tmp_path).refuses("a/" * 3000 + "b.py") is None


# Links, and entries that are not regular files


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Create a workspace with links of every kind, next to a folder with a file that must not be read."""
    work = tree(tmp_path, {
        "outside/canary.py": "CANARY\n", "work/real.py": TEXT, "work/.env": "CANARY\n",
        "work/.gitignore": "ignored.py\n",
        "work/ignored.py": TEXT, "work/folder/inner.py": TEXT,
    }) / "work"  # fmt: skip
    for name, target in {
        "inside.py": "real.py", "out.py": "../outside/canary.py", "absolute.py": str(tmp_path / "outside/canary.py"),
        "secret.py": ".env", "hidden.py": "ignored.py", "loop.py": "loop.py", "gone.py": "nowhere.py",
        "twin": "folder", "up": ".", "away": "../outside", "tty.py": "/dev/tty",
    }.items():  # fmt: skip
        (work / name).symlink_to(target)
    return work


def test_links_are_followed_only_to_readable_files_in_the_workspace(linked: Path) -> None:
    assert found(linked) == ["folder/inner.py", "inside.py", "real.py"]
    assert skipped(linked) == {
        "out.py": Skipped.OUTSIDE, "absolute.py": Skipped.OUTSIDE, "tty.py": Skipped.OUTSIDE, "away": Skipped.OUTSIDE,
        ".env": Skipped.SECRET, "secret.py": Skipped.SECRET,
        "ignored.py": Skipped.IGNORED, "hidden.py": Skipped.IGNORED,
        "loop.py": Skipped.LINK, "twin": Skipped.LINK, "up": Skipped.LINK, "gone.py": Skipped.VANISHED,
    }  # fmt: skip


def test_rules_for_single_paths_agree_with_the_walk(linked: Path) -> None:
    by_path = rules(linked)
    for path, reason in {
        "hidden.py": Skipped.IGNORED, "secret.py": Skipped.SECRET, "out.py": Skipped.OUTSIDE, "inside.py": None,
        "twin/inner.py": Skipped.LINK, "up/real.py": Skipped.LINK, "away/canary.py": Skipped.OUTSIDE,
    }.items():  # fmt: skip
        assert by_path.refuses(path) is reason, path
    assert stat_source(linked, "inside.py") == SourceFile(*_seen(linked / "inside.py"))
    assert [stat_source(linked, each) for each in ("out.py", "away/canary.py", "loop.py", "gone.py", "up")] == [
        None
    ] * 5


def _seen(path: Path) -> tuple[str, int, int]:
    return path.name, path.stat().st_size, path.stat().st_mtime_ns


def test_read_source_refuses_links_without_the_walk(linked: Path) -> None:
    assert read_source(linked, "inside.py") == TEXT.encode()
    for path, reason in {
        "out.py": Skipped.OUTSIDE, "away/canary.py": Skipped.OUTSIDE, "tty.py": Skipped.OUTSIDE,
        "secret.py": Skipped.SECRET, "loop.py": Skipped.LINK, "gone.py": Skipped.VANISHED, "twin": Skipped.NOT_A_FILE,
    }.items():  # fmt: skip
        assert read_source(linked, path) is reason, path


def test_folder_replaced_by_a_link_during_reading_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tree(tmp_path, {"outside/a.py": "CANARY\n", "work/folder/a.py": TEXT}) / "work"

    def swapped(root: Path, path: str) -> str:
        shutil.rmtree(work / "folder")
        (work / "folder").symlink_to("../outside")
        return path

    monkeypatch.setattr(source, "inside", swapped)
    assert read_source(work, "folder/a.py") in {Skipped.LINK, Skipped.VANISHED}


def test_pipes_sockets_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # the path of a socket must be short
        listening.bind("socket.py")
        assert skipped(tmp_path) == {"pipe.py": Skipped.NOT_A_FILE, "socket.py": Skipped.NOT_A_FILE}
        assert read_source(tmp_path, "pipe.py") is Skipped.NOT_A_FILE
        assert read_source(tmp_path, "socket.py") is Skipped.NOT_A_FILE
    assert read_source(Path("/dev"), "null") is Skipped.NOT_A_FILE


def test_unreadable_files_and_folders_are_reported(tmp_path: Path) -> None:
    tree(tmp_path, {"closed.py": TEXT, "folder/a.py": TEXT})
    if os.geteuid() == 0:
        pytest.skip("the superuser can read everything: run this test as another user")
    (tmp_path / "closed.py").chmod(0)
    (tmp_path / "folder").chmod(0)
    try:
        assert read_source(tmp_path, "closed.py") is Skipped.UNREADABLE
        assert skipped(tmp_path) == {"folder": Skipped.UNREADABLE}
    finally:
        (tmp_path / "folder").chmod(0o700)


# Contents


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", b"x\0y", Skipped.BINARY),
        ("a.py", "größe = 1\n".encode("latin-1"), Skipped.NOT_TEXT),
        ("a.py", "a = 1\n".encode("utf-16"), Skipped.BINARY),
        ("a.txt", b"word " * 401 + b"\n", Skipped.LONG_LINES),
        ("a.py", b"a = 1\n" * 1000 + b"#" * 2001, Skipped.LONG_LINES),
        ("a.py", b"x" * (1 << 20) + b"x", Skipped.TOO_LARGE),
        ("a.js", b"function f(){return 1};" * 15 + b"\n" + b"var a=1;" * 100, Skipped.MINIFIED),
        ("a.go", b"// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n", Skipped.GENERATED),
        ("a.py", b"# coding: utf-8\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\n", Skipped.GENERATED),
        ("a.rs", b"/* licence\n" * 10 + b" * @generated by a tool\n */\n", Skipped.GENERATED),
        ("a.h", b"/* This file was automatically generated */\n", Skipped.GENERATED),
        ("a.txt", KEY_HEAD.format("RSA ", "").encode() + b"\nabc\n", Skipped.SECRET),
        ("a.yml", b"key: |\n  " + KEY_HEAD.format("", "").encode() + b"\n  abc\n", Skipped.SECRET),
        ("a.json", b'{"key": "' + KEY_HEAD.format("", "").encode() + rb'\nMIIEvQIBADANBgkqhkiG"}', Skipped.SECRET),
        ("a.asc", KEY_HEAD.format("PGP ", " BLOCK").encode() + b"\n\nabc\n", Skipped.SECRET),
    ],
)  # fmt: skip
def test_content_that_is_generated_too_large_secret_or_not_text_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: Skipped
) -> None:
    tree(tmp_path, {name: content})
    assert read_source(tmp_path, name) is reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.py", b""),
        ("bom.py", "\ufeffa = 1\n".encode()),
        ("crlf.py", b"a = 1\r\n"),
        ("long.py", ("ß" * 2000 + "\n").encode() + b"a = 1\n" * 1000),
        ("whole.py", b"a = 12\n" * 149796),
        ("prose.md", b"word " * 390 + b"\n"),
        ("short.js", b"a" * 900),
        ("finds.py", b'MARKERS = ("@generated", "DO NOT EDIT", "Code generated by")\n'),
        ("keys.py", b'HEAD = "' + KEY_HEAD.format("RSA ", "").encode() + b'"\nEND = 1\n'),
        ("far.py", b"a = 1\n" * 100 + b"# DO NOT EDIT\n"),
        ("generates.py", b'"""Writes the tables that are generated."""\n# generated names are short\n'),
    ],
)
def test_accepted_content_is_returned_unchanged(tmp_path: Path, name: str, content: bytes) -> None:
    tree(tmp_path, {name: content})
    assert read_source(tmp_path, name) == content


def test_file_that_grows_during_reading_is_reported_as_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tree(tmp_path, {"a.py": TEXT}) / "a.py"
    real_fstat = os.fstat

    def grows(descriptor: int) -> os.stat_result:
        info = real_fstat(descriptor)
        with path.open("a") as file:
            file.write(TEXT)
        return info

    monkeypatch.setattr(os, "fstat", grows)
    assert read_source(tmp_path, "a.py") is Skipped.CHANGED


def test_folder_deleted_during_the_walk_is_reported_as_vanished(tmp_path: Path) -> None:
    tree(tmp_path, {"a.py": TEXT, "b/c.py": TEXT, "d.py": TEXT})
    walking = walk(tmp_path, rules(tmp_path))
    next(walking)
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "d.py").unlink()
    assert list(walking) == [("b", Skipped.VANISHED), ("d.py", Skipped.VANISHED)]
