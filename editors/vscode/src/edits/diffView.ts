/** Shows a proposal in VS Code's diff editor. Both sides are virtual documents, so nothing there can be edited. */

import { commands, EventEmitter, Uri, workspace, type Disposable, type TextDocument } from "vscode";

import { applied } from "./hunks";
import type { Proposals } from "./proposals";

const CURRENT = "slm-current";
const PROPOSED = "slm-proposed";

export class DiffView implements Disposable {
  private readonly changes = new EventEmitter<Uri>();
  private readonly disposables: { dispose(): unknown }[];

  constructor(private readonly proposals: Proposals) {
    const onDidChange = this.changes.event;
    this.disposables = [
      this.changes,
      ...[CURRENT, PROPOSED].map((scheme) =>
        workspace.registerTextDocumentContentProvider(scheme, {
          onDidChange,
          provideTextDocumentContent: (uri) => this.text(uri),
        }),
      ),
      proposals.onDidChange((document) => {
        this.changes.fire(side(CURRENT, document));
        this.changes.fire(side(PROPOSED, document));
      }),
    ];
  }

  /** Open the diff editor for the hunks of a document that have no decision. */
  async show(document: TextDocument): Promise<void> {
    const name = document.uri.path.split("/").at(-1) ?? "";
    const sides = [side(CURRENT, document), side(PROPOSED, document)];
    await commands.executeCommand("vscode.diff", ...sides, `${name} (current ↔ proposed)`);
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  private text({ scheme, query }: Uri): string {
    const document = workspace.textDocuments.find(({ uri }) => uri.toString() === query);
    const hunks = document === undefined ? [] : (this.proposals.of(document)?.hunks ?? []);
    return applied(document?.getText() ?? "", scheme === PROPOSED ? hunks : []);
  }
}

function side(scheme: string, { uri }: TextDocument): Uri {
  return Uri.from({ scheme, path: uri.path, query: uri.toString() });
}
