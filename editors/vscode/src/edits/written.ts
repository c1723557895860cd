/** Counts the lines of an edit while the model writes it. */

export class Written {
  private text = "";

  /** Add the next part. Returns a message with the number of lines so far. */
  add(delta: string): string {
    this.text += delta;
    const lines = this.text.trimEnd().split("\n").length;
    return `writing, ${String(lines)} ${lines === 1 ? "line" : "lines"}`;
  }
}
