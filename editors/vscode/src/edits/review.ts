/** The commands with which the user decides on proposed edits. */

import {
  commands,
  Selection,
  TextEditorRevealType,
  window,
  type CommentThread,
  type Disposable,
  type TextDocument,
  type TextEditor,
} from "vscode";

import { DiffView } from "./diffView";
import { Highlights } from "./highlights";
import { following, nearest, preceding, type Hunk } from "./hunks";
import { Lenses, type HunkReference } from "./lenses";
import { Proposals, rangeOf, type Proposal } from "./proposals";
import { Zones } from "./zones";

/** The context key of the key bindings: whether the active editor shows hunks without a decision. */
const HAS_PROPOSAL = "slm.hasProposal";

const NOT_APPLIED = "slm-lsp: The change was not applied, because the document has changed or is read-only.";

/** Shows proposals in the editors and executes the user's decisions. */
export class Review implements Disposable {
  private readonly disposables: { dispose(): unknown }[];
  private readonly diffView: DiffView;
  readonly proposals = new Proposals((hunks) => {
    const what = hunks === 1 ? "A proposed change was" : `${String(hunks)} proposed changes were`;
    void window.showInformationMessage(`slm-lsp: ${what} dropped, because you edited the same lines.`);
  });

  constructor() {
    const { proposals } = this;
    this.diffView = new DiffView(proposals);
    const all: Record<string, (target?: unknown) => unknown> = {
      "slm.acceptHunk": (target) => this.decide(target, (...chosen) => this.accept(...chosen)),
      "slm.rejectHunk": (target) =>
        this.decide(target, ({ document }, hunks) => {
          proposals.reject(document, hunks);
        }),
      "slm.acceptAll": () => this.all((proposal) => this.accept(proposal, proposal.hunks)),
      "slm.rejectAll": () =>
        this.all(({ document }) => {
          proposals.reject(document);
        }),
      "slm.nextHunk": () => {
        this.go(following);
      },
      "slm.previousHunk": () => {
        this.go(preceding);
      },
      "slm.showEditDiff": () => this.all(({ document }) => this.diffView.show(document)),
    };
    this.disposables = [
      proposals,
      this.diffView,
      new Zones(proposals),
      new Lenses(proposals),
      new Highlights(proposals),
      proposals.onDidChange(() => {
        this.updateContext();
      }),
      window.onDidChangeActiveTextEditor(() => {
        this.updateContext();
      }),
      ...Object.entries(all).map(([name, work]) => commands.registerCommand(name, work)),
    ];
  }

  /** Move the cursor to the first hunk of a document and show it. */
  async reveal(document: TextDocument): Promise<void> {
    const visible = window.visibleTextEditors.find((editor) => editor.document === document);
    const editor = visible ?? (await window.showTextDocument(document));
    const [first] = this.proposals.of(document)?.hunks ?? [];
    moveTo(editor, first);
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  private updateContext(): void {
    void commands.executeCommand("setContext", HAS_PROPOSAL, this.active() !== undefined);
  }

  private active(): Proposal | undefined {
    const document = window.activeTextEditor?.document;
    return document && this.proposals.of(document);
  }

  /**
   * Decide on one hunk: the one whose button was pressed, otherwise the one at the cursor. In the second case, the
   * cursor then moves to the next hunk.
   */
  private async decide(
    target: unknown,
    work: (proposal: Proposal, hunks: readonly Hunk[]) => unknown,
  ): Promise<void> {
    const reference = referenceOf(target);
    if (reference !== undefined) {
      const proposal = this.proposals.all().find(({ document }) => document.uri.toString() === reference.uri);
      const hunk = proposal?.hunks.find(({ id }) => id === reference.hunk);
      if (proposal !== undefined && hunk !== undefined) {
        await work(proposal, [hunk]);
      }
      return;
    }
    const editor = window.activeTextEditor;
    const proposal = this.active();
    const hunk = editor && nearest(proposal?.hunks ?? [], cursorOf(editor));
    if (editor !== undefined && proposal !== undefined && hunk !== undefined) {
      await work(proposal, [hunk]);
      moveTo(editor, nearest(proposal.hunks, hunk.offset));
    }
  }

  private async all(work: (proposal: Proposal) => unknown): Promise<void> {
    const proposal = this.active();
    if (proposal !== undefined) {
      await work(proposal);
    }
  }

  private async accept(proposal: Proposal, hunks: readonly Hunk[]): Promise<void> {
    if (!(await this.proposals.accept(proposal, hunks))) {
      void window.showErrorMessage(NOT_APPLIED);
    }
  }

  private go(choose: (hunks: readonly Hunk[], cursor: number) => Hunk | undefined): void {
    const editor = window.activeTextEditor;
    if (editor !== undefined) {
      moveTo(editor, choose(this.active()?.hunks ?? [], cursorOf(editor)));
    }
  }
}

function cursorOf({ document, selection }: TextEditor): number {
  return document.offsetAt(selection.active);
}

function moveTo(editor: TextEditor, hunk: Hunk | undefined): void {
  if (hunk !== undefined) {
    const range = rangeOf(editor.document, hunk);
    editor.selection = new Selection(range.start, range.start);
    editor.revealRange(range, TextEditorRevealType.InCenterIfOutsideViewport);
  }
}

/** Returns the hunk of a button: a code lens passes a reference, the title bar of a comment thread the thread. */
function referenceOf(target: unknown): HunkReference | undefined {
  if (typeof target !== "object" || target === null) {
    return undefined;
  }
  if ("hunk" in target) {
    return target as HunkReference;
  }
  const { uri, contextValue } = target as Partial<CommentThread>;
  return uri === undefined ? undefined : { uri: uri.toString(), hunk: Number(contextValue) };
}
