import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { face, isPassing, type Facts } from "../src/face";
import { entries } from "../src/menu";
import type { Status } from "../src/protocol";

const status: Status = {
  state: "ready",
  model: "qwen",
  tier: "fast",
  where: "local",
  tokensPerSecond: 61.7,
  indexed: 100,
  reason: null,
};
const facts: Facts = {
  phase: { is: "running", version: "0.1.0" },
  status,
  modelMissing: false,
  paused: undefined,
  unfit: undefined,
};
const place = { uri: "file:///a.py", language: "python" };

function commands(of: Facts): string[] {
  return entries(of, place, false).map((each) => each.command);
}

describe("the status item", () => {
  it("takes only what comes and goes with every key for passing", () => {
    const at = (state: Status["state"]): Facts => ({ ...facts, status: { ...status, state } });
    assert.deepEqual((["ready", "working", "loading", "failed"] as const).map((each) => isPassing(at(each))), [
      true,
      true,
      false,
      false,
    ]);
    assert.equal(isPassing({ ...facts, paused: "file" }), false);
    assert.equal(isPassing({ ...facts, modelMissing: true }), false);
    assert.equal(isPassing({ ...facts, phase: { is: "starting" } }), false);
  });

  it("shows tier and speed, and the index while it grows", () => {
    assert.equal(face(facts).text, "$(check) slm fast · 62 t/s");
    assert.equal(face({ ...facts, status: { ...status, indexed: 43 } }).text, "$(check) slm fast · 62 t/s · index 43 %");
    assert.equal(face({ ...facts, status: undefined }).text, "$(check) slm");
  });

  it("says why nothing came, and where text goes", () => {
    const { tooltip } = face({ ...facts, status: { ...status, reason: "the model was not sure" } });
    assert.match(tooltip, /No suggestion: the model was not sure/);
    assert.match(tooltip, /text stays local/);
  });

  it("warns of what keeps everything from working, the first thing first", () => {
    const missing = { ...facts, modelMissing: true, paused: "everywhere" as const };
    assert.deepEqual([face(missing).text, face(missing).warning], ["$(warning) slm: no model", true]);
    assert.match(face({ ...missing, phase: { is: "noServer" } }).text, /no server/);
    assert.equal(face({ ...missing, phase: { is: "down", why: "It ended." } }).tooltip, "It ended.");
    const failed = face({ ...facts, status: { ...status, state: "failed", reason: "No model is installed." } });
    assert.deepEqual([failed.text, failed.warning], ["$(warning) slm: failed", true]);
    assert.match(failed.tooltip, /No model is installed/);
  });

  it("says that it is paused, and that a file is too large", () => {
    assert.match(face({ ...facts, paused: "language" }).tooltip, /for this language/);
    assert.equal(face({ ...facts, unfit: "too large" }).tooltip, "too large");
  });
});

describe("the menu", () => {
  it("begins with what is needed", () => {
    assert.equal(commands({ ...facts, phase: { is: "noServer" } })[0], "slm.installServer");
    assert.equal(commands({ ...facts, modelMissing: true })[0], "slm.pullModel");
    assert.equal(commands({ ...facts, phase: { is: "down", why: "" } })[0], "slm.restart");
    assert.equal(commands({ ...facts, paused: "file" })[0], "slm.pauseFile");
  });

  it("has everything in an ordinary state", () => {
    assert.deepEqual(commands(facts), [
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
