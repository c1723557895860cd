/** Reads this extension's settings from the editor. */

import { workspace, type TextDocument } from "vscode";

/** Returns the value that the user or the workspace set; undefined if the setting has its default. */
export function explicitSetting(key: string): unknown {
  if (key === "slm.runExamples" && !workspace.isTrusted) {
    return false; // never run code from an untrusted workspace
  }
  const found = workspace.getConfiguration().inspect(key);
  return found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
}

/** Returns `slm.server.path`; empty if the extension should search for the server. */
export function serverPath(): string {
  return workspace.getConfiguration("slm").get("server.path", "").trim();
}

/** Returns `slm.server.installFrom`: the wheel, archive or folder to install the server from; empty if not set. */
export function installFrom(): string {
  return workspace.getConfiguration("slm").get("server.installFrom", "").trim();
}

/** Whether the editor requests inline suggestions automatically in a document. */
export function suggestsInline(document: TextDocument): boolean {
  return workspace.getConfiguration("editor", document).get("inlineSuggest.enabled", true);
}
