import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { Suggestions, type Suggestion } from "../src/suggestions";

const URI = "file:///a.py";

function suggestion(more: Partial<Suggestion> = {}): Suggestion {
  return { id: 1, uri: URI, offset: 10, rest: "fib(n - 1) + fib(n - 2)", ...more };
}

function inserted(offset: number, text: string): { offset: number; removed: number; text: string }[] {
  return [{ offset, removed: 0, text }];
}

describe("a shown suggestion", () => {
  let all: Suggestions;

  beforeEach(() => {
    all = new Suggestions();
    all.show(suggestion());
  });

  it("is accepted when the editor runs its command", () => {
    assert.deepEqual(all.changed(URI, inserted(10, "fib(n - 1) + fib(n - 2)")), []);
    assert.deepEqual(all.accepted(1), [{ id: 1, kind: "accepted" }]);
    assert.deepEqual(all.left(), []);
  });

  it("is partially accepted word by word, with the number of characters accepted so far", () => {
    assert.deepEqual(all.changed(URI, inserted(10, "fib")), [{ id: 1, kind: "partial", characters: 3 }]);
    assert.deepEqual(all.changed(URI, inserted(13, "(n")), [{ id: 1, kind: "partial", characters: 5 }]);
    assert.deepEqual(all.left(), []);
  });

  it("has no outcome yet while the user types its characters", () => {
    assert.deepEqual(all.changed(URI, inserted(10, "f")), []);
    assert.equal(all.current?.rest, "ib(n - 1) + fib(n - 2)");
    assert.deepEqual(all.show(suggestion({ id: 2, offset: 11, rest: "ib(n - 1) + fib(n - 2)" })), []);
  });

  it("is ignored when the user types other characters", () => {
    assert.deepEqual(all.changed(URI, inserted(10, "x")), [{ id: 1, kind: "ignored" }]);
    assert.deepEqual(all.changed(URI, inserted(11, "y")), []);
  });

  it("is ignored when text before the cursor is deleted", () => {
    assert.deepEqual(all.changed(URI, [{ offset: 9, removed: 1, text: "" }]), [{ id: 1, kind: "ignored" }]);
  });

  it("is ignored when another suggestion or none is shown", () => {
    assert.deepEqual(all.show(suggestion({ id: 2, offset: 50 })), [{ id: 1, kind: "ignored" }]);
    assert.deepEqual(all.show(undefined), [{ id: 2, kind: "ignored" }]);
  });

  it("is rejected when the user dismisses it", () => {
    assert.deepEqual(all.dismissed(), [{ id: 1, kind: "rejected" }]);
    assert.deepEqual(all.dismissed(), []);
  });

  it("is the same suggestion when a longer version of it replaces it", () => {
    assert.deepEqual(all.show(suggestion({ id: 2, rest: "fib(n - 1) + fib(n - 2)\n\nprint(fib(3))" })), []);
    assert.deepEqual(all.accepted(2), [{ id: 2, kind: "accepted" }]);
  });

  it("is not affected by changes of another document", () => {
    assert.deepEqual(all.changed("file:///b.py", inserted(10, "x")), []);
    assert.equal(all.current?.id, 1);
  });
});
