/** The hunks of a proposed edit and their places in the document. Does not import the module `vscode`. */

import type { Change } from "../suggestions";

/** One changed region, in whole lines. Offsets are in UTF-16 code units from the start of the document. */
export interface Hunk {
  /** Number of the hunk in its proposal, counted from 1. */
  readonly id: number;
  readonly offset: number;
  /** The text that the document has at `offset`. Empty if the hunk only inserts lines. */
  readonly old: string;
  readonly new: string;
}

export function endOf(hunk: Hunk): number {
  return hunk.offset + hunk.old.length;
}

/** Returns the text with the hunks applied. They must fit the text and be in its order. */
export function applied(text: string, hunks: readonly Hunk[]): string {
  let end = 0;
  const parts: string[] = [];
  for (const hunk of hunks) {
    parts.push(text.slice(end, hunk.offset), hunk.new);
    end = endOf(hunk);
  }
  return parts.join("") + text.slice(end);
}

/**
 * Moves hunks along with changes of the document. Drops the hunks whose own lines changed.
 *
 * @param changes the changes, with offsets in the text before all of them
 * @param after the text after the changes
 */
export function moved(
  hunks: readonly Hunk[],
  changes: readonly Change[],
  after: string,
): { kept: Hunk[]; dropped: Hunk[] } {
  const kept: Hunk[] = [];
  const dropped: Hunk[] = [];
  for (const hunk of hunks) {
    const offset = newOffset(hunk, changes);
    const next = offset === undefined ? undefined : { ...hunk, offset };
    if (next !== undefined && isInPlace(next, after)) {
      kept.push(next);
    } else {
      dropped.push(hunk);
    }
  }
  return { kept, dropped };
}

/** Returns where an offset is after changes. An offset in replaced text moves to the end of the new text. */
export function shifted(offset: number, changes: readonly Change[]): number {
  let result = offset;
  for (const change of changes) {
    if (change.offset + change.removed <= offset) {
      result += change.text.length - change.removed;
    } else if (change.offset < offset) {
      result += change.offset + change.text.length - offset;
    }
  }
  return result;
}

/** Returns the hunk at the cursor, otherwise the first one after it, otherwise the last one. */
export function nearest(hunks: readonly Hunk[], cursor: number): Hunk | undefined {
  return hunks.find((hunk) => hunk.offset >= cursor || endOf(hunk) > cursor) ?? hunks.at(-1);
}

/** Returns the first hunk that begins after the cursor. After the last hunk comes the first one. */
export function following(hunks: readonly Hunk[], cursor: number): Hunk | undefined {
  return hunks.find((hunk) => hunk.offset > cursor) ?? hunks[0];
}

/** Returns the last hunk that ends before the cursor. Before the first hunk comes the last one. */
export function preceding(hunks: readonly Hunk[], cursor: number): Hunk | undefined {
  return hunks.findLast((hunk) => hunk.offset < cursor && endOf(hunk) <= cursor) ?? hunks.at(-1);
}

/** Returns the offset of a hunk after changes; undefined if a change overlaps its lines. */
function newOffset(hunk: Hunk, changes: readonly Change[]): number | undefined {
  let { offset } = hunk;
  for (const change of changes) {
    const end = change.offset + change.removed;
    // Text inserted exactly where an inserting hunk is comes before the hunk only if it consists of whole lines.
    const before = end < hunk.offset || hunk.old !== "" || change.removed > 0 || change.text.endsWith("\n");
    if (end <= hunk.offset && before) {
      offset += change.text.length - change.removed;
    } else if (change.offset < endOf(hunk)) {
      return undefined;
    }
  }
  return offset;
}

/** Whether a hunk's old text is at its offset and still consists of whole lines. */
function isInPlace(hunk: Hunk, text: string): boolean {
  const end = endOf(hunk);
  const startsLine = hunk.offset === 0 || text[hunk.offset - 1] === "\n";
  const endsLine = hunk.old === "" || hunk.old.endsWith("\n") || end === text.length;
  return startsLine && endsLine && text.startsWith(hunk.old, hunk.offset);
}
