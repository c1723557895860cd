import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { saysMore, Streams } from "../src/stream";

const textDocument = { uri: "file:///a.py", version: 3 };

function piece(delta: string, done: boolean, id = 7, kind = "completion") {
  return { id, kind, delta, done, textDocument };
}

describe("a suggestion in pieces", () => {
  it("is whole with the last piece", () => {
    const streams = new Streams();
    assert.equal(streams.heard(piece("for x in", false)), undefined);
    assert.equal(streams.heard(piece("other", false, 8)), undefined);
    assert.deepEqual(streams.heard(piece(" y:\n    pass", true)), { ...textDocument, text: "for x in y:\n    pass" });
    assert.deepEqual(streams.heard(piece("", true)), { ...textDocument, text: "" });
  });

  it("of another kind is none of ours", () => {
    assert.equal(new Streams().heard(piece("text", true, 1, "edit")), undefined);
  });

  it("is forgotten when its end never comes", () => {
    const streams = new Streams();
    for (let id = 0; id < 1000; id += 1) {
      streams.heard(piece("x", false, id));
    }
    assert.equal(streams.heard(piece("y", true, 0))?.text, "y");
    assert.equal(streams.heard(piece("y", true, 999))?.text, "xy");
  });

  it("says more than its first line, or not", () => {
    assert.ok(saysMore("a = 1\nb = 2", "a = 1"));
    assert.ok(!saysMore("a = 1\n", "a = 1"));
    assert.ok(!saysMore("something else altogether", "a = 1"));
  });
});
