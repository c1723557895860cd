import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { beforeEach, describe, it } from "node:test";

import { candidates, firstRunnable, programIn, type SearchPaths } from "../src/find";

describe("the search for the server", () => {
  let root: string;
  let paths: SearchPaths;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), "find-"));
    paths = {
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

  it("tries PATH, then the workspace, then the tool folders, then the extension's folder", async () => {
    const all = [
      [programIn(paths.storage), "extension"],
      [programIn(path.join(root, "home", ".local", "share", "pipx", "venvs", "slm-lsp")), "tool"],
      [path.join(root, "home", ".local", "bin", "slm-lsp"), "tool"],
      [programIn(path.join(root, "project", ".venv")), "workspace"],
      [path.join(root, "two", "slm-lsp"), "PATH"],
      [path.join(root, "one", "slm-lsp"), "PATH"],
    ] as const;
    for (const [file, origin] of all) {
      await program(file);
      assert.deepEqual(await firstRunnable(candidates(paths)), { file, origin });
    }
  });

  it("tries only the path in the setting if it is set", async () => {
    await program(path.join(root, "one", "slm-lsp"));
    const configured = candidates({ ...paths, setting: "~/mine" });
    assert.deepEqual(configured, [{ file: path.join(root, "home", "mine"), origin: "setting" }]);
    assert.equal(await firstRunnable(configured), undefined);
  });

  it("skips folders and files without execute permission", async () => {
    await mkdir(path.join(root, "one", "slm-lsp"), { recursive: true });
    await program(path.join(root, "two", "slm-lsp"), 0o644);
    assert.equal(await firstRunnable(candidates(paths)), undefined);
  });

  it("does not try the workspace if no folder is trusted", () => {
    assert.ok(!candidates({ ...paths, folders: [] }).some((each) => each.origin === "workspace"));
  });

  it("tries the folder in UV_TOOL_DIR", async () => {
    const file = await program(programIn(path.join(root, "tools", "slm-lsp")));
    const environ = { ...paths.environ, UV_TOOL_DIR: path.join(root, "tools") };
    assert.deepEqual(await firstRunnable(candidates({ ...paths, environ })), { file, origin: "tool" });
  });
});
