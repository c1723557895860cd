/** Runs `slm-lsp models`: lists models and downloads them. */

import { faultOf, type Fault } from "./protocol";
import { run } from "./run";

/** An entry of the output of `models list --json`. */
export interface Model {
  name: string;
  tier: string | null;
  bytes: number;
  installed: boolean;
  intact: boolean;
  title: string | null;
  licence: string | null;
}

/** The progress of a download. */
export interface Progress {
  percent: number;
  /** The line that the command printed. */
  line: string;
}

/** The server's program and the environment variables it runs with. */
export interface Program {
  file: string;
  environ: NodeJS.ProcessEnv;
}

/** Thrown when a command fails. `fault` says what happened and what to do. */
export class CommandError extends Error {
  constructor(readonly fault: Fault) {
    super(`${fault.what} ${fault.cure}`.trim());
  }
}

/** Returns all models of the catalogue and all models that the user added. Throws CommandError. */
export async function listModels(program: Program): Promise<Model[]> {
  const answer = await json(program, ["models", "list", "--json"]);
  return (answer as { models: Model[] }).models;
}

/** Downloads a model. If `signal` aborts it, the next download resumes where this one stopped. Throws CommandError. */
export async function pullModel(
  program: Program,
  name: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const onLine = (line: string): void => {
    const progress = progressOf(line);
    if (progress !== undefined) {
      report(progress);
    }
  };
  await json(program, ["models", "pull", name, "--json"], onLine, signal);
}

/** Parses a line of output of `models pull`; undefined if it reports no progress. */
export function progressOf(line: string): Progress | undefined {
  const found = /: (\d+) % of /.exec(line);
  return found === null ? undefined : { percent: Number(found[1]), line };
}

/** Formats a size in bytes, for example `491 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

async function json(
  program: Program,
  args: string[],
  onLine?: (line: string) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  const { file, environ } = program;
  const result = await run(file, args, { environ, ...(onLine && { onLine }), ...(signal && { signal }) });
  const answer = parsed(result.stdout);
  if (result.code === 0 && answer !== undefined) {
    return answer;
  }
  const fault = faultOf((answer as { error?: unknown } | undefined)?.error);
  const what = result.stderr.at(-1) ?? `slm-lsp ${args.join(" ")} printed no result.`;
  throw new CommandError(fault ?? { kind: "Failed", what, cure: "See the log for details." });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
