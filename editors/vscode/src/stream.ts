/** Assembles suggestions from the parts that the server streams. */

import type { StreamPiece } from "./protocol";

/** Maximum number of incomplete suggestions kept. They accumulate only if their last part is lost. */
const MAX_INCOMPLETE = 16;

/** A completely streamed suggestion. */
export interface CompleteSuggestion {
  uri: string;
  version: number;
  text: string;
}

/** Concatenates the parts of each suggestion. */
export class Streams {
  private readonly texts = new Map<number | string, string>();

  /** Add a part. Returns the suggestion if this was its last part. */
  add(piece: StreamPiece): CompleteSuggestion | undefined {
    if (piece.kind !== "completion") {
      return undefined;
    }
    const text = (this.texts.get(piece.id) ?? "") + piece.delta;
    this.texts.delete(piece.id);
    if (!piece.done) {
      this.texts.set(piece.id, text);
      const [oldest] = this.texts.keys();
      if (this.texts.size > MAX_INCOMPLETE && oldest !== undefined) {
        this.texts.delete(oldest);
      }
      return undefined;
    }
    const document = piece.textDocument;
    return document === undefined ? undefined : { uri: document.uri, version: document.version, text };
  }
}

/** Whether a complete suggestion begins with the shown text and is longer. */
export function extendsShown(complete: string, shown: string): boolean {
  return complete.trimEnd().length > shown.length && complete.startsWith(shown.trimEnd());
}
