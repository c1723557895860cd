/** Tracks the shown suggestion and its outcome: accepted, partially accepted, rejected or ignored. */

import type { Outcome } from "./protocol";

/** A suggestion that was returned to the editor. */
export interface Suggestion {
  id: string | number;
  uri: string;
  /** Position of `rest`, in UTF-16 code units from the start of the document. */
  offset: number;
  /** The part of the suggestion that is not yet in the document. */
  rest: string;
}

/** A change of a document. */
export interface Change {
  offset: number;
  removed: number;
  text: string;
}

/** Minimum length of an insertion that counts as an accepted word or line. Typing inserts single characters. */
const MIN_PARTIAL_CHARACTERS = 2;

/** Holds the shown suggestion. There is at most one, because the editor shows ghost text at one cursor only. */
export class Suggestions {
  private shown: Suggestion | undefined;
  /** Number of characters of the shown suggestion that were accepted by words or lines. */
  private acceptedCharacters = 0;

  /** The suggestion that is probably shown. VS Code does not report when it hides one. */
  get current(): Suggestion | undefined {
    return this.shown;
  }

  /**
   * Record which suggestion is shown; undefined: none. A suggestion counts as the same one if it is at the same
   * position and extends or shortens the previous one.
   */
  show(next: Suggestion | undefined): Outcome[] {
    const before = this.shown;
    const same = before?.uri === next?.uri && before?.offset === next?.offset;
    const outcomes = same && isContinuation(before?.rest ?? "", next?.rest ?? "") ? [] : this.close("ignored");
    if (before?.id !== next?.id) {
      this.acceptedCharacters = 0;
    }
    this.shown = next;
    return outcomes;
  }

  /** Update the shown suggestion after a document changed. */
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
      return this.close("ignored");
    }
    const characters = change.text.length;
    this.shown = { ...shown, offset: shown.offset + characters, rest: shown.rest.slice(characters) };
    if (characters < MIN_PARTIAL_CHARACTERS || characters === shown.rest.length) {
      return []; // a typed character, or the complete suggestion, for which the editor calls the command `slm.accepted`
    }
    this.acceptedCharacters += characters;
    return [{ id: shown.id, kind: "partial", characters: this.acceptedCharacters }];
  }

  /** Record that the editor inserted the complete suggestion. */
  accepted(id: string | number): Outcome[] {
    this.clear();
    return [{ id, kind: "accepted" }];
  }

  /** Record that the user dismissed the suggestion. */
  dismissed(): Outcome[] {
    return this.close("rejected");
  }

  /** Record that the user switched to another editor. */
  left(): Outcome[] {
    return this.close("ignored");
  }

  private close(kind: "rejected" | "ignored"): Outcome[] {
    const shown = this.shown;
    const fullyTyped = shown?.rest === "";
    const partlyAccepted = this.acceptedCharacters > 0;
    this.clear();
    return shown === undefined || fullyTyped || partlyAccepted ? [] : [{ id: shown.id, kind }];
  }

  private clear(): void {
    this.shown = undefined;
    this.acceptedCharacters = 0;
  }
}

/** Whether one text is a prefix of the other. */
function isContinuation(before: string, next: string): boolean {
  return next.startsWith(before) || before.startsWith(next);
}
