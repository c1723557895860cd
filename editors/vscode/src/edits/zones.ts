/**
 * Shows the new lines of each hunk below the old ones.
 *
 * VS Code has no stable API for lines that are not part of the document. A comment thread is the only element of the
 * stable API that takes up space between the lines of an editor, shows several lines of code, moves along with edits
 * and has buttons. Decorations cannot contain line breaks, and a text that is longer than a line would be cut off.
 * By default, VS Code opens its view of all comments at the first thread of a session. package.json changes the default
 * of `comments.openView`, because that view would only cover code.
 */

import {
  CommentMode,
  comments,
  CommentThreadCollapsibleState,
  MarkdownString,
  Range,
  type Comment,
  type CommentController,
  type CommentThread,
  type Disposable,
  type TextDocument,
} from "vscode";

import { endOf, type Hunk } from "./hunks";
import type { Proposal, Proposals } from "./proposals";
import { addedLines } from "./text";
import { summary } from "./verdict";

/** The id of the comment controller. The conditions of the buttons in package.json contain it. */
const CONTROLLER = "slm.edit";

/** Keeps one comment thread for each hunk without a decision. */
export class Zones implements Disposable {
  /** Exists only while there are threads: as long as it exists, VS Code offers its view of all comments. */
  private controller: CommentController | undefined;
  private readonly threads = new Map<Proposal, Map<number, CommentThread>>();
  private readonly listening: Disposable;

  constructor(private readonly proposals: Proposals) {
    this.listening = proposals.onDidChange(() => {
      this.update();
    });
  }

  dispose(): void {
    this.listening.dispose();
    this.controller?.dispose();
  }

  private update(): void {
    const all = new Set(this.proposals.all());
    for (const [proposal, threads] of this.threads) {
      this.disposeOthers(threads, all.has(proposal) ? proposal.hunks : []);
      if (!all.has(proposal)) {
        this.threads.delete(proposal);
      }
    }
    for (const proposal of all) {
      this.show(proposal);
    }
    if (all.size === 0) {
      this.controller?.dispose();
      this.controller = undefined;
    }
  }

  private disposeOthers(threads: Map<number, CommentThread>, hunks: readonly Hunk[]): void {
    const ids = new Set(hunks.map(({ id }) => id));
    for (const [id, thread] of threads) {
      if (!ids.has(id)) {
        thread.dispose();
        threads.delete(id);
      }
    }
  }

  private show(proposal: Proposal): void {
    this.controller ??= comments.createCommentController(CONTROLLER, "slm-lsp");
    const threads = this.threads.get(proposal) ?? new Map<number, CommentThread>();
    this.threads.set(proposal, threads);
    for (const hunk of proposal.hunks) {
      const range = linesAbove(proposal.document, hunk);
      const thread = threads.get(hunk.id);
      if (thread === undefined) {
        threads.set(hunk.id, created(this.controller, proposal, hunk, range));
      } else if (!thread.range.isEqual(range)) {
        thread.range = range;
      }
    }
  }
}

function created(controller: CommentController, proposal: Proposal, hunk: Hunk, range: Range): CommentThread {
  const thread = controller.createCommentThread(proposal.document.uri, range, [comment(proposal, hunk)]);
  thread.canReply = false;
  thread.contextValue = String(hunk.id);
  thread.label = `Edit ${String(hunk.id)} of ${String(proposal.total)}`;
  thread.collapsibleState = CommentThreadCollapsibleState.Expanded;
  return thread;
}

function comment({ verdict }: Proposal, hunk: Hunk): Comment {
  const body = new MarkdownString();
  if (hunk.new === "") {
    body.appendText("Delete the red lines.");
  } else {
    body.appendCodeblock(addedLines(hunk.new), "diff");
  }
  return { body, mode: CommentMode.Preview, author: { name: "slm-lsp" }, label: summary(verdict) };
}

/** Returns the lines below which a hunk is shown: its old lines, or the line before an insertion. */
function linesAbove(document: TextDocument, hunk: Hunk): Range {
  const first = document.positionAt(hunk.offset).line;
  const end = document.positionAt(endOf(hunk));
  const last = end.character === 0 ? end.line - 1 : end.line; // the last line of a file may have no line end
  return new Range(Math.max(0, Math.min(first, last)), 0, Math.max(0, last), 0);
}
