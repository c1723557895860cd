"""The ring of chunks that `eval crossfile` collects from opened files, as llama.vim does."""

import random
from pathlib import Path

import pytest

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import snippet_tokens
from slm_lsp.evals.crossfile_tasks import Task
from slm_lsp.evals.packages import Project
from slm_lsp.evals.ring import CHUNKS, Chunk, added, apart, around, fitting, gathered, picked, similarity, source


def lines(count: int, word: str = "line") -> list[str]:
    return [f"{word}_{number} = other_{word}_{number}" for number in range(count)]


def test_chunk_is_a_random_half_of_the_lines_around_the_cursor() -> None:
    every = lines(500)
    near = around(every, 250)
    assert (near[0], near[-1]) == (every[218], every[282])
    chunk = picked(near, random.Random(1))
    assert len(chunk) == 32
    assert set(chunk) <= set(near)
    assert picked(near, random.Random(1)) == chunk != picked(near, random.Random(2))


def test_chunk_of_a_short_text_contains_all_lines() -> None:
    every = lines(62)
    assert picked(every, random.Random(1)) == tuple(every)
    assert len(around(every, 0)) == 33


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["a b"], ["a b"], 1.0),
        (["a b"], ["c d"], 0.0),
        (["a b c"], ["a"], 0.5),
        ([], [], 1.0),
        (["a, b"], ["(a)b"], 1.0),
    ],
)
def test_similarity_compares_words(one: list[str], other: list[str], expected: float) -> None:
    assert similarity(one, other) == expected


def test_similar_chunk_is_replaced_and_the_oldest_removed() -> None:
    old, new = Chunk("a.py", tuple(lines(32))), Chunk("b.py", (*lines(32)[:-1], "x = 2"))
    assert added((old,), new) == (new,)
    assert added((old,), Chunk("b.py", old.lines)) == (old,)
    assert added((old,), Chunk("b.py", ("x", "y"))) == (old,)
    ring: tuple[Chunk, ...] = ()
    for number in range(CHUNKS + 2):
        ring = added(ring, Chunk(f"{number}.py", tuple(lines(5, f"word{number}"))))
    assert [each.path for each in ring] == [f"{number}.py" for number in range(2, CHUNKS + 2)]


def test_ring_contains_chunks_of_the_files_in_order() -> None:
    files = {f"{word}.py": "\n".join(lines(400, word)) for word in ("one", "two")}
    ring = gathered(["one.py", "two.py"], files, random.Random(5))
    paths = [each.path for each in ring]
    assert paths == sorted(paths)
    assert set(paths) == {"one.py", "two.py"}
    assert len(paths) > 2


def test_chunks_similar_to_the_text_around_the_cursor_are_removed() -> None:
    text = "\n".join(lines(40))
    alike, unlike = Chunk("a.py", tuple(lines(40)[4:36])), Chunk("b.py", tuple(lines(32, "word")))
    assert apart((alike, unlike), Cursor("shop", "c.py", text, len(text) // 2), random.Random(1)) == [unlike]


def test_newest_chunks_fill_the_budget_and_the_oldest_of_them_may_lose_its_beginning() -> None:
    ring = [Chunk(f"{number}.py", tuple(lines(32, f"w{number}"))) for number in range(4)]
    whole = snippet_tokens(fitting(ring[-1:], 10_000)[0])
    found = fitting(ring, int(2.5 * whole))
    assert [each.path for each in found] == ["1.py", "2.py", "3.py"]
    assert found[-1].text == "\n".join(ring[-1].lines) + "\n"
    assert found[0].text.endswith("\n".join(ring[1].lines[-3:]) + "\n")
    assert found[0].text.count("\n") < 32
    assert 2 * whole < sum(map(snippet_tokens, found)) <= 2.5 * whole
    assert found[0].score < found[-1].score
    assert fitting(ring, 0) == []


def test_ring_of_a_task_is_reproducible() -> None:
    files = {f"{word}.py": "\n".join(lines(400, word)) for word in ("one", "two", "here")}
    task = Task("shop", "here.py", files["here.py"], 0, "here_0 = other_here_0", "x", "one.py", ("one.py", "two.py"))
    found = source([Project("shop", Path(), files)], 1000, seed=1)(task, task.cursor)
    assert found == source([Project("shop", Path(), files)], 1000, seed=1)(task, task.cursor)
    assert found != source([Project("shop", Path(), files)], 1000, seed=2)(task, task.cursor)
    assert {each.path for each in found} <= {"one.py", "two.py"}
