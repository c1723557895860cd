/** Tells the server where the cursor rests, so that the place is warm before the first key. */

import { window, workspace, type Disposable, type TextDocument, type TextEditor } from "vscode";

import type { Client } from "./client";
import { unfit } from "./documents";
import { CURSOR } from "./protocol";

/** A cursor that passes by is not worth a message. */
const REST_MS = 100;

/** Announces moves of the cursor that are not typing. */
export class Cursor implements Disposable {
  private timer: NodeJS.Timeout | undefined;
  /** The versions at which the cursor was last seen. */
  private readonly versions = new WeakMap<TextDocument, number>();
  private readonly disposables: Disposable[];

  constructor(private readonly client: () => Client | undefined) {
    this.disposables = [
      window.onDidChangeTextEditorSelection(({ textEditor }) => {
        if (!this.typed(textEditor.document)) {
          this.moved(textEditor);
        }
      }),
      window.onDidChangeActiveTextEditor((editor) => {
        this.moved(editor);
      }),
      workspace.onDidChangeTextDocument(() => {
        clearTimeout(this.timer);
      }),
    ];
  }

  /** Announce where the cursor is: the server has just started. */
  here(): void {
    this.moved(window.activeTextEditor);
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  /** Whether the cursor moved because text came or went: whoever types asks for a suggestion there anyway. */
  private typed(document: TextDocument): boolean {
    const before = this.versions.get(document) ?? document.version;
    this.versions.set(document, document.version);
    return before !== document.version;
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
