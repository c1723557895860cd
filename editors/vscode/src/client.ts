/** One language client over one server process. What becomes of it is the session's business. */

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { LogOutputChannel, TextDocument } from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  type ClientCapabilities,
  type LanguageClientOptions,
  type Middleware,
  type StaticFeature,
} from "vscode-languageclient/node";

import { SELECTOR, unfit } from "./documents";
import type { Program } from "./models";

const STOP_MS = 2000;
const LINES_KEPT = 3;

export interface Wiring {
  program: Program;
  folder: string;
  log: LogOutputChannel;
  options: () => object;
  inline: NonNullable<Middleware["provideInlineCompletionItems"]>;
  /** The connection is gone, and nobody asked for that. */
  closed: () => void;
}

/** A server and the client that talks to it. Pop-ups are left to `notices.ts`: this one only writes the log. */
export class Client extends LanguageClient {
  private child: ChildProcess | undefined;
  private readonly said: string[];

  constructor(wiring: Wiring) {
    const said: string[] = [];
    const spawned = (): Promise<ChildProcess> =>
      started(wiring).then((child) => {
        this.child = child;
        return child;
      });
    super("slm", "slm-lsp", spawned, options(wiring, said));
    this.said = said;
    this.registerFeature(new Experimental());
  }

  /** The process of the server. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** The last line that the server wrote to its log; empty where it wrote none. */
  get lastWords(): string {
    return this.said.at(-1) ?? "";
  }

  /** End the server, by force if it does not leave. */
  async end(): Promise<void> {
    const child = this.child;
    await this.dispose(STOP_MS).catch((error: unknown) => {
      this.outputChannel.debug(`The server did not say goodbye: ${String(error)}`);
    });
    if (child?.exitCode === null && child.signalCode === null) {
      setTimeout(() => child.kill("SIGKILL"), STOP_MS).unref();
    }
  }

  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown): void {
    super.warn(message, data, false);
  }

  override info(message: string, data?: unknown): void {
    super.info(message, data, false);
  }
}

/** Announces that this client handles `slm/stream` and `slm/refined`. */
class Experimental implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const others = capabilities.experimental as object | undefined;
    capabilities.experimental = { ...others, slmStream: true, slmRefined: true };
  }

  initialize(): void {
    // Nothing to register: the session listens.
  }

  getState(): { kind: "static" } {
    return { kind: "static" };
  }

  clear(): void {
    // Nothing is kept.
  }
}

function options(wiring: Wiring, said: string[]): LanguageClientOptions {
  const { log } = wiring;
  return {
    documentSelector: SELECTOR,
    outputChannel: log,
    traceOutputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: wiring.options,
    initializationFailedHandler: () => false,
    stdioOptions: {
      stdout: () => {
        // Its messages come that way, and the client reads them.
      },
      stderr: (input: Readable) => {
        createInterface({ input }).on("line", (line) => {
          log.info(`server: ${line}`);
          said.push(line);
          said.splice(0, said.length - LINES_KEPT);
        });
      },
    },
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        wiring.closed();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: { provideInlineCompletionItems: wiring.inline, ...syncedOnlyWhere(fit()) },
  };
}

/** Whether a document is small enough for the server; decided when it is opened, since asking costs its whole text. */
function fit(): (document: TextDocument, opening?: boolean) => boolean {
  const left = new WeakSet<TextDocument>();
  return (document, opening = false) => {
    if (opening && unfit(document) !== undefined) {
      left.add(document);
    }
    return !left.has(document);
  };
}

function syncedOnlyWhere(fits: (document: TextDocument, opening?: boolean) => boolean): Middleware {
  const nothing = Promise.resolve();
  return {
    didOpen: (document, next) => (fits(document, true) ? next(document) : nothing),
    didChange: (event, next) => (fits(event.document) ? next(event) : nothing),
    didSave: (document, next) => (fits(document) ? next(document) : nothing),
    didClose: (document, next) => (fits(document) ? next(document) : nothing),
  };
}

function started(wiring: Wiring): Promise<ChildProcess> {
  const { file, environ } = wiring.program;
  return new Promise((resolve, reject) => {
    const child = spawn(file, ["serve", "--stdio"], { cwd: wiring.folder, env: environ });
    child.once("spawn", () => {
      resolve(child);
    });
    child.on("error", reject);
    child.stdin.on("error", (error) => {
      wiring.log.debug(`The server no longer reads: ${error.message}`);
    });
  });
}
