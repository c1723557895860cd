/** Formats the text of hunks. */

/** Returns the new lines of a hunk as they are in a diff, each after a `+`. */
export function addedLines(text: string): string {
  const lines = text.replace(/\r\n/g, "\n").replace(/\n$/, "").split("\n");
  return lines.map((line) => `+${line}`).join("\n");
}
