/** Finds the place that the user wants to edit or fix. */

import { languages, Range, type Diagnostic, type TextDocument, type TextEditor } from "vscode";

import type { Change } from "../suggestions";
import { shifted } from "./hunks";

/** A place in a document, and what to do there. */
export interface Target {
  document: TextDocument;
  range: Range;
  /** For `slm.refactor`. */
  instruction?: string;
  /** For `slm.fix`: the message of the error. */
  error?: string;
}

/** Returns the diagnostic at the cursor: the most severe one, and among these the one with the shortest range. */
export function diagnosticAt({ document, selection }: TextEditor): Diagnostic | undefined {
  const all = languages.getDiagnostics(document.uri);
  const at = all.filter(({ range }) => range.contains(selection.active));
  const inLine = all.filter(({ range }) => range.intersection(document.lineAt(selection.active).range) !== undefined);
  const length = ({ range }: Diagnostic): number => document.getText(range).length;
  const sorted = (at.length > 0 ? at : inLine).toSorted(
    (one, other) => one.severity - other.severity || length(one) - length(other),
  );
  return sorted[0];
}

/** A range that moves along with the changes of its document. */
export class MovingRange {
  private start: number;
  private end: number;

  constructor(
    private readonly document: TextDocument,
    range: Range,
  ) {
    this.start = document.offsetAt(range.start);
    this.end = document.offsetAt(range.end);
  }

  /** Move the range. `changes` have offsets in the text before all of them. */
  changed(changes: readonly Change[]): void {
    this.start = shifted(this.start, changes);
    this.end = shifted(this.end, changes);
  }

  /** The range in the document's current text. */
  get current(): Range {
    return new Range(this.document.positionAt(this.start), this.document.positionAt(this.end));
  }
}
