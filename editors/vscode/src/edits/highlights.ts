/** Highlights the old lines of the hunks in red. */

import { OverviewRulerLane, ThemeColor, window, type Disposable, type TextEditor } from "vscode";

import { rangeOf, type Proposals } from "./proposals";

export class Highlights implements Disposable {
  private readonly removed = window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new ThemeColor("diffEditor.removedLineBackground"),
    overviewRulerColor: new ThemeColor("editorOverviewRuler.deletedForeground"),
    overviewRulerLane: OverviewRulerLane.Left,
  });
  private readonly disposables: { dispose(): unknown }[];

  constructor(private readonly proposals: Proposals) {
    this.disposables = [
      this.removed,
      proposals.onDidChange((document) => {
        this.draw(window.visibleTextEditors.filter((editor) => editor.document === document));
      }),
      window.onDidChangeVisibleTextEditors((editors) => {
        this.draw(editors);
      }),
    ];
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  private draw(editors: readonly TextEditor[]): void {
    for (const editor of editors) {
      const { document } = editor;
      const changed = this.proposals.of(document)?.hunks.filter((hunk) => hunk.old !== "") ?? [];
      const lines = changed.map((hunk) => {
        const range = rangeOf(document, hunk);
        return range.end.character === 0 ? range.with({ end: document.lineAt(range.end.line - 1).range.end }) : range;
      });
      editor.setDecorations(this.removed, lines);
    }
  }
}
