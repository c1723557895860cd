/** The item in the status bar. */

import { StatusBarAlignment, ThemeColor, window, type Disposable, type StatusBarItem } from "vscode";

import { face, isPassing, type Face, type Facts } from "./face";
import { Settled } from "./settled";

/** With every key the server begins to work and is ready again: drawn so often, it costs typing, and nobody reads it. */
const SETTLE_MS = 500;

/** Shows facts; a click opens the menu. */
export class StatusItem implements Disposable {
  private readonly item: StatusBarItem;
  private readonly settled = new Settled<Face>((next) => {
    this.draw(next);
  }, SETTLE_MS);

  constructor() {
    this.item = window.createStatusBarItem("slm.status", StatusBarAlignment.Right, 100);
    this.item.name = "slm-lsp";
    this.item.command = "slm.menu";
    this.item.show();
  }

  /** Draw anew: at once, or now and then what is gone with the next key. */
  show(facts: Facts): void {
    if (isPassing(facts)) {
      this.settled.soon(face(facts));
    } else {
      this.settled.now(face(facts));
    }
  }

  dispose(): void {
    this.settled.end();
    this.item.dispose();
  }

  private draw({ text, tooltip, warning }: Face): void {
    if (text === this.item.text && tooltip === this.item.tooltip) {
      return;
    }
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: `slm-lsp: ${tooltip}` };
    this.item.backgroundColor = warning ? new ThemeColor("statusBarItem.warningBackground") : undefined;
  }
}
