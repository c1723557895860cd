/** The menu of the status item: what can be done now, the likeliest first. */

import type { Facts } from "./face";
import type { Place } from "./pauses";

export interface Entry {
  label: string;
  command: string;
}

/** The entries for these facts. `place` is the document in front. */
export function entries(facts: Facts, place: Place | undefined, installedHere: boolean): Entry[] {
  const { phase } = facts;
  const running = phase.is === "running";
  const all: (Entry | false)[] = [
    phase.is === "noServer" && entry("$(cloud-download) Install the server", "slm.installServer"),
    facts.modelMissing && entry("$(cloud-download) Download a model", "slm.pullModel"),
    phase.is === "down" && entry("$(debug-restart) Start the server again", "slm.restart"),
    ...pausing(facts, place),
    running && entry("$(symbol-misc) Switch the model", "slm.switchModel"),
    entry("$(output) Show the log", "slm.showLog"),
    entry("$(gear) Open the settings", "slm.openSettings"),
    phase.is !== "noServer" && entry("$(pulse) Check this installation (doctor)", "slm.doctor"),
    running && entry("$(debug-restart) Restart the server", "slm.restart"),
    installedHere && entry("$(trash) Remove the server this extension installed", "slm.removeServer"),
  ];
  return all.filter((each) => each !== false);
}

function pausing(facts: Facts, place: Place | undefined): (Entry | false)[] {
  const everywhere = entry("$(debug-pause) Pause everywhere", "slm.pauseEverywhere");
  switch (facts.paused) {
    case "everywhere":
      return [entry("$(play) Go on", "slm.pauseEverywhere")];
    case "language":
      return [entry(`$(play) Go on for ${place?.language ?? "this language"}`, "slm.pauseLanguage"), everywhere];
    case "file":
      return [entry("$(play) Go on in this file", "slm.pauseFile"), everywhere];
    case undefined:
      return [
        place !== undefined && entry("$(debug-pause) Pause in this file", "slm.pauseFile"),
        place !== undefined && entry(`$(debug-pause) Pause for ${place.language}`, "slm.pauseLanguage"),
        everywhere,
      ];
  }
}

function entry(label: string, command: string): Entry {
  return { label, command };
}
