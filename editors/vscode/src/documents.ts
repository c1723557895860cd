/** Decides which documents get suggestions. */

import type { DocumentSelector } from "vscode-languageclient/node";

/** Files, unsaved files, and notebook cells (each cell is a document in its language). */
export const SCHEMES = ["file", "untitled", "vscode-notebook-cell"];

export const SELECTOR: DocumentSelector = SCHEMES.map((scheme) => ({ scheme }));

/** Maximum size of a document that gets suggestions. The server has the same limit for files in its index. */
const MAX_CHARACTERS = 1024 * 1024;

/** Returns why a document gets no suggestions; undefined if it gets them. */
export function unsupportedReason(document: { uri: { scheme: string }; getText(): string }): string | undefined {
  if (!SCHEMES.includes(document.uri.scheme)) {
    return "No suggestions here: this is not a file.";
  }
  if (document.getText().length > MAX_CHARACTERS) {
    return "No suggestions here: the file is larger than 1 MiB.";
  }
  return undefined;
}
