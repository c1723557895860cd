/** The menu of the status item: the commands that are available now. Commands that solve a problem come first. */

import type { PauseTarget } from "./pauses";
import type { WindowState } from "./statusView";

export interface Entry {
  label: string;
  command: string;
}

/**
 * Returns the menu entries. `target` is the document of the active editor; `installedHere` is true if this extension
 * installed the server.
 */
export function entries(state: WindowState, target: PauseTarget | undefined, installedHere: boolean): Entry[] {
  const { phase } = state;
  const running = phase.is === "running";
  const all: (Entry | false)[] = [
    phase.is === "noServer" && entry("$(cloud-download) Install the server", "slm.installServer"),
    state.modelMissing && entry("$(cloud-download) Download a model", "slm.pullModel"),
    phase.is === "down" && entry("$(debug-restart) Start the server again", "slm.restart"),
    ...pauseEntries(state, target),
    running && entry("$(symbol-misc) Switch the model", "slm.switchModel"),
    entry("$(output) Show the log", "slm.showLog"),
    entry("$(gear) Open the settings", "slm.openSettings"),
    phase.is !== "noServer" && entry("$(pulse) Check this installation (doctor)", "slm.doctor"),
    running && entry("$(debug-restart) Restart the server", "slm.restart"),
    installedHere && entry("$(trash) Remove the server this extension installed", "slm.removeServer"),
  ];
  return all.filter((each) => each !== false);
}

function pauseEntries(state: WindowState, target: PauseTarget | undefined): (Entry | false)[] {
  const everywhere = entry("$(debug-pause) Pause everywhere", "slm.pauseEverywhere");
  switch (state.paused) {
    case "everywhere":
      return [entry("$(play) Resume", "slm.pauseEverywhere")];
    case "language":
      return [entry(`$(play) Resume for ${target?.language ?? "this language"}`, "slm.pauseLanguage"), everywhere];
    case "file":
      return [entry("$(play) Resume in this file", "slm.pauseFile"), everywhere];
    case undefined:
      return [
        target !== undefined && entry("$(debug-pause) Pause in this file", "slm.pauseFile"),
        target !== undefined && entry(`$(debug-pause) Pause for ${target.language}`, "slm.pauseLanguage"),
        everywhere,
      ];
  }
}

function entry(label: string, command: string): Entry {
  return { label, command };
}
