/** Runs a program and waits until it exits. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Result {
  /** The exit code; null if a signal ended the program. */
  code: number | null;
  stdout: string;
  /** The last 40 lines of standard error. */
  stderr: string[];
}

export interface Options {
  environ?: NodeJS.ProcessEnv;
  /** Called for each line of standard error when it arrives. */
  onLine?: (line: string) => void;
  /** Interrupts the program with SIGINT when aborted. */
  signal?: AbortSignal;
}

const LINES_KEPT = 40;

/** Runs a program. Rejects if it cannot be started. */
export function run(file: string, args: readonly string[], options: Options = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: options.environ ?? process.env, stdio: ["ignore", "pipe", "pipe"] });
    const stop = (): void => void child.kill("SIGINT");
    options.signal?.addEventListener("abort", stop);
    if (options.signal?.aborted === true) {
      stop();
    }
    let stdout = "";
    const stderr: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    createInterface({ input: child.stderr }).on("line", (line) => {
      stderr.push(line);
      stderr.splice(0, stderr.length - LINES_KEPT);
      options.onLine?.(line);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      options.signal?.removeEventListener("abort", stop);
      resolve({ code, stdout, stderr });
    });
  });
}
