/** What the server says beyond the Language Server Protocol: docs/protocol.md in the types of this language. */

export const STATUS = "slm/status";
export const CURSOR = "slm/cursor";
export const STREAM = "slm/stream";
export const REFINED = "slm/refined";
export const COMPLETION_ACCEPTED = "slm.completionAccepted";

/** Values are null while they are not known. */
export interface Status {
  state: "idle" | "loading" | "working" | "ready" | "failed";
  model: string | null;
  tier: string | null;
  where: string;
  tokensPerSecond: number | null;
  indexed: number | null;
  reason: string | null;
}

/** A piece of a suggestion that is still being written. */
export interface StreamPiece {
  id: number | string;
  kind: string;
  delta: string;
  done: boolean;
  textDocument?: { uri: string; version: number };
}

/** A better suggestion than the last answer can be requested at this place. */
export interface Refined {
  textDocument: { uri: string; version: number };
  position: { line: number; character: number };
  id: string;
}

/** What became of a suggestion. */
export interface Outcome {
  id: string | number;
  kind: "accepted" | "partial" | "rejected" | "ignored";
  characters?: number;
}

/** The `data` of an error: what happened, and what to do next. */
export interface Fault {
  kind: string;
  what: string;
  cure: string;
}

export const MODEL_MISSING = "ModelMissingError";

/** `data` of an error as a fault; undefined for errors that were not raised on purpose. */
export function faultOf(data: unknown): Fault | undefined {
  if (typeof data !== "object" || data === null) {
    return undefined;
  }
  const { kind, what, cure } = data as Partial<Record<keyof Fault, unknown>>;
  return typeof kind === "string" && typeof what === "string"
    ? { kind, what, cure: typeof cure === "string" ? cure : "" }
    : undefined;
}

/** The id by which the server knows an item; undefined where it did not give one. */
export function idOf(command: { command: string; arguments?: readonly unknown[] } | undefined): string | number | undefined {
  const first = command?.command === COMPLETION_ACCEPTED ? command.arguments?.[0] : undefined;
  const id = typeof first === "object" && first !== null ? (first as { id?: unknown }).id : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
