/** Computes the text of the status item. Does not import the module `vscode`, so tests run it without VS Code. */

import type { Scope } from "./pauses";
import type { Status } from "./protocol";

/** The state of the server process. `busy`: another task, such as an installation, must finish before it can start. */
export type Phase =
  | { is: "looking" }
  | { is: "noServer" }
  | { is: "busy"; doing: string }
  | { is: "starting" }
  | { is: "running"; version: string }
  | { is: "down"; why: string };

/** The state from which the status item and its menu are computed. */
export interface WindowState {
  phase: Phase;
  status: Status | undefined;
  /** Whether no model is installed. */
  modelMissing: boolean;
  paused: Scope | undefined;
  /** Why the document of the active editor gets no suggestions; undefined if it gets them. */
  unsupported: string | undefined;
}

export interface StatusView {
  text: string;
  tooltip: string;
  warning: boolean;
}

const PAUSED: Record<Scope, string> = {
  file: "in this file",
  language: "for this language",
  everywhere: "everywhere",
};

/** Returns the text of the status item. If several problems exist, it shows the one to solve first. */
export function statusView(window: WindowState): StatusView {
  const { phase, status } = window;
  switch (phase.is) {
    case "looking":
      return normal("$(loading~spin) slm", "Searching for the server.");
    case "noServer":
      return problem("no server", "The server slm-lsp was not found. Click to install it or to set its path.");
    case "busy":
      return normal("$(loading~spin) slm", phase.doing);
    case "starting":
      return normal("$(loading~spin) slm", "Starting the server.");
    case "down":
      return problem("stopped", phase.why);
    case "running":
      break;
  }
  if (window.modelMissing) {
    return problem("no model", "No model is installed. Click to download one.");
  }
  if (window.paused !== undefined) {
    return normal("$(debug-pause) slm", `Paused ${PAUSED[window.paused]}. Click to resume.`);
  }
  if (window.unsupported !== undefined) {
    return normal("$(circle-slash) slm", window.unsupported);
  }
  return status === undefined ? normal("$(check) slm", "Ready.") : serverStatus(status);
}

/** Returns whether the state changes with each key press. It does so only while the server runs without problems. */
export function changesWithEachKey(window: WindowState): boolean {
  const state = window.phase.is === "running" ? window.status?.state : undefined;
  const other = window.modelMissing || window.paused !== undefined || window.unsupported !== undefined;
  return !other && (state === "working" || state === "ready");
}

function serverStatus(status: Status): StatusView {
  const about = details(status);
  switch (status.state) {
    case "failed":
      return problem("failed", [status.reason ?? "The last request failed.", about].join("\n\n"));
    case "loading":
      return normal(`$(loading~spin) slm ${status.tier ?? ""}`.trimEnd(), `Loading the model.\n\n${about}`);
    default: {
      const icon = status.state === "working" ? "$(loading~spin)" : "$(check)";
      const index = status.indexed !== null && status.indexed < 100 ? `index ${String(status.indexed)} %` : undefined;
      const speed = status.tokensPerSecond === null ? undefined : `${status.tokensPerSecond.toFixed(0)} t/s`;
      const parts = [[`${icon} slm`, status.tier].filter(Boolean).join(" "), speed, index];
      const reason = status.reason === null ? undefined : `No suggestion: ${status.reason}`;
      return normal(parts.filter(Boolean).join(" · "), [reason, about].filter(Boolean).join("\n\n"));
    }
  }
}

function details(status: Status): string {
  const model = status.model === null ? undefined : `model ${status.model}`;
  const speed = status.tokensPerSecond === null ? undefined : `${status.tokensPerSecond.toFixed(1)} tokens/s`;
  const index = status.indexed === null ? "no index" : `index ${String(status.indexed)} %`;
  const where = status.where === "local" ? "your code stays on this machine" : `your code is sent to ${status.where}`;
  return [`state ${status.state}`, model, speed, index, where].filter(Boolean).join(" · ");
}

function normal(text: string, tooltip: string): StatusView {
  return { text, tooltip, warning: false };
}

function problem(what: string, tooltip: string): StatusView {
  return { text: `$(warning) slm: ${what}`, tooltip, warning: true };
}
