"""The recorded edits are pieces of realistic length of the files in the typing recordings."""

from slm_lsp.bench.edit import EDITS, load_edits


def test_edits_have_30_to_80_lines_in_three_languages() -> None:
    edits = load_edits(EDITS)
    assert len(edits) >= 10
    assert {edit.language for edit in edits} == {"python", "typescript", "go"}
    for edit in edits:
        assert 30 <= len(edit.code.splitlines()) <= 80, edit.instruction
        assert edit.instruction.endswith(".")
