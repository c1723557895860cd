/** Finds, starts, restarts and stops the server of one window. */

import { homedir } from "node:os";
import { workspace, type Disposable, type LogOutputChannel } from "vscode";
import { ShowMessageNotification, type Middleware } from "vscode-languageclient/node";

import { Client } from "./client";
import { explicitSetting, serverPath } from "./editorSettings";
import { candidates, firstRunnable, type Candidate } from "./find";
import type { Program } from "./models";
import { REFINED, STATUS, STREAM, type Refined, type Status, type StreamPiece } from "./protocol";
import { RestartLimit } from "./restartLimit";
import { settingsEnvironment, settingsTree } from "./settings";
import type { Phase } from "./statusView";
import { isOlder, OLDEST_SERVER } from "./version";

/** Delay before a restart, because the cause of the exit may still exist immediately after it. */
const RESTART_DELAY_MS = 500;

/** Why no server runs. */
export type Problem =
  | { is: "noServer" }
  | { is: "unstartable"; what: string }
  | { is: "old"; file: string; version: string }
  | { is: "crashing"; last: string };

export interface Listener {
  inline: NonNullable<Middleware["provideInlineCompletionItems"]>;
  /** Called for each command of the server that is executed. */
  execute: NonNullable<Middleware["executeCommand"]>;
  /** Called for each `slm/stream`. */
  streamed: (piece: StreamPiece) => void;
  /** Called for each `slm/refined`. */
  refined: (refined: Refined) => void;
  /** Called for each `window/showMessage`. */
  message: (message: string) => void;
  /** Called when `phase` or `status` has changed. */
  changed: () => void;
  /** Called when a server has started. */
  running: () => void;
  /** Called when no server can be started. */
  problem: (problem: Problem) => void;
}

/** Runs at most one server at a time. */
export class Session implements Disposable {
  phase: Phase = { is: "looking" };
  status: Status | undefined;
  found: Candidate | undefined;
  private current: Client | undefined;
  private readonly restarts = new RestartLimit();
  /** Paths and versions of servers that are too old. The search skips them and tries the next candidate. */
  private readonly tooOld = new Map<string, string>();
  /** Number of stops. If it changes while a start waits, a newer start or a stop has replaced this start. */
  private generation = 0;

  constructor(
    private readonly log: LogOutputChannel,
    private readonly storage: string,
    private readonly listener: Listener,
  ) {}

  /** The client of the running server; undefined while none runs. */
  get client(): Client | undefined {
    return this.phase.is === "running" ? this.current : undefined;
  }

  /** The server's program, with the editor's settings as environment variables; undefined if none was found. */
  get program(): Program | undefined {
    const environ = { ...process.env, ...settingsEnvironment(explicitSetting) };
    return this.found && { file: this.found.file, environ };
  }

  /** Stop the server if one runs, search again and start. Resets the restart limit. */
  async restart(): Promise<void> {
    this.restarts.reset();
    this.tooOld.clear();
    const stopped = this.stop(); // increments the generation immediately, so that the later of two restarts wins
    const generation = this.generation;
    await stopped;
    if (generation === this.generation) {
      await this.start();
    }
  }

  /** Stop the server. It is not restarted automatically. */
  async stop(): Promise<void> {
    this.generation += 1;
    const client = this.current;
    this.current = undefined;
    this.status = undefined;
    await client?.end();
  }

  /** Show the task that must finish before the server can start, for example an installation. */
  busy(doing: string): void {
    this.enter({ is: "busy", doing });
  }

  dispose(): void {
    void this.stop();
  }

  private async start(): Promise<void> {
    const generation = this.generation;
    this.restarts.record(Date.now());
    this.enter({ is: "looking" });
    this.found = await this.find();
    if (generation !== this.generation) {
      return;
    }
    if (this.found === undefined) {
      this.reportMissing();
      return;
    }
    this.log.info(`Starting ${this.found.file} (found in: ${this.found.origin}).`);
    this.enter({ is: "starting" });
    await this.connect(this.found, generation);
  }

  private async connect(found: Candidate, generation: number): Promise<void> {
    let open = true;
    const ended = (): void => {
      if (open && generation === this.generation) {
        open = false;
        void this.restartAfterExit(generation);
      }
    };
    const client = this.createClient(ended);
    this.current = client;
    try {
      await client.start();
    } catch (error) {
      if (isUnstartable(error)) {
        open = false;
        this.fail(`${found.file} cannot be started: ${String(error)}`);
        this.listener.problem({ is: "unstartable", what: `${found.file} cannot be started.` });
      } else {
        this.log.debug(`The server did not start: ${String(error)}`);
        ended();
      }
      return;
    }
    const version = client.initializeResult?.serverInfo?.version ?? "";
    this.log.info(`The server is slm-lsp ${version}, process ${String(client.pid)}.`);
    if (generation !== this.generation) {
      await client.end();
    } else if (isOlder(version)) {
      this.tooOld.set(found.file, version);
      await this.stop();
      await this.start();
    } else {
      this.enter({ is: "running", version });
      this.listener.running();
      void this.requestStatus(client);
    }
  }

  private reportMissing(): void {
    const [old] = this.tooOld;
    if (old === undefined) {
      this.log.warn("No server was found.");
      this.enter({ is: "noServer" });
      this.listener.problem({ is: "noServer" });
    } else {
      const [file, version] = old;
      this.fail(`${file} is slm-lsp ${version}; this extension needs ${OLDEST_SERVER} or later.`);
      this.listener.problem({ is: "old", file, version });
    }
  }

  private createClient(closed: () => void): Client {
    const client = new Client({
      program: this.program ?? { file: "", environ: {} },
      folder: workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir(),
      log: this.log,
      settings: () => settingsTree(explicitSetting),
      inline: this.listener.inline,
      execute: this.listener.execute,
      closed,
    });
    client.onNotification(STATUS, (status: Status) => {
      this.updateStatus(status);
    });
    client.onNotification(STREAM, this.listener.streamed);
    client.onNotification(REFINED, this.listener.refined);
    client.onNotification(ShowMessageNotification.type, ({ message }) => {
      this.log.warn(message);
      this.listener.message(message);
    });
    return client;
  }

  private async requestStatus(client: Client): Promise<void> {
    const status = await client.sendRequest<Status>(STATUS, {}).catch(() => undefined);
    if (status !== undefined && this.status === undefined && client === this.client) {
      this.updateStatus(status);
    }
  }

  private async restartAfterExit(generation: number): Promise<void> {
    this.log.warn("The server ended.");
    const client = this.current;
    this.current = undefined;
    this.status = undefined;
    this.enter({ is: "starting" });
    await client?.end();
    await new Promise((resolve) => setTimeout(resolve, RESTART_DELAY_MS));
    if (generation !== this.generation) {
      return;
    }
    if (this.restarts.reached(Date.now())) {
      const last = client?.lastLogLine ?? "";
      this.fail(`The server ended 5 times in 3 minutes and is not restarted. ${last}`.trim());
      this.listener.problem({ is: "crashing", last });
    } else {
      await this.start();
    }
  }

  private find(): Promise<Candidate | undefined> {
    const folders = workspace.isTrusted ? (workspace.workspaceFolders ?? []) : [];
    const all = candidates({
      setting: serverPath(),
      folders: folders.filter(({ uri }) => uri.scheme === "file").map(({ uri }) => uri.fsPath),
      storage: this.storage,
      home: homedir(),
      environ: process.env,
    });
    return firstRunnable(all.filter(({ file }) => !this.tooOld.has(file)));
  }

  private updateStatus(status: Status): void {
    if (status.state === "failed" && status.reason !== this.status?.reason) {
      this.log.warn(`The server reports: ${status.reason ?? "failed"}`);
    }
    this.status = status;
    this.listener.changed();
  }

  private fail(why: string): void {
    this.log.error(why);
    this.enter({ is: "down", why });
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.listener.changed();
  }
}

/** Whether the operating system could not run the program, because it is missing, not executable or not a program. */
function isUnstartable(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "EACCES" || code === "ENOENT" || code === "ENOEXEC" || code === "EPERM";
}
