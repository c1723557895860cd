/** Types of the messages that extend the Language Server Protocol; `docs/protocol.md` describes them. */

import type { Range } from "vscode-languageclient/node";

export const STATUS = "slm/status";
export const CURSOR = "slm/cursor";
export const STREAM = "slm/stream";
export const REFINED = "slm/refined";
export const COMPLETION_ACCEPTED = "slm.completionAccepted";
export const REFACTOR = "slm.refactor";
export const FIX = "slm.fix";

/** The parameters of `slm/status`. Values that are not known yet are null. */
export interface Status {
  state: "idle" | "loading" | "working" | "ready" | "failed";
  model: string | null;
  tier: string | null;
  where: string;
  tokensPerSecond: number | null;
  indexed: number | null;
  reason: string | null;
}

/** The parameters of `slm/stream`: the next part of a suggestion or an edit that is being generated. */
export interface StreamPiece {
  id: number | string;
  kind: string;
  delta: string;
  done: boolean;
  textDocument?: { uri: string; version: number };
}

/** The parameters of `slm/refined`: a better suggestion than the last answer is available at this position. */
export interface Refined {
  textDocument: { uri: string; version: number };
  position: { line: number; character: number };
  id: string;
}

/** The outcome of a suggestion, reported for the statistics. */
export interface Outcome {
  id: string | number;
  kind: "accepted" | "partial" | "rejected" | "ignored";
  characters?: number;
}

/** Where to edit, and what to do there. Code actions of the server contain it. */
export interface EditPlace {
  textDocument: { uri: string; version: number };
  range: Range;
  /** What to change; for `slm.refactor`. */
  instruction?: string;
  /** The message of the error; for `slm.fix`. */
  error?: string;
}

/** The argument of `slm.refactor` and `slm.fix`. */
export interface EditArgument extends EditPlace {
  /** The id of the edit in `slm/stream`. */
  id: string;
  /** Whether the server applies the edit itself. */
  apply: boolean;
}

export function isEditPlace(value: unknown): value is EditPlace {
  return typeof value === "object" && value !== null && "textDocument" in value && "range" in value;
}

/** The result of one check of an edit. */
export interface Check {
  check: string;
  result: "passed" | "failed" | "not available";
  evidence: string;
}

/** The result of `slm.refactor` and `slm.fix`. */
export interface EditResult {
  textDocument: { uri: string; version: number };
  /** The changed regions in whole lines, in the order of the document. Empty: there is no edit. */
  hunks: readonly { range: Range; old: string; new: string }[];
  verdict: readonly Check[];
  model: string | null;
  /** Why there is no edit. */
  reason: string | null;
  timing: { total_ms: number };
  tokens: { generated: number };
}

/** The `data` of an error response. */
export interface Fault {
  kind: string;
  /** What happened. */
  what: string;
  /** What the user can do about it. */
  cure: string;
}

export const MODEL_MISSING = "ModelMissingError";
/** The document has changed since the edit was requested. */
export const STALE = "StaleEditError";

/** Parses the `data` of an error response; undefined if it is not a `Fault`. */
export function faultOf(data: unknown): Fault | undefined {
  if (typeof data !== "object" || data === null) {
    return undefined;
  }
  const { kind, what, cure } = data as Partial<Record<keyof Fault, unknown>>;
  return typeof kind === "string" && typeof what === "string"
    ? { kind, what, cure: typeof cure === "string" ? cure : "" }
    : undefined;
}

/** Returns the server's id of a suggestion from the item's `command`; undefined if the item has none. */
export function idOf(command: { command: string; arguments?: readonly unknown[] } | undefined): string | number | undefined {
  const first = command?.command === COMPLETION_ACCEPTED ? command.arguments?.[0] : undefined;
  const id = typeof first === "object" && first !== null ? (first as { id?: unknown }).id : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
