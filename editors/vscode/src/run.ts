/** Runs a program to its end, line by line. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Result {
  /** Null where a signal ended it. */
  code: number | null;
  stdout: string;
  /** The last lines of standard error. */
  stderr: string[];
}

export interface Options {
  environ?: NodeJS.ProcessEnv;
  /** Hears each line of standard error as it comes. */
  onLine?: (line: string) => void;
  /** Ends the program, as Ctrl-C would. */
  signal?: AbortSignal;
}

const LINES_KEPT = 40;

/** Run a program. Rejects where it cannot be started. */
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
