/** Which documents get suggestions. */

import type { DocumentSelector } from "vscode-languageclient/node";

/** Files, unsaved files, and cells of notebooks, which are files of their language. */
export const SCHEMES = ["file", "untitled", "vscode-notebook-cell"];

export const SELECTOR: DocumentSelector = SCHEMES.map((scheme) => ({ scheme }));

/** The server reads no larger files of a project either. */
const MOST_CHARACTERS = 1024 * 1024;

/** Why a document gets no suggestions; undefined where it does. */
export function unfit(document: { uri: { scheme: string }; getText(): string }): string | undefined {
  if (!SCHEMES.includes(document.uri.scheme)) {
    return "No suggestions here: this is not a file.";
  }
  if (document.getText().length > MOST_CHARACTERS) {
    return "No suggestions here: the file is larger than 1 MiB.";
  }
  return undefined;
}
