/** Reads this extension's settings from the editor. */

import { workspace, type TextDocument } from "vscode";

/** What the user or the workspace set a key to; undefined where it stands at its default. */
export function wasSet(key: string): unknown {
  if (key === "slm.runExamples" && !workspace.isTrusted) {
    return false; // The code is somebody else's.
  }
  const found = workspace.getConfiguration().inspect(key);
  return found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
}

/** `slm.server.path`; empty where the server is to be looked for. */
export function serverPath(): string {
  return workspace.getConfiguration("slm").get("server.path", "").trim();
}

/** `slm.server.installFrom`: the wheel, archive or folder that the server is installed from; empty where none is set. */
export function installFrom(): string {
  return workspace.getConfiguration("slm").get("server.installFrom", "").trim();
}

/** Whether the editor asks for suggestions in a document by itself. */
export function suggestsInline(document: TextDocument): boolean {
  return workspace.getConfiguration("editor", document).get("inlineSuggest.enabled", true);
}
