import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { extendsShown, Streams } from "../src/stream";

const textDocument = { uri: "file:///a.py", version: 3 };

function piece(delta: string, done: boolean, id = 7, kind = "completion") {
  return { id, kind, delta, done, textDocument };
}

describe("a streamed suggestion", () => {
  it("is complete with its last part", () => {
    const streams = new Streams();
    assert.equal(streams.add(piece("for x in", false)), undefined);
    assert.equal(streams.add(piece("other", false, 8)), undefined);
    assert.deepEqual(streams.add(piece(" y:\n    pass", true)), { ...textDocument, text: "for x in y:\n    pass" });
    assert.deepEqual(streams.add(piece("", true)), { ...textDocument, text: "" });
  });

  it("is ignored if it is not a completion", () => {
    assert.equal(new Streams().add(piece("text", true, 1, "edit")), undefined);
  });

  it("is dropped after many others if its last part never arrives", () => {
    const streams = new Streams();
    for (let id = 0; id < 1000; id += 1) {
      streams.add(piece("x", false, id));
    }
    assert.equal(streams.add(piece("y", true, 0))?.text, "y");
    assert.equal(streams.add(piece("y", true, 999))?.text, "xy");
  });

  it("extends the shown text only if it begins with that text and is longer", () => {
    assert.ok(extendsShown("a = 1\nb = 2", "a = 1"));
    assert.ok(!extendsShown("a = 1\n", "a = 1"));
    assert.ok(!extendsShown("different text", "a = 1"));
  });
});
