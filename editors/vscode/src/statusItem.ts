/** The item in the status bar. */

import { StatusBarAlignment, ThemeColor, window, type Disposable, type StatusBarItem } from "vscode";

import { face, type Facts } from "./face";

/** Shows facts; a click opens the menu. */
export class StatusItem implements Disposable {
  private readonly item: StatusBarItem;

  constructor() {
    this.item = window.createStatusBarItem("slm.status", StatusBarAlignment.Right, 100);
    this.item.name = "slm-lsp";
    this.item.command = "slm.menu";
    this.item.show();
  }

  /** Draw anew. */
  show(facts: Facts): void {
    const { text, tooltip, warning } = face(facts);
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: `slm-lsp: ${tooltip}` };
    this.item.backgroundColor = warning ? new ThemeColor("statusBarItem.warningBackground") : undefined;
  }

  dispose(): void {
    this.item.dispose();
  }
}
