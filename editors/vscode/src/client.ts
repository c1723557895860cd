/** A language client with its server process. `session.ts` decides when to start and restart it. */

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

import { SELECTOR, unsupportedReason } from "./documents";
import type { Program } from "./models";

/** Maximum time for the server to shut down, and again for its process to exit. After this time, it is killed. */
const STOP_MS = 2000;
const LINES_KEPT = 3;

export interface ClientOptions {
  program: Program;
  /** The working folder of the server. */
  folder: string;
  log: LogOutputChannel;
  /** Returns the initialization options. */
  settings: () => object;
  inline: NonNullable<Middleware["provideInlineCompletionItems"]>;
  execute: NonNullable<Middleware["executeCommand"]>;
  /** Called when the connection closes unexpectedly. */
  closed: () => void;
}

/** A language client and its server. Writes messages only to the log; `notices.ts` shows notifications. */
export class Client extends LanguageClient {
  private child: ChildProcess | undefined;
  private readonly logLines: string[];

  constructor(clientOptions: ClientOptions) {
    const logLines: string[] = [];
    const start = (): Promise<ChildProcess> =>
      spawnServer(clientOptions).then((child) => {
        this.child = child;
        return child;
      });
    super("slm", "slm-lsp", start, languageClientOptions(clientOptions, logLines));
    this.logLines = logLines;
    this.registerFeature(new Experimental());
  }

  /** The process id of the server. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** The last line that the server wrote to standard error; empty if it wrote none. */
  get lastLogLine(): string {
    return this.logLines.at(-1) ?? "";
  }

  /** Stop the server; kill it if it does not exit in time. */
  async end(): Promise<void> {
    const child = this.child;
    await this.dispose(STOP_MS).catch((error: unknown) => {
      this.outputChannel.debug(`The server did not shut down properly: ${String(error)}`);
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

/** Adds the client capabilities for `slm/stream` and `slm/refined`. */
class Experimental implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const others = capabilities.experimental as object | undefined;
    capabilities.experimental = { ...others, slmStream: true, slmRefined: true };
  }

  initialize(): void {
    // Nothing to register: session.ts registers the handlers.
  }

  getState(): { kind: "static" } {
    return { kind: "static" };
  }

  clear(): void {
    // There is no state to clear.
  }
}

function languageClientOptions(options: ClientOptions, logLines: string[]): LanguageClientOptions {
  const { log } = options;
  return {
    documentSelector: SELECTOR,
    outputChannel: log,
    traceOutputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: options.settings,
    initializationFailedHandler: () => false,
    stdioOptions: {
      stdout: () => {
        // The client reads the protocol messages from this stream; they must not be logged.
      },
      stderr: (input: Readable) => {
        createInterface({ input }).on("line", (line) => {
          log.info(`server: ${line}`);
          logLines.push(line);
          logLines.splice(0, logLines.length - LINES_KEPT);
        });
      },
    },
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        options.closed();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: {
      provideInlineCompletionItems: options.inline,
      executeCommand: options.execute,
      ...syncOnly(supportedDocuments()),
    },
  };
}

/**
 * Returns a function that tells whether a document is sent to the server. The decision is made once, when the document
 * is opened, because it requires copying the document's whole text.
 */
function supportedDocuments(): (document: TextDocument, opening?: boolean) => boolean {
  const unsupported = new WeakSet<TextDocument>();
  return (document, opening = false) => {
    if (opening && unsupportedReason(document) !== undefined) {
      unsupported.add(document);
    }
    return !unsupported.has(document);
  };
}

function syncOnly(isSupported: (document: TextDocument, opening?: boolean) => boolean): Middleware {
  const nothing = Promise.resolve();
  return {
    didOpen: (document, next) => (isSupported(document, true) ? next(document) : nothing),
    didChange: (event, next) => (isSupported(event.document) ? next(event) : nothing),
    didSave: (document, next) => (isSupported(document) ? next(document) : nothing),
    didClose: (document, next) => (isSupported(document) ? next(document) : nothing),
  };
}

function spawnServer(options: ClientOptions): Promise<ChildProcess> {
  const { file, environ } = options.program;
  return new Promise((resolve, reject) => {
    const child = spawn(file, ["serve", "--stdio"], { cwd: options.folder, env: environ });
    child.once("spawn", () => {
      resolve(child);
    });
    child.on("error", reject);
    child.stdin.on("error", (error) => {
      options.log.debug(`Writing to the server failed: ${error.message}`);
    });
  });
}
