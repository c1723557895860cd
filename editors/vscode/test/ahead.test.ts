import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";

import { Ahead, soon, type Asked } from "../src/ahead";

const place = { uri: "file:///a.py", version: 3, offset: 10 };

describe("a request ahead of the editor's", () => {
  let ahead: Ahead<string>;
  let cancelled: string[];

  beforeEach(() => {
    ahead = new Ahead();
    cancelled = [];
  });

  function asked(name: string): Asked<string> {
    return { answer: Promise.resolve(name), cancel: () => cancelled.push(name) };
  }

  it("is handed over once, to who asks for the same place of the same text", async () => {
    ahead.begin(place, asked("early"));
    assert.equal(await ahead.take(place)?.answer, "early");
    assert.equal(ahead.take(place), undefined);
    assert.deepEqual(cancelled, []);
  });

  it("is given up for another place or text", () => {
    for (const other of [
      { ...place, offset: 11 },
      { ...place, version: 4 },
      { ...place, uri: "file:///b.py" },
    ]) {
      ahead.begin(place, asked(JSON.stringify(other)));
      assert.equal(ahead.take(other), undefined);
      assert.equal(ahead.take(place), undefined);
      assert.deepEqual(cancelled.splice(0), [JSON.stringify(other)]);
    }
  });

  it("is given up for the next key's", async () => {
    ahead.begin(place, asked("first"));
    ahead.begin({ ...place, version: 4 }, asked("second"));
    assert.deepEqual(cancelled, ["first"]);
    assert.equal(await ahead.take({ ...place, version: 4 })?.answer, "second");
  });

  it("is given up where the editor does not ask", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      ahead.begin(place, asked("pasted"));
      mock.timers.tick(499);
      assert.deepEqual(cancelled, []);
      mock.timers.tick(1);
      assert.deepEqual(cancelled, ["pasted"]);
      ahead.begin(place, asked("typed"));
      assert.ok(ahead.take(place));
      mock.timers.tick(1000);
      assert.deepEqual(cancelled, ["pasted"]);
    } finally {
      mock.timers.reset();
    }
  });

  it("that fails before anyone took it troubles nobody, and then who takes it", async () => {
    const failed = new Error("no model");
    ahead.begin(place, { answer: Promise.reject(failed), cancel: () => undefined });
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(ahead.take(place)?.answer ?? Promise.resolve(), failed);
  });

  it("that the editor was told to wait for tells of its answer, unless it was given up", async () => {
    const told: unknown[] = [];
    const tell = (what: unknown): void => void told.push(what);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    ahead.keep(place, asked("late"), tell, tell);
    ahead.at(place);
    await turn();
    assert.deepEqual(told.splice(0), ["late"]);
    assert.equal(await ahead.take(place)?.answer, "late");

    ahead.keep(place, asked("overtaken"), tell, tell);
    ahead.begin({ ...place, version: 4 }, asked("next"));
    ahead.keep(place, asked("left"), tell, tell);
    ahead.at({ ...place, offset: 3 });
    const failed = new Error("no model");
    ahead.keep(place, { answer: Promise.reject(failed), cancel: () => undefined }, tell, tell);
    await turn();
    assert.deepEqual(told, [failed]);
    assert.equal(ahead.take(place), undefined);
    assert.deepEqual(cancelled, ["overtaken", "next", "left"]);
  });

  it("is waited for a moment, in case its answer is there at once", async () => {
    assert.deepEqual(await soon(Promise.resolve("cached")), { value: "cached" });
    assert.equal(await soon(new Promise(() => undefined)), undefined);
    await assert.rejects(soon(Promise.reject(new Error("no model"))), /no model/);
  });
});
