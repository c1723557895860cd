/** Tests of the modules in `src/edits` that do not import the module `vscode`. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { History } from "../src/edits/history";
import { applied, endOf, following, moved, nearest, preceding, shifted, type Hunk } from "../src/edits/hunks";
import { addedLines } from "../src/edits/text";
import { details, summary } from "../src/edits/verdict";
import { Written } from "../src/edits/written";
import type { Check } from "../src/protocol";
import type { Change } from "../src/suggestions";

const TEXT = "one\ntwo\nthree\nfour\n";
const SECOND: Hunk = { id: 1, offset: 4, old: "two\n", new: "2\n2\n" };
const INSERTION: Hunk = { id: 2, offset: 8, old: "", new: "two and a half\n" };
const LAST: Hunk = { id: 3, offset: 14, old: "four\n", new: "" };
const ALL = [SECOND, INSERTION, LAST];

/** Returns the text after a change. */
function changed(text: string, { offset, removed, text: inserted }: Change): string {
  return text.slice(0, offset) + inserted + text.slice(offset + removed);
}

/** Returns the ids of the hunks that remain after one change of `TEXT`, with their new offsets. */
function remaining(change: Change): [number, number][] {
  return moved(ALL, [change], changed(TEXT, change)).kept.map(({ id, offset }) => [id, offset]);
}

describe("the hunks of an edit", () => {
  it("give the proposed text when all of them are applied", () => {
    assert.equal(applied(TEXT, ALL), "one\n2\n2\ntwo and a half\nthree\n");
    assert.equal(applied(TEXT, []), TEXT);
  });

  const cases: [string, Change, [number, number][]][] = [
    ["move with lines inserted above them", { offset: 0, removed: 0, text: "zero\n" }, [[1, 9], [2, 13], [3, 19]]],
    ["move with text removed above them", { offset: 0, removed: 4, text: "" }, [[1, 0], [2, 4], [3, 10]]],
    ["stay where they are if text below them changes", { offset: 10, removed: 1, text: "" }, [[1, 4], [2, 8], [3, 13]]],
    ["are dropped if text in their lines changes", { offset: 5, removed: 1, text: "W" }, [[2, 8], [3, 14]]],
    ["are dropped if text is inserted into their first line", { offset: 4, removed: 0, text: "x" }, [[2, 9], [3, 15]]],
    ["are dropped if their first line is joined to the one above", { offset: 3, removed: 1, text: "" }, [[2, 7], [3, 13]]],
    ["are dropped if a change contains them", { offset: 0, removed: 14, text: "" }, [[3, 0]]],
    ["that insert lines stay before text typed at their place", { offset: 8, removed: 0, text: "x" }, [[1, 4], [2, 8], [3, 15]]],
    ["that insert lines come after lines inserted at their place", { offset: 8, removed: 0, text: "x\n" }, [[1, 4], [2, 10], [3, 16]]],
  ];

  for (const [what, change, expected] of cases) {
    it(what, () => {
      assert.deepEqual(remaining(change), expected);
    });
  }

  it("keep their place if several parts of the document change at once", () => {
    const changes = [
      { offset: 9, removed: 0, text: "xyz" },
      { offset: 0, removed: 1, text: "" },
    ];
    const after = changes.reduce(changed, TEXT); // from the end to the start, as VS Code orders them
    const { kept, dropped } = moved(ALL, changes, after);
    assert.deepEqual(dropped, []);
    assert.deepEqual(kept.map(({ offset }) => offset), [3, 7, 16]);
  });

  it("are never moved to other text than their own, whatever is typed", () => {
    const random = numbers(7);
    for (let round = 0; round < 2000; round += 1) {
      let text = TEXT;
      let hunks: readonly Hunk[] = ALL;
      for (let step = 0; step < 4; step += 1) {
        const offset = random(text.length + 1);
        const removed = random(Math.min(4, text.length - offset + 1));
        const change = { offset, removed, text: ["", "x", "\n", "x\n", "\ny"][random(5)] ?? "" };
        text = changed(text, change);
        hunks = moved(hunks, [change], text).kept;
        for (const hunk of hunks) {
          assert.equal(text.slice(hunk.offset, endOf(hunk)), hunk.old);
        }
        const lines = new Set(text.split("\n"));
        const kept = applied(text, hunks).split("\n");
        const added = new Set(hunks.flatMap((hunk) => hunk.new.split("\n")));
        assert.ok(kept.every((line) => lines.has(line) || added.has(line)), "a line was torn apart");
      }
    }
  });
});

describe("moving between hunks", () => {
  it("goes around the document in both directions", () => {
    assert.equal(following(ALL, 0), SECOND);
    assert.equal(following(ALL, 4), INSERTION);
    assert.equal(following(ALL, 14), SECOND);
    assert.equal(preceding(ALL, 14), INSERTION);
    assert.equal(preceding(ALL, 4), LAST);
    assert.equal(following([], 0), undefined);
    assert.equal(preceding([], 0), undefined);
  });

  it("chooses the hunk at the cursor, otherwise the next one, otherwise the last one", () => {
    assert.equal(nearest(ALL, 6), SECOND);
    assert.equal(nearest(ALL, 0), SECOND);
    assert.equal(nearest(ALL, 9), LAST);
    assert.equal(nearest(ALL, 19), LAST);
    assert.equal(nearest([], 0), undefined);
  });
});

describe("a place in a document", () => {
  it("moves along with changes before it", () => {
    assert.equal(shifted(5, [{ offset: 0, removed: 2, text: "abc" }]), 6);
    assert.equal(shifted(5, [{ offset: 5, removed: 2, text: "" }]), 5);
    assert.equal(shifted(5, [{ offset: 3, removed: 4, text: "ab" }]), 5);
  });
});

describe("the verdict", () => {
  const checks: Check[] = [
    { check: "parsed", result: "passed", evidence: "" },
    { check: "signature", result: "not available", evidence: "no index" },
    { check: "compiled", result: "failed", evidence: "line 3: invalid syntax\n    x = (" },
  ];

  it("is one line with the failed checks first", () => {
    assert.equal(
      summary(checks),
      "compiled ✗ (line 3: invalid syntax) · parsed ✓ · signature: not available (no index)",
    );
    assert.equal(summary([]), "");
  });

  it("has all of the evidence in its details", () => {
    assert.match(details(checks), /^parsed: passed\nsignature: not available: no index\ncompiled: failed: line 3.*\n {4}x = \($/s);
  });
});

describe("the new lines of a hunk", () => {
  it("are shown as in a diff", () => {
    assert.equal(addedLines("a\n\n  b\n"), "+a\n+\n+  b");
    assert.equal(addedLines("a\r\nb"), "+a\n+b");
  });
});

describe("the progress of an edit", () => {
  it("is the number of lines written so far", () => {
    const written = new Written();
    assert.equal(written.add("def f("), "writing, 1 line");
    assert.equal(written.add("):\n"), "writing, 1 line");
    assert.equal(written.add("    return 1\n"), "writing, 2 lines");
  });
});

describe("the history of instructions", () => {
  it("has the newest one first, each only once, and at most 20", async () => {
    let stored: string[] | undefined;
    const update = (_: string, value: string[]): Promise<void> => {
      stored = value;
      return Promise.resolve();
    };
    const history = new History({ get: () => stored, update });
    assert.deepEqual(history.all(), []);
    for (const each of ["add types", "simplify", "add types"]) {
      await history.add(each);
    }
    assert.deepEqual(history.all(), ["add types", "simplify"]);
    for (let number = 0; number < 30; number += 1) {
      await history.add(String(number));
    }
    assert.equal(history.all().length, 20);
    assert.equal(history.all()[0], "29");
  });
});

/** Returns a generator of pseudo-random integers from 0 to `limit` - 1 (a linear congruential generator). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * limit);
  };
}
