/** The small pure parts: starts, versions, settings, pauses, notices, messages of the server. */

import assert from "node:assert/strict";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { before, describe, it, mock } from "node:test";

import { unfit } from "../src/documents";
import { explained, sourceOf } from "../src/install";
import { CommandError, progressOf } from "../src/models";
import { Notices } from "../src/notices";
import { NOWHERE, pausedBy, toggled } from "../src/pauses";
import { faultOf, idOf } from "../src/protocol";
import { settingsEnvironment, settingsTree } from "../src/settings";
import { Settled } from "../src/settled";
import { Starts } from "../src/starts";
import { isOlder } from "../src/version";

describe("what changes too often", () => {
  it("is drawn now and then, the newest of it, and what is urgent at once", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const drawn: string[] = [];
      const settled = new Settled<string>((text) => drawn.push(text), 500);
      settled.soon("working");
      mock.timers.tick(400);
      settled.soon("ready");
      assert.deepEqual(drawn, []);
      mock.timers.tick(100);
      assert.deepEqual(drawn, ["ready"]);
      settled.soon("working");
      settled.now("failed");
      assert.deepEqual(drawn, ["ready", "failed"]);
      settled.soon("working");
      settled.end();
      mock.timers.tick(1000);
      assert.deepEqual(drawn, ["ready", "failed"]);
    } finally {
      mock.timers.reset();
    }
  });
});

describe("starts", () => {
  it("are enough after five in three minutes", () => {
    const starts = new Starts();
    for (let each = 0; each < 5; each += 1) {
      assert.equal(starts.full(each * 1000), false);
      starts.another(each * 1000);
    }
    assert.equal(starts.full(5000), true);
    assert.equal(starts.full(181_000), false);
  });

  it("count anew when somebody asks", () => {
    const starts = new Starts();
    for (let each = 0; each < 5; each += 1) {
      starts.another(0);
    }
    starts.forget();
    assert.equal(starts.full(1), false);
  });
});

describe("versions", () => {
  it("are compared by their numbers", () => {
    assert.ok(isOlder("0.9", "0.10.0"));
    assert.ok(isOlder("0.0.9rc1", "0.1.0"));
    assert.ok(!isOlder("0.1.0", "0.1.0"));
    assert.ok(!isOlder("0.1", "0.1.0"));
    assert.ok(!isOlder("1.0.0.dev3", "0.1.0"));
    assert.ok(!isOlder("unknown", "0.1.0"));
  });
});

describe("settings", () => {
  const set: Record<string, unknown> = { "slm.model": "strong", "slm.engine.threads": 2, "slm.modelsDir": "" };
  const lookup = (key: string): unknown => set[key];

  it("are sent in the form of config.toml, and only those that were set", () => {
    assert.deepEqual(settingsTree(lookup), { model: "strong", engine: { threads: 2 } });
    assert.deepEqual(settingsTree(() => undefined), {});
  });

  it("reach commands as variables", () => {
    assert.deepEqual(settingsEnvironment(lookup), { SLM_LSP_MODEL: "strong", SLM_LSP_ENGINE_THREADS: "2" });
  });
});

describe("pauses", () => {
  const place = { uri: "file:///a.py", language: "python" };

  it("hold for a file, a language, everywhere, and end the same way", () => {
    for (const scope of ["file", "language", "everywhere"] as const) {
      const paused = toggled(NOWHERE, scope, place);
      assert.equal(pausedBy(paused, place), scope);
      assert.deepEqual(toggled(paused, scope, place), NOWHERE);
    }
  });

  it("hold for nothing else", () => {
    const paused = toggled(NOWHERE, "language", place);
    assert.equal(pausedBy(paused, { uri: place.uri, language: "go" }), undefined);
    assert.equal(pausedBy(toggled(NOWHERE, "file", undefined), place), undefined);
  });
});

describe("notices", () => {
  function noticesOver(memory: Map<string, string[]>, shown: string[]): Notices {
    const show = (message: string): Promise<string | undefined> => {
      shown.push(message);
      return Promise.resolve("Install");
    };
    const update = (key: string, value: string[]): Promise<void> => {
      memory.set(key, value);
      return Promise.resolve();
    };
    return new Notices(show, { get: (key) => memory.get(key), update });
  }

  it("of faults come once a window", async () => {
    const shown: string[] = [];
    const notices = noticesOver(new Map(), shown);
    await notices.fault("disk", "Free some space.");
    await notices.fault("disk", "Free some space.");
    await notices.fault("other", "Another.");
    assert.deepEqual(shown, ["Free some space.", "Another."]);
  });

  it("that offer something come once ever", async () => {
    const memory = new Map<string, string[]>();
    const shown: string[] = [];
    assert.equal(await noticesOver(memory, shown).offer("server", "Install it?", "Install"), "Install");
    assert.equal(await noticesOver(memory, shown).offer("server", "Install it?", "Install"), undefined);
    assert.deepEqual(shown, ["Install it?"]);
  });
});

describe("messages of the server", () => {
  it("carry what happened and what to do", () => {
    const data = { kind: "DiskFullError", what: "Too little room.", cure: "Free some." };
    assert.deepEqual(faultOf(data), data);
    assert.deepEqual(faultOf({ kind: "X", what: "y" }), { kind: "X", what: "y", cure: "" });
    assert.equal(faultOf(undefined), undefined);
    assert.equal(faultOf("text"), undefined);
  });

  it("name a suggestion, or do not", () => {
    const command = "slm.completionAccepted";
    assert.equal(idOf({ command, arguments: [{ id: "a", kind: "accepted" }] }), "a");
    assert.equal(idOf({ command: "other", arguments: [{ id: "a" }] }), undefined);
    assert.equal(idOf({ command }), undefined);
    assert.equal(idOf(undefined), undefined);
  });

  it("tell how far a download is", () => {
    assert.equal(progressOf("qwen, from hub: 40 % of 491 MB")?.percent, 40);
    assert.equal(progressOf("Passed over hub: no network."), undefined);
  });
});

describe("the server is installed", () => {
  let home: string;

  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), "install-"));
    await mkdir(path.join(home, "checkout"));
    await writeFile(path.join(home, "checkout", "pyproject.toml"), "");
    await mkdir(path.join(home, "folder"));
    for (const name of ["slm_lsp-0.1.0-py3-none-any.whl", "slm_lsp-0.1.0.tar.gz", "notes.txt"]) {
      await writeFile(path.join(home, name), "");
    }
  });

  it("from a wheel, a source distribution or a checkout", async () => {
    for (const name of ["slm_lsp-0.1.0-py3-none-any.whl", "slm_lsp-0.1.0.tar.gz", "checkout"]) {
      assert.equal(await sourceOf(path.join(home, name), home), `${path.join(home, name)}[fast,sandbox]`);
    }
    assert.equal(await sourceOf("~/checkout", home), `${path.join(home, "checkout")}[fast,sandbox]`);
  });

  it("never by a name, nor from a place that is not there or no package", async () => {
    const wrong = ["slm-lsp", "slm-lsp[fast]", "slm-lsp==0.1.0", "checkout", "./checkout", "git+https://x/slm-lsp"];
    const places = ["folder", "notes.txt", "missing.whl"].map((name) => path.join(home, name));
    for (const each of [...wrong, ...places]) {
      await assert.rejects(
        sourceOf(each, home),
        (error) => error instanceof CommandError && error.fault.kind === "WrongSource",
        each,
      );
    }
  });

  it("from nothing where nothing is set, and says how to set it", async () => {
    await assert.rejects(sourceOf("", home), /Set `slm\.server\.installFrom` to the path of its wheel/);
  });
});

describe("an installation that failed", () => {
  const wanted = { folder: "/home/me/server", source: "/home/me/slm-lsp[fast,sandbox]" };
  const kinds: [string, string][] = [
    ["OSError: [Errno 28] No space left on device", "DiskFull"],
    ["ERROR: Could not install packages: [Errno 13] Permission denied: '/x'", "NoPermission"],
    ["The virtual environment was not created because ensurepip is not available.", "NoVenv"],
    ["CMake Error: No CMAKE_CXX_COMPILER could be found.", "NoCompiler"],
    ["ERROR: No matching distribution found for llama-cpp-python==0.3.36", "NoPackage"],
    ["something new", "PipFailed"],
  ];

  for (const [line, kind] of kinds) {
    it(`says what to do: ${kind}`, () => {
      const fault = explained({ stdout: "", stderr: [line] }, wanted);
      assert.equal(fault.kind, kind);
      assert.notEqual(fault.cure, "");
    });
  }
});

describe("documents", () => {
  const document = (scheme: string, length: number) => ({ uri: { scheme }, getText: () => "x".repeat(length) });

  it("are files, unsaved files and cells of notebooks, up to a size", () => {
    for (const scheme of ["file", "untitled", "vscode-notebook-cell"]) {
      assert.equal(unfit(document(scheme, 10)), undefined);
    }
    assert.match(unfit(document("output", 10)) ?? "", /not a file/);
    assert.match(unfit(document("file", 2_000_000)) ?? "", /larger than 1 MiB/);
  });
});
