/** What the status item says. From facts to words; no editor in it. */

import type { Scope } from "./pauses";
import type { Status } from "./protocol";

/** How far the server is. */
export type Phase =
  | { is: "looking" }
  | { is: "noServer" }
  | { is: "busy"; doing: string }
  | { is: "starting" }
  | { is: "running"; version: string }
  | { is: "down"; why: string };

export interface Facts {
  phase: Phase;
  status: Status | undefined;
  /** No model is installed. */
  modelMissing: boolean;
  paused: Scope | undefined;
  /** Why the file in front gets no suggestions at all. */
  unfit: string | undefined;
}

export interface Face {
  text: string;
  tooltip: string;
  warning: boolean;
}

const PAUSED: Record<Scope, string> = {
  file: "in this file",
  language: "for this language",
  everywhere: "everywhere",
};

/** The status item for these facts. What keeps everything from working comes first. */
export function face(facts: Facts): Face {
  const { phase, status } = facts;
  switch (phase.is) {
    case "looking":
      return calm("$(loading~spin) slm", "Looking for the server.");
    case "noServer":
      return alarm("no server", "The server slm-lsp was not found. Click to install it, or to say where it is.");
    case "busy":
      return calm("$(loading~spin) slm", phase.doing);
    case "starting":
      return calm("$(loading~spin) slm", "The server starts.");
    case "down":
      return alarm("stopped", phase.why);
    case "running":
      break;
  }
  if (facts.modelMissing) {
    return alarm("no model", "No model is installed. Click to download one.");
  }
  if (facts.paused !== undefined) {
    return calm("$(debug-pause) slm", `Paused ${PAUSED[facts.paused]}. Click to go on.`);
  }
  if (facts.unfit !== undefined) {
    return calm("$(circle-slash) slm", facts.unfit);
  }
  return status === undefined ? calm("$(check) slm", "Ready.") : running(status);
}

/** Whether these facts are gone with the next key: the server works, or has just done so, and nothing is amiss. */
export function isPassing(facts: Facts): boolean {
  const state = facts.phase.is === "running" ? facts.status?.state : undefined;
  const other = facts.modelMissing || facts.paused !== undefined || facts.unfit !== undefined;
  return !other && (state === "working" || state === "ready");
}

function running(status: Status): Face {
  const about = described(status);
  switch (status.state) {
    case "failed":
      return alarm("failed", [status.reason ?? "The last request failed.", about].join("\n\n"));
    case "loading":
      return calm(`$(loading~spin) slm ${status.tier ?? ""}`.trimEnd(), `The model is being read.\n\n${about}`);
    default: {
      const icon = status.state === "working" ? "$(loading~spin)" : "$(check)";
      const index = status.indexed !== null && status.indexed < 100 ? `index ${String(status.indexed)} %` : undefined;
      const speed = status.tokensPerSecond === null ? undefined : `${status.tokensPerSecond.toFixed(0)} t/s`;
      const parts = [[`${icon} slm`, status.tier].filter(Boolean).join(" "), speed, index];
      const reason = status.reason === null ? undefined : `No suggestion: ${status.reason}`;
      return calm(parts.filter(Boolean).join(" · "), [reason, about].filter(Boolean).join("\n\n"));
    }
  }
}

function described(status: Status): string {
  const model = status.model === null ? undefined : `model ${status.model}`;
  const speed = status.tokensPerSecond === null ? undefined : `${status.tokensPerSecond.toFixed(1)} tokens/s`;
  const index = status.indexed === null ? "no index" : `index ${String(status.indexed)} %`;
  return [`state ${status.state}`, model, speed, index, `text stays ${status.where}`].filter(Boolean).join(" · ");
}

function calm(text: string, tooltip: string): Face {
  return { text, tooltip, warning: false };
}

function alarm(what: string, tooltip: string): Face {
  return { text: `$(warning) slm: ${what}`, tooltip, warning: true };
}
