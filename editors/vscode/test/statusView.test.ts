import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { entries } from "../src/menu";
import type { Status } from "../src/protocol";
import { changesWithEachKey, statusView, type WindowState } from "../src/statusView";

const status: Status = {
  state: "ready",
  model: "qwen",
  tier: "fast",
  where: "local",
  tokensPerSecond: 61.7,
  indexed: 100,
  reason: null,
};
const normal: WindowState = {
  phase: { is: "running", version: "0.1.0" },
  status,
  modelMissing: false,
  paused: undefined,
  unsupported: undefined,
};
const target = { uri: "file:///a.py", language: "python" };

function commands(state: WindowState): string[] {
  return entries(state, target, false).map((each) => each.command);
}

describe("the status item", () => {
  it("throttles only states that change with each key press", () => {
    const at = (state: Status["state"]): WindowState => ({ ...normal, status: { ...status, state } });
    assert.deepEqual((["ready", "working", "loading", "failed"] as const).map((each) => changesWithEachKey(at(each))), [
      true,
      true,
      false,
      false,
    ]);
    assert.equal(changesWithEachKey({ ...normal, paused: "file" }), false);
    assert.equal(changesWithEachKey({ ...normal, modelMissing: true }), false);
    assert.equal(changesWithEachKey({ ...normal, phase: { is: "starting" } }), false);
  });

  it("shows the tier, the speed, and the progress of an incomplete index", () => {
    assert.equal(statusView(normal).text, "$(check) slm fast · 62 t/s");
    const indexing = { ...normal, status: { ...status, indexed: 43 } };
    assert.equal(statusView(indexing).text, "$(check) slm fast · 62 t/s · index 43 %");
    assert.equal(statusView({ ...normal, status: undefined }).text, "$(check) slm");
  });

  it("shows why there was no suggestion, and where code is sent", () => {
    const { tooltip } = statusView({ ...normal, status: { ...status, reason: "the model was not sure" } });
    assert.match(tooltip, /No suggestion: the model was not sure/);
    assert.match(tooltip, /your code stays on this machine/);
    const { tooltip: remote } = statusView({ ...normal, status: { ...status, where: "https://team.example" } });
    assert.match(remote, /your code is sent to https:\/\/team\.example/);
  });

  it("shows the problem to solve first as a warning", () => {
    const missing = { ...normal, modelMissing: true, paused: "everywhere" as const };
    assert.deepEqual([statusView(missing).text, statusView(missing).warning], ["$(warning) slm: no model", true]);
    assert.match(statusView({ ...missing, phase: { is: "noServer" } }).text, /no server/);
    assert.equal(statusView({ ...missing, phase: { is: "down", why: "It ended." } }).tooltip, "It ended.");
    const failed = statusView({ ...normal, status: { ...status, state: "failed", reason: "No model is installed." } });
    assert.deepEqual([failed.text, failed.warning], ["$(warning) slm: failed", true]);
    assert.match(failed.tooltip, /No model is installed/);
  });

  it("shows that suggestions are paused or that the file is too large", () => {
    assert.match(statusView({ ...normal, paused: "language" }).tooltip, /for this language/);
    assert.equal(statusView({ ...normal, unsupported: "too large" }).tooltip, "too large");
  });
});

describe("the menu", () => {
  it("begins with the command that solves the problem", () => {
    assert.equal(commands({ ...normal, phase: { is: "noServer" } })[0], "slm.installServer");
    assert.equal(commands({ ...normal, modelMissing: true })[0], "slm.pullModel");
    assert.equal(commands({ ...normal, phase: { is: "down", why: "" } })[0], "slm.restart");
    assert.equal(commands({ ...normal, paused: "file" })[0], "slm.pauseFile");
  });

  it("lists all general commands if there is no problem", () => {
    assert.deepEqual(commands(normal), [
      "slm.pauseFile",
      "slm.pauseLanguage",
      "slm.pauseEverywhere",
      "slm.switchModel",
      "slm.showLog",
      "slm.openSettings",
      "slm.doctor",
      "slm.restart",
    ]);
  });
});
