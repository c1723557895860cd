/** The life of a server in one window: found, started, lost, started again, given up. */

import { homedir } from "node:os";
import { workspace, type Disposable, type LogOutputChannel } from "vscode";
import { ShowMessageNotification, type Middleware } from "vscode-languageclient/node";

import { Client } from "./client";
import { serverPath, wasSet } from "./editorSettings";
import type { Phase } from "./face";
import { candidates, firstRunnable, type Candidate } from "./find";
import type { Program } from "./models";
import { REFINED, STATUS, STREAM, type Refined, type Status, type StreamPiece } from "./protocol";
import { settingsEnvironment, settingsTree } from "./settings";
import { Starts } from "./starts";
import { isOlder, OLDEST_SERVER } from "./version";

/** A server that has just ended gets a moment: what ended it may still be going on. */
const AGAIN_MS = 500;

/** Why there is no server, for those who tell the user. */
export type Trouble =
  | { is: "noServer" }
  | { is: "unstartable"; what: string }
  | { is: "old"; file: string; version: string }
  | { is: "crashing"; last: string };

export interface Listener {
  inline: NonNullable<Middleware["provideInlineCompletionItems"]>;
  heard: (piece: StreamPiece) => void;
  refined: (refined: Refined) => void;
  said: (message: string) => void;
  changed: () => void;
  running: () => void;
  trouble: (trouble: Trouble) => void;
}

/** At most one server at a time. */
export class Session implements Disposable {
  phase: Phase = { is: "looking" };
  status: Status | undefined;
  found: Candidate | undefined;
  private current: Client | undefined;
  private readonly starts = new Starts();
  /** Servers that were found and are too old, with their versions: what is found behind them is tried instead. */
  private readonly tooOld = new Map<string, string>();
  /** Grows whenever what was begun before no longer counts. */
  private turn = 0;

  constructor(
    private readonly log: LogOutputChannel,
    private readonly storage: string,
    private readonly listener: Listener,
  ) {}

  /** The client, while its server runs. */
  get client(): Client | undefined {
    return this.phase.is === "running" ? this.current : undefined;
  }

  /** The server's command line with the editor's settings; undefined where none was found. */
  get program(): Program | undefined {
    return this.found && { file: this.found.file, environ: { ...process.env, ...settingsEnvironment(wasSet) } };
  }

  /** Look for a server and start it, because somebody asked for it. */
  async restart(): Promise<void> {
    this.starts.forget();
    this.tooOld.clear();
    const stopped = this.stop(); // takes a turn at once, so that of two restarts the later one counts
    const turn = this.turn;
    await stopped;
    if (turn === this.turn) {
      await this.start();
    }
  }

  /** End the server; nothing starts it again. */
  async stop(): Promise<void> {
    this.turn += 1;
    const client = this.current;
    this.current = undefined;
    this.status = undefined;
    await client?.end();
  }

  /** Say what is going on while something else keeps the server from starting. */
  busy(doing: string): void {
    this.enter({ is: "busy", doing });
  }

  dispose(): void {
    void this.stop();
  }

  private async start(): Promise<void> {
    const turn = this.turn;
    this.starts.another(Date.now());
    this.enter({ is: "looking" });
    this.found = await this.find();
    if (turn !== this.turn) {
      return;
    }
    if (this.found === undefined) {
      this.missing();
      return;
    }
    this.log.info(`Starting ${this.found.file} (found by: ${this.found.origin}).`);
    this.enter({ is: "starting" });
    await this.connect(this.found, turn);
  }

  private async connect(found: Candidate, turn: number): Promise<void> {
    let open = true;
    const ended = (): void => {
      if (open && turn === this.turn) {
        open = false;
        void this.ended(turn);
      }
    };
    const client = this.wired(ended);
    this.current = client;
    try {
      await client.start();
    } catch (error) {
      if (isUnstartable(error)) {
        open = false;
        this.down(`${found.file} cannot be started: ${String(error)}`);
        this.listener.trouble({ is: "unstartable", what: `${found.file} cannot be started.` });
      } else {
        this.log.debug(`The server did not start: ${String(error)}`);
        ended();
      }
      return;
    }
    const version = client.initializeResult?.serverInfo?.version ?? "";
    this.log.info(`The server is slm-lsp ${version}, process ${String(client.pid)}.`);
    if (turn !== this.turn) {
      await client.end();
    } else if (isOlder(version)) {
      this.tooOld.set(found.file, version);
      await this.stop();
      await this.start();
    } else {
      this.enter({ is: "running", version });
      this.listener.running();
      void this.askStatus(client);
    }
  }

  private missing(): void {
    const [old] = this.tooOld;
    if (old === undefined) {
      this.log.warn("No server was found.");
      this.enter({ is: "noServer" });
      this.listener.trouble({ is: "noServer" });
    } else {
      const [file, version] = old;
      this.down(`${file} is slm-lsp ${version}; this extension needs ${OLDEST_SERVER} or later.`);
      this.listener.trouble({ is: "old", file, version });
    }
  }

  private wired(closed: () => void): Client {
    const client = new Client({
      program: this.program ?? { file: "", environ: {} },
      folder: workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir(),
      log: this.log,
      options: () => settingsTree(wasSet),
      inline: this.listener.inline,
      closed,
    });
    client.onNotification(STATUS, (status: Status) => {
      this.tell(status);
    });
    client.onNotification(STREAM, this.listener.heard);
    client.onNotification(REFINED, this.listener.refined);
    client.onNotification(ShowMessageNotification.type, ({ message }) => {
      this.log.warn(message);
      this.listener.said(message);
    });
    return client;
  }

  private async askStatus(client: Client): Promise<void> {
    const status = await client.sendRequest<Status>(STATUS, {}).catch(() => undefined);
    if (status !== undefined && this.status === undefined && client === this.client) {
      this.tell(status);
    }
  }

  private async ended(turn: number): Promise<void> {
    this.log.warn("The server ended.");
    const client = this.current;
    this.current = undefined;
    this.status = undefined;
    this.enter({ is: "starting" });
    await client?.end();
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    if (turn !== this.turn) {
      return;
    }
    if (this.starts.full(Date.now())) {
      const last = client?.lastWords ?? "";
      this.down(`The server ended again and again and is left alone. ${last}`.trim());
      this.listener.trouble({ is: "crashing", last });
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

  private tell(status: Status): void {
    if (status.state === "failed" && status.reason !== this.status?.reason) {
      this.log.warn(`The server says: ${status.reason ?? "failed"}`);
    }
    this.status = status;
    this.listener.changed();
  }

  private down(why: string): void {
    this.log.error(why);
    this.enter({ is: "down", why });
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.listener.changed();
  }
}

/** Whether the program could not even be run: no right, or an interpreter that is gone. */
function isUnstartable(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "EACCES" || code === "ENOENT" || code === "ENOEXEC" || code === "EPERM";
}
