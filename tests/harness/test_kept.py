"""Results are kept on disk and read again."""

from pathlib import Path

import msgspec

from slm_lsp.engine.api import Generate, ModelRef, Segment
from slm_lsp.harness.kept import Kept, digest


class Point(msgspec.Struct, frozen=True):
    x: int
    texts: tuple[str, ...] = ()


def request(**changes: object) -> Generate:
    return msgspec.structs.replace(Generate(ModelRef("/m.gguf"), (Segment("x = "),), 8), **changes)


def test_kept_results_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "points.jsonl"
    kept = Kept(Point, file)
    assert kept.get("a") is None
    kept.put("a", Point(1, ("é",)))
    kept.put("b", Point(2))
    assert kept.get("a") == Point(1, ("é",))
    again = Kept(Point, file)
    assert (again.get("a"), again.get("b")) == (Point(1, ("é",)), Point(2))


def test_incomplete_lines_and_lines_without_a_result_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "points.jsonl"
    Kept(Point, file).put("a", Point(1))
    with file.open("a") as stream:
        stream.write('["b", "text"]\n{"key": "c"}\n{"key": "d", "result": {"x": "no"}}\n{"key": "e", "resu')
    kept = Kept(Point, file)
    assert kept.get("a") == Point(1)
    assert [kept.get(key) for key in "bcde"] == [None] * 4


def test_digest_depends_on_the_model_and_everything_that_changes_the_answer() -> None:
    first = digest("model", request())
    assert digest("other", request()) != first
    assert digest("model", request(max_tokens=9)) != first
    assert digest("model", request(branch_below=0.5)) != first
    assert digest("model", request(fresh=True)) != first


def test_digest_does_not_depend_on_the_models_path_and_the_requests_number() -> None:
    assert digest("model", request(model=ModelRef("/elsewhere/m.gguf"), id=7)) == digest("model", request())
