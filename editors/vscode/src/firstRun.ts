/** What brings a new user to the first suggestion: a server, a model, and what to do where either fails. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { commands, ProgressLocation, window, workspace, ConfigurationTarget, type LogOutputChannel } from "vscode";

import { installFrom, serverPath, wasSet } from "./editorSettings";
import { installServer, sourceOf } from "./install";
import { CommandError, listModels, megabytes, pullModel, type Model } from "./models";
import type { Notices } from "./notices";
import type { Session, Trouble } from "./session";
import { OLDEST_SERVER } from "./version";

const LOG = "Show the Log";
const SETTINGS = "Open Settings";
const INSTALL_FROM = "slm.server.installFrom";

/** Installs servers, fetches models, and says what is in the way. */
export class FirstRun {
  /** Whether no model is installed, as far as was seen. */
  modelMissing = false;
  private working = false;

  constructor(
    private readonly session: Session,
    private readonly notices: Notices,
    private readonly log: LogOutputChannel,
    private readonly storage: string,
    private readonly changed: () => void,
  ) {}

  /** Whether this extension installed a server of its own. */
  get installedHere(): boolean {
    return existsSync(this.storage);
  }

  /** There is no server, or none that can be used: say what to do, once. */
  async trouble(trouble: Trouble): Promise<void> {
    switch (trouble.is) {
      case "noServer":
        return this.offerServer();
      case "unstartable": {
        const cure = "Make it executable or install it again; `slm.server.path` names another.";
        return this.choose("unstartable", `${trouble.what} ${cure}`, { [LOG]: "slm.showLog" });
      }
      case "old": {
        const what = `${trouble.file} is slm-lsp ${trouble.version}; this extension needs ${OLDEST_SERVER} or later.`;
        const cure = "Update it where you got it from";
        if (serverPath() !== "") {
          return this.choose("old", `${what} ${cure}, or empty \`slm.server.path\`.`, { [SETTINGS]: "slm.openSettings" });
        }
        return this.choose("old", `${what} ${cure}, or have one installed here.`, { Install: "slm.installServer" });
      }
      case "crashing": {
        const what = `slm-lsp was started 5 times in 3 minutes and ended each time. ${trouble.last}`.trim();
        return this.choose("crashing", what, { "Start Again": "slm.restart", [LOG]: "slm.showLog" });
      }
    }
  }

  /** Whether a model is installed; offer one where there is none. */
  async checkModels(): Promise<void> {
    const models = await this.models();
    if (models === undefined) {
      return;
    }
    const missing = !models.some((model) => model.installed);
    this.setMissing(missing);
    if (missing) {
      const model = offered(models);
      const size = model === undefined ? "" : ` (${model.name}, ${megabytes(model.bytes)}, once)`;
      const message = `slm-lsp needs a model on this machine${size}. Your code stays here.`;
      if ((await this.notices.offer("model", message, "Download", "Not Now")) === "Download") {
        await this.fetchModel(model?.tier ?? model?.name ?? "fast");
      }
    }
  }

  /** The server found no model for a request, or found one. */
  modelSeen(there: boolean): void {
    if (this.modelMissing === there) {
      this.setMissing(!there);
    }
  }

  /** Install the server into the extension's own folder and start it. */
  async install(): Promise<void> {
    let source: string;
    try {
      source = await sourceOf(installFrom(), homedir());
    } catch (error) {
      const message = error instanceof CommandError ? error.message : String(error);
      this.log.warn(message);
      if ((await window.showErrorMessage(message, SETTINGS)) === SETTINGS) {
        await commands.executeCommand("workbench.action.openSettings", INSTALL_FROM);
      }
      return;
    }
    await this.alone("Installing the slm-lsp server", async (report, signal) => {
      const hear = (line: string): void => {
        this.log.info(`install: ${line}`);
        report(line);
      };
      await this.session.stop();
      this.session.busy("The server is being installed.");
      try {
        await installServer({ folder: this.storage, source }, hear, signal);
      } finally {
        await this.session.restart();
      }
    });
  }

  /** Remove what `install` made. */
  async remove(): Promise<void> {
    await this.session.stop();
    await rm(this.storage, { recursive: true, force: true });
    await this.session.restart();
  }

  /** Ask which model, fetch it where need be, and use it. */
  async switchModel(): Promise<void> {
    const models = await this.models();
    if (models === undefined) {
      return;
    }
    const rows = models.map((model) => ({
      label: model.name,
      description: [model.tier, megabytes(model.bytes)].filter(Boolean).join(" · "),
      detail: model.installed ? "installed" : "will be downloaded",
      model,
    }));
    const auto = { label: "auto", description: "whichever is installed and fast enough", detail: "", model: undefined };
    const chosen = await window.showQuickPick([auto, ...rows], { title: "Which model completes?" });
    if (chosen === undefined || (chosen.model?.installed === false && !(await this.fetchModel(chosen.label)))) {
      return;
    }
    await workspace.getConfiguration().update("slm.model", chosen.label, ConfigurationTarget.Global);
  }

  /** Ask which model, and fetch it. */
  async pull(): Promise<void> {
    const models = (await this.models())?.filter((model) => !model.installed) ?? [];
    const rows = models.map((model) => ({
      label: model.name,
      description: [model.tier, megabytes(model.bytes), model.licence].filter(Boolean).join(" · "),
      detail: model.title ?? "",
    }));
    const chosen = await window.showQuickPick(rows, { title: "Which model shall be downloaded?" });
    if (chosen !== undefined) {
      await this.fetchModel(chosen.label);
    }
  }

  private async offerServer(): Promise<void> {
    const wrong = serverPath();
    if (wrong !== "") {
      const message = `\`slm.server.path\` names ${wrong}, which is no program. Correct or empty it.`;
      return this.choose("wrongPath", message, { [SETTINGS]: "slm.openSettings" });
    }
    if (installFrom() === "") {
      const message =
        "slm-lsp needs its server, which was not found. Install it yourself, or set `slm.server.installFrom` to its " +
        "wheel or to a checkout of its repository and choose Install the Server in the menu of the status item.";
      if ((await this.notices.offer("serverSource", message, SETTINGS, "Not Now")) === SETTINGS) {
        await commands.executeCommand("workbench.action.openSettings", INSTALL_FROM);
      }
      return;
    }
    const message =
      "slm-lsp needs its server, which was not found. It can be installed for this extension alone: " +
      "about 1 GB on the disk, up to 10 minutes where parts of it are compiled.";
    if ((await this.notices.offer("server", message, "Install", "Not Now")) === "Install") {
      await this.install();
    }
  }

  private async fetchModel(name: string): Promise<boolean> {
    const program = this.session.program;
    if (program === undefined) {
      return false;
    }
    const done = await this.alone(`Downloading the model ${name}`, (report, signal) => {
      let before = 0;
      const hear = ({ percent, line }: { percent: number; line: string }): void => {
        report(line, percent - before);
        before = percent;
      };
      return pullModel(program, name, hear, signal);
    });
    if (done) {
      await this.session.restart();
    }
    return done;
  }

  private async models(): Promise<Model[] | undefined> {
    const program = this.session.program;
    if (program === undefined) {
      return undefined;
    }
    try {
      return await listModels(program);
    } catch (error) {
      this.log.warn(`The models cannot be listed: ${String(error)}`);
      return undefined;
    }
  }

  /** Do something long with a bar and a button that ends it. True if it was done. */
  private async alone(title: string, work: Work): Promise<boolean> {
    if (this.working) {
      return false;
    }
    this.working = true;
    try {
      return await window.withProgress(
        { location: ProgressLocation.Notification, title, cancellable: true },
        (progress, token) => {
          const ending = new AbortController();
          token.onCancellationRequested(() => {
            ending.abort();
          });
          const report = (message: string, increment?: number): void => {
            progress.report(increment === undefined ? { message } : { message, increment });
          };
          return this.tried(title, () => work(report, ending.signal), ending.signal);
        },
      );
    } finally {
      this.working = false;
    }
  }

  private async tried(title: string, work: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (signal.aborted) {
        this.log.info(`${title}: ended by the user.`);
        return false;
      }
      this.log.error(`${title}: ${String(error)}`);
      const message = error instanceof CommandError ? error.message : String(error);
      if ((await window.showErrorMessage(message, LOG)) === LOG) {
        await commands.executeCommand("slm.showLog");
      }
      return false;
    }
  }

  private async choose(key: string, message: string, buttons: Record<string, string>): Promise<void> {
    const pressed = await this.notices.fault(key, message, ...Object.keys(buttons));
    const command = pressed === undefined ? undefined : buttons[pressed];
    if (command !== undefined) {
      await commands.executeCommand(command);
    }
  }

  private setMissing(missing: boolean): void {
    this.modelMissing = missing;
    void commands.executeCommand("setContext", "slm.modelReady", !missing);
    this.changed();
  }
}

type Work = (report: (message: string, increment?: number) => void, signal: AbortSignal) => Promise<void>;

/** The model a new user is offered: the one that was set, else the small one. */
function offered(models: readonly Model[]): Model | undefined {
  const wanted = wasSet("slm.model");
  return (
    models.find((model) => model.name === wanted || (model.tier !== null && model.tier === wanted)) ??
    models.find((model) => model.tier === "fast") ??
    models[0]
  );
}
