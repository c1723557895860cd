/** `slm-lsp models`: what is installed, and fetching a model. */

import { faultOf, type Fault } from "./protocol";
import { run } from "./run";

/** A row of `models list --json`. */
export interface Model {
  name: string;
  tier: string | null;
  bytes: number;
  installed: boolean;
  intact: boolean;
  title: string | null;
  licence: string | null;
}

/** How far a download is. */
export interface Progress {
  percent: number;
  line: string;
}

/** A command of the server and the environment it runs in. */
export interface Program {
  file: string;
  environ: NodeJS.ProcessEnv;
}

/** Raised where a command failed; `fault` says what to do. */
export class CommandError extends Error {
  constructor(readonly fault: Fault) {
    super(`${fault.what} ${fault.cure}`.trim());
  }
}

/** Every model known or added. Raises CommandError. */
export async function listModels(program: Program): Promise<Model[]> {
  const answer = await json(program, ["models", "list", "--json"]);
  return (answer as { models: Model[] }).models;
}

/** Fetch a model. What has come of it is kept if `signal` ends it, and goes on next time. Raises CommandError. */
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

/** What a line of `models pull` says about its progress. */
export function progressOf(line: string): Progress | undefined {
  const found = /: (\d+) % of /.exec(line);
  return found === null ? undefined : { percent: Number(found[1]), line };
}

/** A size as people read it. */
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
  const what = result.stderr.at(-1) ?? `slm-lsp ${args.join(" ")} ended without an answer.`;
  throw new CommandError(fault ?? { kind: "Failed", what, cure: "The log says more." });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
