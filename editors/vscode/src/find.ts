/** Where a server may be, in the order in which it is looked for. Knows nothing of the editor. */

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

export interface Places {
  /** `slm.server.path`; empty where it is not set. */
  setting: string;
  /** Folders of the workspace; none where the user does not trust it, since a server in it is somebody's program. */
  folders: readonly string[];
  /** Where this extension installs a server. */
  storage: string;
  home: string;
  environ: Readonly<Record<string, string | undefined>>;
}

/** The program of a virtual environment. */
export function programIn(environment: string): string {
  return path.join(environment, SCRIPTS, PROGRAM);
}

/** Every place where a server may be; the first that exists is taken. A setting leaves no choice. */
export function candidates(places: Places): Candidate[] {
  if (places.setting !== "") {
    return [{ file: expanded(places.setting, places.home), origin: "setting" }];
  }
  const { environ, home } = places;
  const onPath = (environ["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const data = environ["XDG_DATA_HOME"] ?? path.join(home, ".local", "share");
  const tools = [
    environ["UV_TOOL_DIR"] ?? path.join(data, "uv", "tools"),
    path.join(environ["PIPX_HOME"] ?? path.join(data, "pipx"), "venvs"),
    path.join(home, ".local", "pipx", "venvs"),
  ];
  return [
    ...onPath.map((folder) => candidate(path.join(folder, PROGRAM), "PATH")),
    ...places.folders.map((folder) => candidate(programIn(path.join(folder, ".venv")), "workspace")),
    candidate(path.join(home, ".local", "bin", PROGRAM), "tool"),
    ...tools.map((folder) => candidate(programIn(path.join(folder, "slm-lsp")), "tool")),
    candidate(programIn(places.storage), "extension"),
  ];
}

/** The first candidate that is a file this user may run. */
export async function firstRunnable(found: readonly Candidate[]): Promise<Candidate | undefined> {
  for (const each of found) {
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

/** A path with `~` replaced. */
export function expanded(file: string, home: string): string {
  return file === "~" || file.startsWith("~/") ? path.join(home, file.slice(1)) : file;
}
