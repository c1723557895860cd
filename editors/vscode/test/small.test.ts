/** Tests of the small modules that do not import the module `vscode`. */

import assert from "node:assert/strict";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { before, describe, it, mock } from "node:test";

import { unsupportedReason } from "../src/documents";
import { pipFault, sourceOf } from "../src/install";
import { CommandError, progressOf } from "../src/models";
import { Notices } from "../src/notices";
import { NOT_PAUSED, pausedBy, toggled } from "../src/pauses";
import { faultOf, idOf } from "../src/protocol";
import { RestartLimit } from "../src/restartLimit";
import { settingsEnvironment, settingsTree } from "../src/settings";
import { Throttle } from "../src/throttle";
import { isOlder } from "../src/version";

describe("the throttle", () => {
  it("draws the most recent value once per interval, and urgent values immediately", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const drawn: string[] = [];
      const throttle = new Throttle<string>((text) => drawn.push(text), 500);
      throttle.later("working");
      mock.timers.tick(400);
      throttle.later("ready");
      assert.deepEqual(drawn, []);
      mock.timers.tick(100);
      assert.deepEqual(drawn, ["ready"]);
      throttle.later("working");
      throttle.now("failed");
      assert.deepEqual(drawn, ["ready", "failed"]);
      throttle.later("working");
      throttle.cancel();
      mock.timers.tick(1000);
      assert.deepEqual(drawn, ["ready", "failed"]);
    } finally {
      mock.timers.reset();
    }
  });
});

describe("the restart limit", () => {
  it("is reached after five starts within three minutes", () => {
    const limit = new RestartLimit();
    for (let each = 0; each < 5; each += 1) {
      assert.equal(limit.reached(each * 1000), false);
      limit.record(each * 1000);
    }
    assert.equal(limit.reached(5000), true);
    assert.equal(limit.reached(181_000), false);
  });

  it("counts from zero after a reset", () => {
    const limit = new RestartLimit();
    for (let each = 0; each < 5; each += 1) {
      limit.record(0);
    }
    limit.reset();
    assert.equal(limit.reached(1), false);
  });
});

describe("versions", () => {
  it("are compared number by number", () => {
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

  it("are sent in the structure of config.toml, without those that are not set", () => {
    assert.deepEqual(settingsTree(lookup), { model: "strong", engine: { threads: 2 } });
    assert.deepEqual(settingsTree(() => undefined), {});
  });

  it("are passed to commands as environment variables", () => {
    assert.deepEqual(settingsEnvironment(lookup), { SLM_LSP_MODEL: "strong", SLM_LSP_ENGINE_THREADS: "2" });
  });
});

describe("pauses", () => {
  const target = { uri: "file:///a.py", language: "python" };

  it("apply to a file, a language or everywhere, until the same command ends them", () => {
    for (const scope of ["file", "language", "everywhere"] as const) {
      const paused = toggled(NOT_PAUSED, scope, target);
      assert.equal(pausedBy(paused, target), scope);
      assert.deepEqual(toggled(paused, scope, target), NOT_PAUSED);
    }
  });

  it("do not apply to other documents", () => {
    const paused = toggled(NOT_PAUSED, "language", target);
    assert.equal(pausedBy(paused, { uri: target.uri, language: "go" }), undefined);
    assert.equal(pausedBy(toggled(NOT_PAUSED, "file", undefined), target), undefined);
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

  it("about errors are shown once per window", async () => {
    const shown: string[] = [];
    const notices = noticesOver(new Map(), shown);
    await notices.fault("disk", "Free some space.");
    await notices.fault("disk", "Free some space.");
    await notices.fault("other", "Another.");
    assert.deepEqual(shown, ["Free some space.", "Another."]);
  });

  it("that offer an action are shown once per user", async () => {
    const memory = new Map<string, string[]>();
    const shown: string[] = [];
    assert.equal(await noticesOver(memory, shown).offer("server", "Install it?", "Install"), "Install");
    assert.equal(await noticesOver(memory, shown).offer("server", "Install it?", "Install"), undefined);
    assert.deepEqual(shown, ["Install it?"]);
  });
});

describe("messages of the server", () => {
  it("contain what happened and what to do", () => {
    const data = { kind: "DiskFullError", what: "Too little room.", cure: "Free some." };
    assert.deepEqual(faultOf(data), data);
    assert.deepEqual(faultOf({ kind: "X", what: "y" }), { kind: "X", what: "y", cure: "" });
    assert.equal(faultOf(undefined), undefined);
    assert.equal(faultOf("text"), undefined);
  });

  it("contain the id of a suggestion, if there is one", () => {
    const command = "slm.completionAccepted";
    assert.equal(idOf({ command, arguments: [{ id: "a", kind: "accepted" }] }), "a");
    assert.equal(idOf({ command: "other", arguments: [{ id: "a" }] }), undefined);
    assert.equal(idOf({ command }), undefined);
    assert.equal(idOf(undefined), undefined);
  });

  it("contain the progress of a download", () => {
    assert.equal(progressOf("qwen, from hub: 40 % of 491 MB")?.percent, 40);
    assert.equal(progressOf("Skipped hub: no network."), undefined);
  });
});

describe("the source of an installation", () => {
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

  it("is a wheel, a source distribution or a checkout", async () => {
    for (const name of ["slm_lsp-0.1.0-py3-none-any.whl", "slm_lsp-0.1.0.tar.gz", "checkout"]) {
      assert.equal(await sourceOf(path.join(home, name), home), `${path.join(home, name)}[fast,sandbox]`);
    }
    assert.equal(await sourceOf("~/checkout", home), `${path.join(home, "checkout")}[fast,sandbox]`);
  });

  it("is never a package name, a missing path, or a path without a package", async () => {
    const names = ["slm-lsp", "slm-lsp[fast]", "slm-lsp==0.1.0", "checkout", "./checkout", "git+https://x/slm-lsp"];
    const paths = ["folder", "notes.txt", "missing.whl"].map((name) => path.join(home, name));
    for (const each of [...names, ...paths]) {
      await assert.rejects(
        sourceOf(each, home),
        (error) => error instanceof CommandError && error.fault.kind === "WrongSource",
        each,
      );
    }
  });

  it("must be set, and the error explains how", async () => {
    await assert.rejects(sourceOf("", home), /Set `slm\.server\.installFrom` to the path of its wheel/);
  });
});

describe("a failed installation", () => {
  const installation = { folder: "/home/me/server", source: "/home/me/slm-lsp[fast,sandbox]" };
  const kinds: [string, string][] = [
    ["OSError: [Errno 28] No space left on device", "DiskFull"],
    ["ERROR: Could not install packages: [Errno 13] Permission denied: '/x'", "NoPermission"],
    ["The virtual environment was not created because ensurepip is not available.", "NoVenv"],
    ["CMake Error: No CMAKE_CXX_COMPILER could be found.", "NoCompiler"],
    ["ERROR: No matching distribution found for llama-cpp-python==0.3.36", "NoPackage"],
    ["something new", "PipFailed"],
  ];

  for (const [line, kind] of kinds) {
    it(`explains what to do: ${kind}`, () => {
      const fault = pipFault({ stdout: "", stderr: [line] }, installation);
      assert.equal(fault.kind, kind);
      assert.notEqual(fault.cure, "");
    });
  }
});

describe("supported documents", () => {
  const document = (scheme: string, length: number) => ({ uri: { scheme }, getText: () => "x".repeat(length) });

  it("are files, unsaved files and notebook cells of at most 1 MiB", () => {
    for (const scheme of ["file", "untitled", "vscode-notebook-cell"]) {
      assert.equal(unsupportedReason(document(scheme, 10)), undefined);
    }
    assert.match(unsupportedReason(document("output", 10)) ?? "", /not a file/);
    assert.match(unsupportedReason(document("file", 2_000_000)) ?? "", /larger than 1 MiB/);
  });
});
