/** Types of the messages that extend the Language Server Protocol; `docs/protocol.md` describes them. */

export const STATUS = "slm/status";
export const CURSOR = "slm/cursor";
export const STREAM = "slm/stream";
export const REFINED = "slm/refined";
export const COMPLETION_ACCEPTED = "slm.completionAccepted";

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

/** The parameters of `slm/stream`: the next part of a suggestion that is being generated. */
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

/** The `data` of an error response. */
export interface Fault {
  kind: string;
  /** What happened. */
  what: string;
  /** What the user can do about it. */
  cure: string;
}

export const MODEL_MISSING = "ModelMissingError";

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
