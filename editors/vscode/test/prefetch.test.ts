import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";

import { immediate, Prefetch, type PendingRequest } from "../src/prefetch";

const position = { uri: "file:///a.py", version: 3, offset: 10 };

describe("a request made before the editor's own", () => {
  let prefetch: Prefetch<string>;
  let cancelled: string[];

  beforeEach(() => {
    prefetch = new Prefetch();
    cancelled = [];
  });

  function request(name: string): PendingRequest<string> {
    return { answer: Promise.resolve(name), cancel: () => cancelled.push(name) };
  }

  it("is handed over once, for the same position in the same version", async () => {
    prefetch.begin(position, request("early"));
    assert.equal(await prefetch.take(position)?.answer, "early");
    assert.equal(prefetch.take(position), undefined);
    assert.deepEqual(cancelled, []);
  });

  it("is cancelled when the editor requests another position or version", () => {
    for (const other of [
      { ...position, offset: 11 },
      { ...position, version: 4 },
      { ...position, uri: "file:///b.py" },
    ]) {
      prefetch.begin(position, request(JSON.stringify(other)));
      assert.equal(prefetch.take(other), undefined);
      assert.equal(prefetch.take(position), undefined);
      assert.deepEqual(cancelled.splice(0), [JSON.stringify(other)]);
    }
  });

  it("is cancelled by the request for the next key press", async () => {
    prefetch.begin(position, request("first"));
    prefetch.begin({ ...position, version: 4 }, request("second"));
    assert.deepEqual(cancelled, ["first"]);
    assert.equal(await prefetch.take({ ...position, version: 4 })?.answer, "second");
  });

  it("is cancelled if the editor makes no request within 500 ms", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      prefetch.begin(position, request("pasted"));
      mock.timers.tick(499);
      assert.deepEqual(cancelled, []);
      mock.timers.tick(1);
      assert.deepEqual(cancelled, ["pasted"]);
      prefetch.begin(position, request("typed"));
      assert.ok(prefetch.take(position));
      mock.timers.tick(1000);
      assert.deepEqual(cancelled, ["pasted"]);
    } finally {
      mock.timers.reset();
    }
  });

  it("reports its error only to the caller that takes it", async () => {
    const failed = new Error("no model");
    prefetch.begin(position, { answer: Promise.reject(failed), cancel: () => undefined });
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(prefetch.take(position)?.answer ?? Promise.resolve(), failed);
  });

  it("calls back with a late answer or error unless it was cancelled", async () => {
    const received: unknown[] = [];
    const receive = (what: unknown): void => void received.push(what);
    const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    prefetch.keep(position, request("late"), receive, receive);
    prefetch.cursorAt(position);
    await nextTick();
    assert.deepEqual(received.splice(0), ["late"]);
    assert.equal(await prefetch.take(position)?.answer, "late");

    prefetch.keep(position, request("superseded"), receive, receive);
    prefetch.begin({ ...position, version: 4 }, request("next"));
    prefetch.keep(position, request("cursor moved"), receive, receive);
    prefetch.cursorAt({ ...position, offset: 3 });
    const failed = new Error("no model");
    prefetch.keep(position, { answer: Promise.reject(failed), cancel: () => undefined }, receive, receive);
    await nextTick();
    assert.deepEqual(received, [failed]);
    assert.equal(prefetch.take(position), undefined);
    assert.deepEqual(cancelled, ["superseded", "next", "cursor moved"]);
  });

  it("is returned to the editor if its answer arrives immediately", async () => {
    assert.deepEqual(await immediate(Promise.resolve("cached")), { value: "cached" });
    assert.equal(await immediate(new Promise(() => undefined)), undefined);
    await assert.rejects(immediate(Promise.reject(new Error("no model"))), /no model/);
  });
});
