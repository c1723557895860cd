/**
 * Proposed edits that wait for the user's decision.
 *
 * A proposal does not change the document until the user accepts a hunk. Other extensions write the old and the new
 * lines into the document and later remove the rejected ones. If the file is saved in between, for example by auto
 * save, it then contains both. Here each acceptance is one undo step, and a rejection changes nothing.
 */

import {
  EndOfLine,
  EventEmitter,
  Range,
  workspace,
  WorkspaceEdit,
  type Disposable,
  type TextDocument,
  type TextDocumentChangeEvent,
} from "vscode";

import type { Check, EditResult } from "../protocol";
import type { Change } from "../suggestions";
import { applied, endOf, moved, type Hunk } from "./hunks";

export interface Proposal {
  readonly document: TextDocument;
  readonly verdict: readonly Check[];
  /** Number of hunks that the proposal had at first. */
  readonly total: number;
  /** The hunks without a decision, in the order of the document. */
  hunks: readonly Hunk[];
  /** The acceptance in progress: the accepted hunks, and the text that the document must have afterwards. */
  accepting?: { ids: ReadonlySet<number>; text: string } | undefined;
}

/** Holds at most one proposal per document. */
export class Proposals implements Disposable {
  private readonly byUri = new Map<string, Proposal>();
  private readonly changes = new EventEmitter<TextDocument>();
  private readonly disposables: { dispose(): unknown }[];
  /** Fires when the hunks of a document have changed or moved, and after each change of a document with hunks. */
  readonly onDidChange = this.changes.event;

  /** @param dropped called with the number of hunks that were dropped because the user edited their lines */
  constructor(private readonly dropped: (hunks: number) => void) {
    this.disposables = [
      this.changes,
      workspace.onDidChangeTextDocument((event) => {
        this.documentChanged(event);
      }),
      workspace.onDidCloseTextDocument((document) => {
        this.reject(document);
      }),
    ];
  }

  /** The proposal for a document, if it has hunks without a decision. */
  of(document: TextDocument): Proposal | undefined {
    return this.byUri.get(document.uri.toString());
  }

  /** All proposals. */
  all(): readonly Proposal[] {
    return [...this.byUri.values()];
  }

  /**
   * Add a proposal. It replaces an earlier one for the same document. Returns undefined if the document is no longer
   * the version for which the edit was made.
   */
  add(document: TextDocument, result: EditResult): Proposal | undefined {
    const hunks = hunksOf(document, result);
    if (document.version !== result.textDocument.version || hunks === undefined) {
      return undefined;
    }
    const proposal = { document, verdict: result.verdict, total: hunks.length, hunks };
    this.byUri.set(document.uri.toString(), proposal);
    this.changes.fire(document);
    return proposal;
  }

  /** Apply hunks as one undo step. Returns whether the document has the intended text afterwards. */
  async accept(proposal: Proposal, hunks: readonly Hunk[]): Promise<boolean> {
    const { document } = proposal;
    const edit = new WorkspaceEdit();
    for (const hunk of hunks) {
      edit.replace(document.uri, rangeOf(document, hunk), hunk.new);
    }
    const ids = new Set(hunks.map(({ id }) => id));
    proposal.accepting = { ids, text: applied(document.getText(), hunks) };
    const done = await workspace.applyEdit(edit);
    const intended = done && !proposal.hunks.some(({ id }) => ids.has(id));
    proposal.accepting = undefined;
    return intended;
  }

  /** Drop the given hunks of a document, or all of its hunks if none are given. */
  reject(document: TextDocument, hunks?: readonly Hunk[]): void {
    const proposal = this.of(document);
    if (proposal !== undefined) {
      const ids = new Set(hunks?.map(({ id }) => id));
      this.keep(proposal, hunks === undefined ? [] : proposal.hunks.filter(({ id }) => !ids.has(id)));
    }
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  private documentChanged({ document, contentChanges }: TextDocumentChangeEvent): void {
    const proposal = this.of(document);
    if (proposal === undefined || contentChanges.length === 0) {
      return;
    }
    const { accepting } = proposal;
    const text = document.getText();
    const others =
      accepting?.text === text ? proposal.hunks.filter(({ id }) => !accepting.ids.has(id)) : proposal.hunks;
    const { kept, dropped } = moved(others, changesOf({ contentChanges }), text);
    this.keep(proposal, kept);
    if (dropped.length > 0) {
      this.dropped(dropped.length);
    }
  }

  private keep(proposal: Proposal, hunks: readonly Hunk[]): void {
    proposal.hunks = hunks;
    if (hunks.length === 0) {
      this.byUri.delete(proposal.document.uri.toString());
    }
    this.changes.fire(proposal.document);
  }
}

/** Returns the range of a hunk's old text in its document. */
export function rangeOf(document: TextDocument, hunk: Hunk): Range {
  return new Range(document.positionAt(hunk.offset), document.positionAt(endOf(hunk)));
}

/** Returns the changes of an event, with offsets in the text before all of them. */
export function changesOf({ contentChanges }: Pick<TextDocumentChangeEvent, "contentChanges">): Change[] {
  return contentChanges.map((each) => ({ offset: each.rangeOffset, removed: each.rangeLength, text: each.text }));
}

/** Converts the server's hunks; undefined if they do not fit the document. */
function hunksOf(document: TextDocument, { hunks }: EditResult): Hunk[] | undefined {
  // VS Code gives inserted text the line ends of the document.
  const lineEnd = document.eol === EndOfLine.LF ? "\n" : "\r\n";
  const found = hunks.map(({ range, old, new: text }, index) => {
    const { start, end } = range;
    const place = new Range(start.line, start.character, end.line, end.character);
    const offset = document.offsetAt(place.start);
    const hunk = { id: index + 1, offset, old, new: text.replace(/\r\n?|\n/g, lineEnd) };
    return document.getText(place) === old ? hunk : undefined;
  });
  return found.every((each) => each !== undefined) ? found : undefined;
}
