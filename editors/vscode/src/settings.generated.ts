/** Written by scripts/settings.py from slm_lsp/config.py; do not edit. */

/** The settings of the server: the key in the editor, and the way to it in the server's tree. */
export const SERVER_SETTINGS: readonly (readonly [string, readonly string[]])[] = [
  ["slm.model", ["model"]],
  ["slm.modelsDir", ["models_dir"]],
  ["slm.statistics", ["statistics"]],
  ["slm.runExamples", ["run_examples"]],
  ["slm.engine.backend", ["engine", "backend"]],
  ["slm.engine.threads", ["engine", "threads"]],
  ["slm.engine.contextTokens", ["engine", "context_tokens"]],
  ["slm.engine.gpuLayers", ["engine", "gpu_layers"]],
  ["slm.engine.kvOffloadMb", ["engine", "kv_offload_mb"]],
  ["slm.engine.idleMinutes", ["engine", "idle_minutes"]],
  ["slm.completion.maxTokens", ["completion", "max_tokens"]],
  ["slm.completion.blockTokens", ["completion", "block_tokens"]],
  ["slm.completion.latencyMs", ["completion", "latency_ms"]],
  ["slm.completion.refine", ["completion", "refine"]],
  ["slm.completion.leastConfidence", ["completion", "least_confidence"]],
  ["slm.completion.languagesOff", ["completion", "languages_off"]],
  ["slm.completion.prefixTokens", ["completion", "prefix_tokens"]],
  ["slm.completion.suffixTokens", ["completion", "suffix_tokens"]],
  ["slm.completion.snippetTokens", ["completion", "snippet_tokens"]],
];
