/** Installs the server into a virtual environment in the extension's own folder. */

import { mkdir, rm, stat } from "node:fs/promises";
import * as path from "node:path";

import { expanded, programIn } from "./find";
import { CommandError } from "./models";
import type { Fault } from "./protocol";
import { run, type Result } from "./run";

const PYTHONS = ["python3.13", "python3.12", "python3.11", "python3", "python"];
const CHECK_VERSION = ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"];
const PYTHON_IN_VENV = path.join(process.platform === "win32" ? "Scripts" : "bin", "python");

export interface Installation {
  /** The folder of the virtual environment. Its previous content is deleted. */
  folder: string;
  /** The argument of `pip install`; see `sourceOf`. */
  source: string;
}

const ARCHIVE = /\.(whl|tar\.gz)$/;
const EXTRAS = "[fast,sandbox]"; // the faster binding and bubblewrap; pip skips them on platforms without a wheel

/**
 * Returns the argument of `pip install` that installs the server from a file or folder. It is never a package name: pip
 * would look the name up in a package index, where anyone could register it with their own code. Throws CommandError.
 */
export async function sourceOf(setting: string, home: string): Promise<string> {
  const full = expanded(setting, home);
  if (setting === "") {
    throw new CommandError({
      kind: "NoSource",
      what: "The server cannot be installed, because `slm.server.installFrom` is not set.",
      cure: "Set `slm.server.installFrom` to the path of its wheel or of a checkout of its repository.",
    });
  }
  const found = path.isAbsolute(full) ? await stat(full).catch(() => undefined) : undefined;
  const valid = found?.isDirectory() === true ? await isProject(full) : found?.isFile() === true && ARCHIVE.test(full);
  if (!valid) {
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

/** Installs the server. Throws CommandError. If the installation fails or is aborted, its folder is deleted. */
export async function installServer(
  installation: Installation,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const python = await findPython(signal);
  if (python === undefined) {
    throw new CommandError({
      kind: "NoPython",
      what: "The server needs Python 3.11 or later with the module venv, which was not found.",
      cure: "Install it (Debian, Ubuntu: apt-get install python3 python3-venv) and try again.",
    });
  }
  try {
    await rm(installation.folder, { recursive: true, force: true });
    await mkdir(path.dirname(installation.folder), { recursive: true });
    const steps: [string, string[]][] = [
      [python, ["-m", "venv", installation.folder]],
      [path.join(installation.folder, PYTHON_IN_VENV), [...PIP_INSTALL, installation.source]],
    ];
    for (const [file, args] of steps) {
      log(`${file} ${args.join(" ")}`);
      const result = await run(file, args, { onLine: log, signal });
      if (result.code !== 0) {
        log(result.stdout);
        throw new CommandError(pipFault(result, installation));
      }
    }
    return programIn(installation.folder);
  } catch (error) {
    await rm(installation.folder, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof CommandError ? error : new CommandError(fileFault(error, installation.folder));
  }
}

const PIP_INSTALL = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];

async function findPython(signal: AbortSignal): Promise<string | undefined> {
  for (const each of PYTHONS) {
    const result = await run(each, CHECK_VERSION, { signal }).catch(() => undefined);
    if (result?.code === 0) {
      return each;
    }
  }
  return undefined;
}

/** Explains from pip's output why it failed. */
export function pipFault(result: Pick<Result, "stdout" | "stderr">, installation: Installation): Fault {
  const output = `${result.stdout}\n${result.stderr.join("\n")}`;
  if (/No space left on device/i.test(output)) {
    return diskFull(installation.folder);
  }
  if (/Permission denied/i.test(output)) {
    return noPermission(installation.folder);
  }
  if (/ensurepip is not available/i.test(output)) {
    const cure = "Install it (Debian, Ubuntu: apt-get install python3-venv) and try again.";
    return { kind: "NoVenv", what: "The installed Python has no module venv.", cure };
  }
  if (/CMAKE_C(XX)?_COMPILER|No CMAKE_|Failed building wheel for llama/i.test(output)) {
    const cure = "Install one (Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install).";
    return { kind: "NoCompiler", what: "Compiling llama-cpp-python needs a C++ compiler.", cure };
  }
  if (/No matching distribution|Could not find a version/i.test(output)) {
    const cure = "Check the network and pip's settings. The log names the missing package.";
    return { kind: "NoPackage", what: `pip did not find all packages that ${installation.source} needs.`, cure };
  }
  const last = result.stderr.findLast((line) => line.trim() !== "") ?? "pip failed.";
  return { kind: "PipFailed", what: `The server was not installed: ${last}`, cure: "See the log for details." };
}

function fileFault(error: unknown, folder: string): Fault {
  const code = (error as { code?: string }).code;
  if (code === "ENOSPC") {
    return diskFull(folder);
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return noPermission(folder);
  }
  return { kind: "Failed", what: `The server was not installed: ${String(error)}`, cure: "See the log for details." };
}

function diskFull(folder: string): Fault {
  const cure = "Free about 1 GB and try again.";
  return { kind: "DiskFull", what: `The disk of ${folder} is full.`, cure };
}

function noPermission(folder: string): Fault {
  const cure = "Correct its permissions, or install the server yourself and set `slm.server.path`.";
  return { kind: "NoPermission", what: `You have no permission to write to ${folder}.`, cure };
}
