import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { beforeEach, describe, it } from "node:test";

import { candidates, firstRunnable, programIn, type Places } from "../src/find";

describe("the server", () => {
  let root: string;
  let places: Places;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), "find-"));
    places = {
      setting: "",
      folders: [path.join(root, "project")],
      storage: path.join(root, "storage"),
      home: path.join(root, "home"),
      environ: { PATH: ["relative", path.join(root, "one"), path.join(root, "two")].join(path.delimiter) },
    };
  });

  async function program(file: string, mode = 0o755): Promise<string> {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, "#!/bin/sh\n");
    await chmod(file, mode);
    return file;
  }

  it("is looked for on PATH, in the workspace, among tools, in our folder, in this order", async () => {
    const all = [
      [programIn(places.storage), "extension"],
      [programIn(path.join(root, "home", ".local", "share", "pipx", "venvs", "slm-lsp")), "tool"],
      [path.join(root, "home", ".local", "bin", "slm-lsp"), "tool"],
      [programIn(path.join(root, "project", ".venv")), "workspace"],
      [path.join(root, "two", "slm-lsp"), "PATH"],
      [path.join(root, "one", "slm-lsp"), "PATH"],
    ] as const;
    for (const [file, origin] of all) {
      await program(file);
      assert.deepEqual(await firstRunnable(candidates(places)), { file, origin });
    }
  });

  it("that is set is the only one", async () => {
    await program(path.join(root, "one", "slm-lsp"));
    const set = candidates({ ...places, setting: "~/mine" });
    assert.deepEqual(set, [{ file: path.join(root, "home", "mine"), origin: "setting" }]);
    assert.equal(await firstRunnable(set), undefined);
  });

  it("is never a folder, nor a file that may not be run", async () => {
    await mkdir(path.join(root, "one", "slm-lsp"), { recursive: true });
    await program(path.join(root, "two", "slm-lsp"), 0o644);
    assert.equal(await firstRunnable(candidates(places)), undefined);
  });

  it("of a workspace that is not trusted is not even a candidate", () => {
    assert.ok(!candidates({ ...places, folders: [] }).some((each) => each.origin === "workspace"));
  });

  it("of uv is found where uv was told to keep its tools", async () => {
    const file = await program(programIn(path.join(root, "tools", "slm-lsp")));
    const environ = { ...places.environ, UV_TOOL_DIR: path.join(root, "tools") };
    assert.deepEqual(await firstRunnable(candidates({ ...places, environ })), { file, origin: "tool" });
  });
});
