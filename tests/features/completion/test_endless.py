"""A function body that starts by calling the function itself with the same arguments is rejected."""

import pytest

from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.endless import drop_endless_calls
from slm_lsp.features.completion.filters import Draft, Rejected


def dropped(path: str, document: str) -> bool:
    before, _, rest = document.partition("⟦")
    answer, _, after = rest.partition("⟧")
    around = surroundings(before + after, len(before), path)
    return isinstance(drop_endless_calls(Draft(answer), around), Rejected)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("a.py", "def total(rows: list[int], vat=1) -> int:\n    ⟦return total(rows, vat)⟧"),
        ("a.py", "class A:\n    async def load(self, name):\n        return await ⟦self.load(name)⟧"),
        ("a.ts", "function total(rows: Row[], vat: number): number {\n  ⟦return total(rows, vat);\n}⟧"),
        ("a.go", "func (s *Shop) total(rows []Row) int {\n\t⟦return total(rows)⟧"),
        ("a.c", "int checksum(const char *data, int length) {\n    return check⟦sum(data, length);⟧"),
        ("A.java", "class A {\n    void close() {\n        ⟦this.close();⟧"),
        ("a.rs", "fn total(rows: &[Row]) -> f64 {\n    ⟦total(rows)⟧"),
    ],
)
def test_call_with_the_same_arguments_is_rejected(path: str, document: str) -> None:
    assert dropped(path, document)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("a.py", "def total(rows):\n    ⟦return total(rows[1:])⟧"),
        ("a.py", "def total(rows):\n    ⟦return super().total(rows)⟧"),
        ("a.py", "def total(rows):\n    ⟦return shop.total(rows)⟧"),
        ("a.py", "def total(rows):\n    ⟦return sum(rows)⟧"),
        ("a.py", "def total(rows):\n    ⟦return total(rows, 1)⟧"),
        ("a.py", "def swap(a, b):\n    ⟦return swap(b, a)⟧"),
        ("a.py", "def total(rows):\n    if not rows:\n        ⟦return total(rows)⟧"),
        ("a.rs", "    fn len(&self) -> usize {\n        ⟦self.len()⟧"),
    ],
)
def test_call_that_may_terminate_is_kept(path: str, document: str) -> None:
    assert not dropped(path, document)
