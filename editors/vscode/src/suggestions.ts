/** What became of the suggestions on the screen: taken, taken in part, refused, or typed over. Pure bookkeeping. */

import type { Outcome } from "./protocol";

/** A suggestion as it was given to the editor. */
export interface Suggestion {
  id: string | number;
  uri: string;
  /** Where it starts, in UTF-16 units from the start of the document. */
  offset: number;
  /** What is not yet in the document. */
  rest: string;
}

/** One change of a document. */
export interface Change {
  offset: number;
  removed: number;
  text: string;
}

/** Fewer characters at once are typing; more come from a command that takes a word or a line. */
const TAKEN_AT_ONCE = 2;

/** The suggestion on the screen. At most one: an editor shows ghost text at one cursor. */
export class Suggestions {
  private shown: Suggestion | undefined;
  private taken = 0;

  /** Whether a suggestion is on the screen, as far as one can know. */
  get current(): Suggestion | undefined {
    return this.shown;
  }

  /** A suggestion is shown, or nothing. One that goes on with the rest of the last one is no new one. */
  show(next: Suggestion | undefined): Outcome[] {
    const before = this.shown;
    const same = before?.uri === next?.uri && before?.offset === next?.offset;
    const outcomes = same && goesOn(before?.rest ?? "", next?.rest ?? "") ? [] : this.leave("ignored");
    if (before?.id !== next?.id) {
      this.taken = 0;
    }
    this.shown = next;
    return outcomes;
  }

  /** The document changed under the suggestion. */
  changed(uri: string, changes: readonly Change[]): Outcome[] {
    const shown = this.shown;
    if (shown?.uri !== uri || changes.length === 0) {
      return [];
    }
    const [change] = changes;
    const follows =
      changes.length === 1 &&
      change?.offset === shown.offset &&
      change.removed === 0 &&
      shown.rest.startsWith(change.text);
    if (!follows) {
      return this.leave("ignored");
    }
    const characters = change.text.length;
    this.shown = { ...shown, offset: shown.offset + characters, rest: shown.rest.slice(characters) };
    if (characters < TAKEN_AT_ONCE || characters === shown.rest.length) {
      return []; // typed, or taken whole, which the editor reports by itself
    }
    this.taken += characters;
    return [{ id: shown.id, kind: "partial", characters: this.taken }];
  }

  /** The editor inserted the whole suggestion. */
  accepted(id: string | number): Outcome[] {
    this.clear();
    return [{ id, kind: "accepted" }];
  }

  /** The user said no. */
  dismissed(): Outcome[] {
    return this.leave("rejected");
  }

  /** The cursor went elsewhere. */
  left(): Outcome[] {
    return this.leave("ignored");
  }

  private leave(kind: "rejected" | "ignored"): Outcome[] {
    const shown = this.shown;
    const whole = shown?.rest === "";
    const partly = this.taken > 0;
    this.clear();
    return shown === undefined || whole || partly ? [] : [{ id: shown.id, kind }];
  }

  private clear(): void {
    this.shown = undefined;
    this.taken = 0;
  }
}

/** Whether two rests are one suggestion, one of them longer. */
function goesOn(before: string, next: string): boolean {
  return next.startsWith(before) || before.startsWith(next);
}
