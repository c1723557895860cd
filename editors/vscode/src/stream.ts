/** Suggestions that are still being written: their pieces, put together. */

import type { StreamPiece } from "./protocol";

/** So many unfinished suggestions are remembered: one a document is usual, and a lost `done` must not add up. */
const MOST = 16;

/** A suggestion that is whole. */
export interface Whole {
  uri: string;
  version: number;
  text: string;
}

/** Puts the pieces of suggestions together. */
export class Streams {
  private readonly texts = new Map<number | string, string>();

  /** Take a piece; the whole suggestion when it was the last one. */
  heard(piece: StreamPiece): Whole | undefined {
    if (piece.kind !== "completion") {
      return undefined;
    }
    const text = (this.texts.get(piece.id) ?? "") + piece.delta;
    this.texts.delete(piece.id);
    if (!piece.done) {
      this.texts.set(piece.id, text);
      const [oldest] = this.texts.keys();
      if (this.texts.size > MOST && oldest !== undefined) {
        this.texts.delete(oldest);
      }
      return undefined;
    }
    const document = piece.textDocument;
    return document === undefined ? undefined : { uri: document.uri, version: document.version, text };
  }
}

/** Whether a whole suggestion says more than the part of it that is on the screen. */
export function saysMore(whole: string, shown: string): boolean {
  return whole.trimEnd().length > shown.length && whole.startsWith(shown.trimEnd());
}
