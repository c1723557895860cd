/** Creates the parts of the extension and connects them. */

import * as path from "node:path";
import {
  commands,
  env,
  extensions,
  version,
  window,
  workspace,
  type ExtensionContext,
  type LogOutputChannel,
} from "vscode";

import { Completions } from "./completions";
import { Cursor } from "./cursor";
import { unsupportedReason } from "./documents";
import { explicitSetting } from "./editorSettings";
import { Edits } from "./edits/edits";
import { History } from "./edits/history";
import { FirstRun } from "./firstRun";
import { entries } from "./menu";
import { Notices } from "./notices";
import { NOT_PAUSED, pausedBy, toggled, type Paused, type PauseTarget, type Scope } from "./pauses";
import { MODEL_MISSING } from "./protocol";
import { run } from "./run";
import { Session } from "./session";
import { settingsTree } from "./settings";
import { StatusItem } from "./statusItem";
import type { WindowState } from "./statusView";

const PAUSED = "paused";

/** VS Code calls this when it activates the extension. */
export async function activate(context: ExtensionContext): Promise<void> {
  const window = new Window(context);
  context.subscriptions.push(window);
  running = window;
  await window.begin();
}

/** VS Code calls this when it deactivates the extension, and waits until the server has stopped. */
export async function deactivate(): Promise<void> {
  await running?.end();
}

let running: Window | undefined;

/** The extension in one window. */
class Window {
  private readonly log: LogOutputChannel;
  private readonly item = new StatusItem();
  private readonly session: Session;
  private readonly completions: Completions;
  private readonly edits: Edits;
  private readonly cursor = new Cursor(() => this.session.client);
  private readonly firstRun: FirstRun;
  private readonly notices: Notices;
  private readonly disposables: { dispose(): unknown }[];

  constructor(private readonly context: ExtensionContext) {
    const storage = path.join(context.globalStorageUri.fsPath, "server");
    this.log = window.createOutputChannel("slm-lsp", { log: true });
    this.notices = new Notices(
      (message, ...buttons) => window.showWarningMessage(message, ...buttons),
      context.globalState,
    );
    this.completions = new Completions({
      client: () => this.session.client,
      paused: ({ uri, languageId }) =>
        pausedBy(this.paused, { uri: uri.toString(), language: languageId }) !== undefined,
      failed: (fault) => {
        if (fault.kind === MODEL_MISSING) {
          this.firstRun.modelSeen(false);
        } else {
          void this.notices.fault(fault.kind, `${fault.what} ${fault.cure}`.trim());
        }
      },
      accepted: () => void commands.executeCommand("setContext", "slm.accepted", true),
    });
    this.edits = new Edits({
      client: () => this.session.client,
      log: this.log,
      history: new History(context.globalState),
      modelMissing: () => {
        this.firstRun.modelSeen(false);
      },
    });
    this.session = new Session(this.log, storage, {
      inline: (document, position, context, token) => this.completions.provide(document, position, context, token),
      execute: this.edits.execute,
      streamed: (piece) => {
        this.completions.streamed(piece);
        this.edits.streamed(piece);
      },
      refined: (refined) => {
        this.completions.refined(refined);
      },
      message: (message) => void this.notices.fault(message, `slm-lsp: ${message}`),
      changed: () => {
        const status = this.session.status;
        if (status?.state === "ready" && status.model !== null) {
          this.firstRun.modelSeen(true);
        }
        this.edits.serverChanged();
        this.draw();
      },
      running: () => {
        this.cursor.announceCurrent();
        void commands.executeCommand("setContext", "slm.serverFound", true);
        void this.firstRun.checkModels();
      },
      problem: (problem) => void this.firstRun.reportProblem(problem),
    });
    this.firstRun = new FirstRun(this.session, this.notices, this.log, storage, () => {
      this.draw();
    });
    this.disposables = [
      this.log,
      this.item,
      this.session,
      this.completions,
      this.edits,
      this.cursor,
      window.onDidChangeActiveTextEditor(() => {
        this.draw();
      }),
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("slm.server.path")) {
          void this.session.restart();
        } else if (event.affectsConfiguration("slm")) {
          this.sendSettings();
        }
      }),
      workspace.onDidGrantWorkspaceTrust(() => {
        if (this.session.found === undefined) {
          void this.session.restart();
        } else {
          this.sendSettings();
        }
      }),
      ...this.commands(),
    ];
  }

  async begin(): Promise<void> {
    const own = extensions.getExtension(this.context.extension.id)?.packageJSON as { version: string } | undefined;
    const where = env.remoteName === undefined ? "local" : `remote: ${env.remoteName}`;
    const platform = `${process.platform} ${process.arch}`;
    this.log.info(`slm-lsp extension ${own?.version ?? "?"}, VS Code ${version}, ${platform}, ${where}.`);
    this.log.info(`Settings: ${JSON.stringify(settingsTree(explicitSetting))}. The log contains none of your code.`);
    this.draw();
    await this.session.restart();
  }

  async end(): Promise<void> {
    await this.session.stop();
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  private sendSettings(): void {
    const settings = settingsTree(explicitSetting);
    void this.session.client?.sendNotification("workspace/didChangeConfiguration", { settings });
  }

  private get paused(): Paused {
    return this.context.globalState.get<Paused>(PAUSED, NOT_PAUSED);
  }

  private pauseTarget(): PauseTarget | undefined {
    const document = window.activeTextEditor?.document;
    return document && { uri: document.uri.toString(), language: document.languageId };
  }

  private state(): WindowState {
    const document = window.activeTextEditor?.document;
    return {
      phase: this.session.phase,
      status: this.session.status,
      modelMissing: this.firstRun.modelMissing,
      paused: pausedBy(this.paused, this.pauseTarget()),
      unsupported: document && unsupportedReason(document),
    };
  }

  private draw(): void {
    this.item.show(this.state());
  }

  private commands(): { dispose(): unknown }[] {
    const all: Record<string, () => unknown> = {
      "slm.menu": () => this.menu(),
      "slm.installServer": () => this.firstRun.install(),
      "slm.removeServer": () => this.firstRun.remove(),
      "slm.pullModel": () => this.firstRun.pull(),
      "slm.switchModel": () => this.firstRun.switchModel(),
      "slm.restart": () => this.session.restart(),
      "slm.doctor": () => this.doctor(),
      "slm.showLog": () => {
        this.log.show();
      },
      "slm.openSettings": () => commands.executeCommand("workbench.action.openSettings", "@ext:slm-lsp.slm-lsp"),
      "slm.pauseFile": () => this.pause("file"),
      "slm.pauseLanguage": () => this.pause("language"),
      "slm.pauseEverywhere": () => this.pause("everywhere"),
    };
    return Object.entries(all).map(([name, work]) => commands.registerCommand(name, work));
  }

  private async menu(): Promise<void> {
    const rows = entries(this.state(), this.pauseTarget(), this.firstRun.installedHere);
    const chosen = await window.showQuickPick(rows, { title: "slm-lsp" });
    if (chosen !== undefined) {
      await commands.executeCommand(chosen.command);
    }
  }

  private async pause(scope: Scope): Promise<void> {
    await this.context.globalState.update(PAUSED, toggled(this.paused, scope, this.pauseTarget()));
    await commands.executeCommand("editor.action.inlineSuggest.hide");
    this.draw();
  }

  private async doctor(): Promise<void> {
    this.log.show();
    const program = this.session.program;
    if (program === undefined) {
      this.log.warn("The installation cannot be checked, because the server was not found.");
      return;
    }
    const folder = workspace.workspaceFolders?.[0]?.uri.fsPath;
    const where = folder === undefined ? [] : ["--workspace", folder];
    const result = await run(program.file, ["doctor", ...where], { environ: program.environ });
    this.log.info(`doctor:\n${result.stdout}${result.stderr.join("\n")}`);
  }
}
