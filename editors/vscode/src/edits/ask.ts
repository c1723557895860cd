/** Asks the user for an instruction. */

import { window, type QuickPickItem } from "vscode";

/**
 * Shows an input box with earlier instructions below it. Returns the typed or chosen instruction; undefined if the user
 * closed the box. Without a typed text, Enter repeats the last instruction.
 */
export function askInstruction(earlier: readonly string[]): Promise<string | undefined> {
  const box = window.createQuickPick();
  box.title = "Edit the selection, or the function at the cursor";
  box.placeholder = "What to change, for example: add type hints";
  /** The typed text for which the list was last computed. VS Code sends typed text to the extension with a delay. */
  let listed = "";
  const list = (): void => {
    listed = box.value.trim();
    box.items = items(listed, earlier);
  };
  list();
  return new Promise((resolve) => {
    box.onDidChangeValue(list);
    box.onDidAccept(() => {
      const typed = box.value.trim();
      const chosen = typed === listed ? (box.activeItems[0]?.label ?? typed) : typed;
      if (chosen !== "") {
        resolve(chosen);
        box.hide();
      }
    });
    box.onDidHide(() => {
      resolve(undefined);
      box.dispose();
    });
    box.show();
  });
}

function items(typed: string, earlier: readonly string[]): QuickPickItem[] {
  const own = typed === "" ? [] : [{ label: typed, alwaysShow: true }];
  return [...own, ...earlier.filter((each) => each !== typed).map((label) => ({ label }))];
}
