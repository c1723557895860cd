/** Searches for the server's program. Does not import the module `vscode`, so tests run it without VS Code. */

import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import * as path from "node:path";

const WINDOWS = process.platform === "win32";
const PROGRAM = WINDOWS ? "slm-lsp.exe" : "slm-lsp";
const SCRIPTS = WINDOWS ? "Scripts" : "bin";

export type Origin = "setting" | "PATH" | "workspace" | "tool" | "extension";

export interface Candidate {
  file: string;
  origin: Origin;
}

export interface SearchPaths {
  /** `slm.server.path`; empty if it is not set. */
  setting: string;
  /** Folders of the workspace; empty if the workspace is not trusted, because its programs must not run. */
  folders: readonly string[];
  /** The folder into which this extension installs a server. */
  storage: string;
  home: string;
  environ: Readonly<Record<string, string | undefined>>;
}

/** Returns the path of the server's program in a virtual environment. */
export function programIn(environment: string): string {
  return path.join(environment, SCRIPTS, PROGRAM);
}

/** Returns all paths to try, in order. If the setting is not empty, it is the only one. */
export function candidates(paths: SearchPaths): Candidate[] {
  if (paths.setting !== "") {
    return [{ file: expanded(paths.setting, paths.home), origin: "setting" }];
  }
  const { environ, home } = paths;
  const onPath = (environ["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const data = environ["XDG_DATA_HOME"] ?? path.join(home, ".local", "share");
  const tools = [
    environ["UV_TOOL_DIR"] ?? path.join(data, "uv", "tools"),
    path.join(environ["PIPX_HOME"] ?? path.join(data, "pipx"), "venvs"),
    path.join(home, ".local", "pipx", "venvs"),
  ];
  return [
    ...onPath.map((folder) => candidate(path.join(folder, PROGRAM), "PATH")),
    ...paths.folders.map((folder) => candidate(programIn(path.join(folder, ".venv")), "workspace")),
    candidate(path.join(home, ".local", "bin", PROGRAM), "tool"),
    ...tools.map((folder) => candidate(programIn(path.join(folder, "slm-lsp")), "tool")),
    candidate(programIn(paths.storage), "extension"),
  ];
}

/** Returns the first candidate that is a file with execute permission. */
export async function firstRunnable(all: readonly Candidate[]): Promise<Candidate | undefined> {
  for (const each of all) {
    if (await isRunnable(each.file)) {
      return each;
    }
  }
  return undefined;
}

async function isRunnable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

function candidate(file: string, origin: Origin): Candidate {
  return { file, origin };
}

/** Returns a path with a leading `~` replaced by the home folder. */
export function expanded(file: string, home: string): string {
  return file === "~" || file.startsWith("~/") ? path.join(home, file.slice(1)) : file;
}
