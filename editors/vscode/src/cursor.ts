/**
 * Sends the cursor position to the server after the cursor moved. The server then evaluates the prompt for that
 * position before the user types there.
 */

import { window, workspace, type Disposable, type TextDocument, type TextEditor } from "vscode";

import type { Client } from "./client";
import { unsupportedReason } from "./documents";
import { CURSOR } from "./protocol";

/** The position is sent after the cursor has not moved for this time. */
const REST_MS = 100;

/** Sends `slm/cursor` for cursor moves that are not caused by typing. */
export class Cursor implements Disposable {
  private timer: NodeJS.Timeout | undefined;
  /** The version that each document had when its cursor last moved. */
  private readonly versions = new WeakMap<TextDocument, number>();
  private readonly disposables: Disposable[];

  constructor(private readonly client: () => Client | undefined) {
    this.disposables = [
      window.onDidChangeTextEditorSelection(({ textEditor }) => {
        if (!this.textChanged(textEditor.document)) {
          this.schedule(textEditor);
        }
      }),
      window.onDidChangeActiveTextEditor((editor) => {
        this.schedule(editor);
      }),
      workspace.onDidChangeTextDocument(() => {
        clearTimeout(this.timer);
      }),
    ];
  }

  /** Send the current position; called when the server has started. */
  announceCurrent(): void {
    this.schedule(window.activeTextEditor);
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  /** Whether the cursor moved because the text changed. In that case a completion request for the position follows. */
  private textChanged(document: TextDocument): boolean {
    const before = this.versions.get(document) ?? document.version;
    this.versions.set(document, document.version);
    return before !== document.version;
  }

  private schedule(editor: TextEditor | undefined): void {
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
    if (client === undefined || editor.document.isClosed || unsupportedReason(editor.document) !== undefined) {
      return;
    }
    const { code2ProtocolConverter: convert } = client;
    void client.sendNotification(CURSOR, {
      textDocument: convert.asTextDocumentIdentifier(editor.document),
      position: convert.asPosition(editor.selection.active),
    });
  }
}
