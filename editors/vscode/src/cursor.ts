/** Tells the server where the cursor rests, so that the place is warm before the first key. */

import { window, workspace, type Disposable, type TextEditor } from "vscode";

import type { Client } from "./client";
import { unfit } from "./documents";
import { CURSOR } from "./protocol";

/** A cursor that passes by is not worth a message. */
const REST_MS = 100;

/** Announces moves of the cursor that are not typing. */
export class Cursor implements Disposable {
  private timer: NodeJS.Timeout | undefined;
  private readonly disposables: Disposable[];

  constructor(private readonly client: () => Client | undefined) {
    this.disposables = [
      window.onDidChangeTextEditorSelection(({ textEditor }) => {
        this.moved(textEditor);
      }),
      window.onDidChangeActiveTextEditor((editor) => {
        this.moved(editor);
      }),
      // Whoever types asks for a suggestion there anyway.
      workspace.onDidChangeTextDocument(() => {
        clearTimeout(this.timer);
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  private moved(editor: TextEditor | undefined): void {
    clearTimeout(this.timer);
    if (editor !== undefined) {
      const version = editor.document.version;
      this.timer = setTimeout(() => {
        if (editor.document.version === version) {
          this.announce(editor);
        }
      }, REST_MS);
    }
  }

  private announce(editor: TextEditor): void {
    const client = this.client();
    if (client === undefined || editor.document.isClosed || unfit(editor.document) !== undefined) {
      return;
    }
    const { code2ProtocolConverter: convert } = client;
    void client.sendNotification(CURSOR, {
      textDocument: convert.asTextDocumentIdentifier(editor.document),
      position: convert.asPosition(editor.selection.active),
    });
  }
}
