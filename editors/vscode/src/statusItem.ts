/** The status bar item. */

import { StatusBarAlignment, ThemeColor, window, type Disposable, type StatusBarItem } from "vscode";

import { changesWithEachKey, statusView, type StatusView, type WindowState } from "./statusView";
import { Throttle } from "./throttle";

/**
 * Minimum time between two drawings of a state that changes with each key press. Drawing every change would slow down
 * typing.
 */
const DRAW_INTERVAL_MS = 500;

/** Shows the state of a window. A click opens the menu. */
export class StatusItem implements Disposable {
  private readonly item: StatusBarItem;
  private readonly throttle = new Throttle<StatusView>((view) => {
    this.draw(view);
  }, DRAW_INTERVAL_MS);

  constructor() {
    this.item = window.createStatusBarItem("slm.status", StatusBarAlignment.Right, 100);
    this.item.name = "slm-lsp";
    this.item.command = "slm.menu";
    this.item.show();
  }

  /** Draw a state: at once, or after at most `DRAW_INTERVAL_MS` if the state changes with each key press. */
  show(state: WindowState): void {
    if (changesWithEachKey(state)) {
      this.throttle.later(statusView(state));
    } else {
      this.throttle.now(statusView(state));
    }
  }

  dispose(): void {
    this.throttle.cancel();
    this.item.dispose();
  }

  private draw({ text, tooltip, warning }: StatusView): void {
    if (text === this.item.text && tooltip === this.item.tooltip) {
      return;
    }
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: `slm-lsp: ${tooltip}` };
    this.item.backgroundColor = warning ? new ThemeColor("statusBarItem.warningBackground") : undefined;
  }
}
