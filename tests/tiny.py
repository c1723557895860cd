"""Writes a tiny random model with the architecture of Qwen2.5-Coder: byte-level BPE, FIM tokens, two layers."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 64, 2, 4, 2, 128
HEAD = WIDTH // HEADS
CONTEXT_TOKENS = 2048
MERGES = ["Ġ Ġ", "ĠĠ ĠĠ", "r e", "re t", "ret u", "retu r", "retur n", "d e", "de f", "s e", "se l", "sel f"]
SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]


def write_tiny_model(path: Path, seed: int = 0, *, special: bool = True, chat_template: str = "") -> Path:
    """Write the model as a GGUF file and return its path.

    Args:
        path: path of the new file.
        seed: seed of the random weights.
        special: False: the model has no fill-in-the-middle tokens.
        chat_template: Jinja template of chat prompts. With a template, every prompt starts with `<|im_start|>`.
    """
    tokens = [*_byte_letters(), *("".join(merge.split()) for merge in MERGES)]
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    control = SPECIAL if special else SPECIAL[:3]
    tokens += control
    kinds += [gguf.TokenType.CONTROL] * len(control)

    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(bool(chat_template))
    if chat_template:
        writer.add_bos_token_id(tokens.index("<|im_start|>"))
        writer.add_chat_template(chat_template)
    for name, values in _tensors(np.random.default_rng(seed), len(tokens)).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(random: np.random.Generator, vocabulary: int) -> dict[str, np.ndarray]:
    def weights(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    tensors = {"token_embd.weight": weights(vocabulary, WIDTH), "output_norm.weight": ones}
    tensors["output.weight"] = 4 * weights(vocabulary, WIDTH)
    tensors["output.weight"][128:256] = 0  # never generate a part of a character
    tensors["output.weight"][256 + len(MERGES) :] = 0  # never generate an end token
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        for name, rows in (("q", HEADS * HEAD), ("k", KV_HEADS * HEAD), ("v", KV_HEADS * HEAD)):
            tensors[f"{at}attn_{name}.weight"] = weights(rows, WIDTH)
            tensors[f"{at}attn_{name}.bias"] = np.zeros(rows, dtype=np.float32)
        tensors[f"{at}attn_output.weight"] = weights(WIDTH, HEADS * HEAD)
        tensors[f"{at}attn_norm.weight"] = ones
        tensors[f"{at}ffn_norm.weight"] = ones
        tensors[f"{at}ffn_gate.weight"] = weights(FEED_FORWARD, WIDTH)
        tensors[f"{at}ffn_up.weight"] = weights(FEED_FORWARD, WIDTH)
        tensors[f"{at}ffn_down.weight"] = weights(WIDTH, FEED_FORWARD)
    return tensors


def _byte_letters() -> list[str]:
    """Return the printable characters with which GPT-2's tokenizer represents the 256 bytes, in byte order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
