"""Finds fill-in-the-middle tokens by known spellings, because most GGUF files do not declare them."""

from collections.abc import Callable

from slm_lsp.engine.api import FimTokens

KNOWN_SPELLINGS = (
    # Qwen2.5-Coder and later, CodeGemma (which has no repository name)
    FimTokens("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"),
    FimTokens("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", None, "<|file_separator|>"),
    # StarCoder2, then StarCoder and Granite
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"),
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<reponame>", "<filename>"),
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    # DeepSeek-Coder: its "hole" token is used where other models have the suffix token
    FimTokens("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001 - the model's own spelling
)

END_SPELLINGS = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|cursor|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|im_start|>",
    "<|im_end|>",
    "<fim_prefix>",
    "<fim_suffix>",
    "<fim_middle>",
    "<fim_pad>",
    "<file_sep>",
)
"""Tokens that end an answer. Some model files do not mark all of them as end tokens (ggml-org/llama.cpp#9606)."""


def find_fim(single: Callable[[str], int | None]) -> FimTokens | None:
    """Return the first entry of `KNOWN_SPELLINGS` of which the model has all tokens; None if there is no such entry.

    Args:
        single: returns the token of a spelling; None if the spelling is not a single token.
    """
    for family in KNOWN_SPELLINGS:
        optional = [each for each in (family.repository, family.file) if each is not None]
        if all(single(each) is not None for each in (family.prefix, family.suffix, family.middle, *optional)):
            return family
    return None


def find_ends(single: Callable[[str], int | None]) -> frozenset[int]:
    """Return the tokens of `END_SPELLINGS` that the model has."""
    return frozenset(token for spelling in END_SPELLINGS if (token := single(spelling)) is not None)
