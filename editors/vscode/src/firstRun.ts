/** Installs the server and the model that a first suggestion needs, and explains what to do if this fails. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { commands, ProgressLocation, window, workspace, ConfigurationTarget, type LogOutputChannel } from "vscode";

import { explicitSetting, installFrom, serverPath } from "./editorSettings";
import { installServer, sourceOf } from "./install";
import { CommandError, listModels, megabytes, pullModel, type Model } from "./models";
import type { Notices } from "./notices";
import type { Problem, Session } from "./session";
import { OLDEST_SERVER } from "./version";

const LOG = "Show the Log";
const SETTINGS = "Open Settings";
const INSTALL_FROM = "slm.server.installFrom";

/** Installs servers, downloads models and reports problems. */
export class FirstRun {
  /** True if no model was installed at the last check by `checkModels` or at the last request for a suggestion. */
  modelMissing = false;
  private working = false;

  constructor(
    private readonly session: Session,
    private readonly notices: Notices,
    private readonly log: LogOutputChannel,
    private readonly storage: string,
    private readonly changed: () => void,
  ) {}

  /** Whether a server is installed in the extension's own folder. */
  get installedHere(): boolean {
    return existsSync(this.storage);
  }

  /** Show why no server runs and what to do about it. Each kind of problem is shown once. */
  async reportProblem(problem: Problem): Promise<void> {
    switch (problem.is) {
      case "noServer":
        return this.offerServer();
      case "unstartable": {
        const cure = "Make it executable, install it again, or set `slm.server.path` to another server.";
        return this.showFault("unstartable", `${problem.what} ${cure}`, { [LOG]: "slm.showLog" });
      }
      case "old": {
        const what = `${problem.file} is slm-lsp ${problem.version}; this extension needs ${OLDEST_SERVER} or later.`;
        if (serverPath() !== "") {
          const message = `${what} Update it, or clear \`slm.server.path\`.`;
          return this.showFault("old", message, { [SETTINGS]: "slm.openSettings" });
        }
        const message = `${what} Update it, or let this extension install a server.`;
        return this.showFault("old", message, { Install: "slm.installServer" });
      }
      case "crashing": {
        const what = `slm-lsp was started 5 times in 3 minutes and ended each time. ${problem.last}`.trim();
        return this.showFault("crashing", what, { "Start Again": "slm.restart", [LOG]: "slm.showLog" });
      }
    }
  }

  /** Check whether a model is installed, and offer a download if not. */
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
      const message = `slm-lsp needs a model on this machine${size}. Your code stays on this machine.`;
      if ((await this.notices.offer("model", message, "Download", "Not Now")) === "Download") {
        await this.download(model?.tier ?? model?.name ?? "fast");
      }
    }
  }

  /** Record whether the server found an installed model when it answered a request. */
  modelSeen(found: boolean): void {
    if (this.modelMissing === found) {
      this.setMissing(!found);
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
    await this.withProgress("Installing the slm-lsp server", async (report, signal) => {
      const onLine = (line: string): void => {
        this.log.info(`install: ${line}`);
        report(line);
      };
      await this.session.stop();
      this.session.busy("Installing the server.");
      try {
        await installServer({ folder: this.storage, source }, onLine, signal);
      } finally {
        await this.session.restart();
      }
    });
  }

  /** Stop the server, delete the server in the extension's own folder, and search for another server. */
  async remove(): Promise<void> {
    await this.session.stop();
    await rm(this.storage, { recursive: true, force: true });
    await this.session.restart();
  }

  /** Let the user choose a model, download it if it is not installed, and set it as `slm.model`. */
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
    const description = "for each request, the best installed model that is fast enough";
    const auto = { label: "auto", description, detail: "", model: undefined };
    const chosen = await window.showQuickPick([auto, ...rows], { title: "Model for suggestions" });
    if (chosen === undefined || (chosen.model?.installed === false && !(await this.download(chosen.label)))) {
      return;
    }
    await workspace.getConfiguration().update("slm.model", chosen.label, ConfigurationTarget.Global);
  }

  /** Let the user choose a model that is not installed, and download it. */
  async pull(): Promise<void> {
    const models = (await this.models())?.filter((model) => !model.installed) ?? [];
    const rows = models.map((model) => ({
      label: model.name,
      description: [model.tier, megabytes(model.bytes), model.licence].filter(Boolean).join(" · "),
      detail: model.title ?? "",
    }));
    const chosen = await window.showQuickPick(rows, { title: "Model to download" });
    if (chosen !== undefined) {
      await this.download(chosen.label);
    }
  }

  private async offerServer(): Promise<void> {
    const configured = serverPath();
    if (configured !== "") {
      const message = `\`slm.server.path\` is ${configured}, which is not an executable file. Correct or clear it.`;
      return this.showFault("wrongPath", message, { [SETTINGS]: "slm.openSettings" });
    }
    if (installFrom() === "") {
      const message =
        "slm-lsp needs its server, which was not found. Install the server yourself. Or set `slm.server.installFrom` " +
        "to the path of its wheel or of a checkout of its repository, and choose Install the Server in the menu of " +
        "the status item.";
      if ((await this.notices.offer("serverSource", message, SETTINGS, "Not Now")) === SETTINGS) {
        await commands.executeCommand("workbench.action.openSettings", INSTALL_FROM);
      }
      return;
    }
    const message =
      "slm-lsp needs its server, which was not found. This extension can install it into its own folder. " +
      "It needs about 1 GB of disk space. The installation takes up to 10 minutes if parts have to be compiled.";
    if ((await this.notices.offer("server", message, "Install", "Not Now")) === "Install") {
      await this.install();
    }
  }

  private async download(name: string): Promise<boolean> {
    const program = this.session.program;
    if (program === undefined) {
      return false;
    }
    const done = await this.withProgress(`Downloading the model ${name}`, (report, signal) => {
      let before = 0;
      const onProgress = ({ percent, line }: { percent: number; line: string }): void => {
        report(line, percent - before);
        before = percent;
      };
      return pullModel(program, name, onProgress, signal);
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

  /** Run one long task at a time, with a progress notification and a cancel button. Returns whether it succeeded. */
  private async withProgress(title: string, work: Work): Promise<boolean> {
    if (this.working) {
      return false;
    }
    this.working = true;
    try {
      return await window.withProgress(
        { location: ProgressLocation.Notification, title, cancellable: true },
        (progress, token) => {
          const cancelled = new AbortController();
          token.onCancellationRequested(() => {
            cancelled.abort();
          });
          const report = (message: string, increment?: number): void => {
            progress.report(increment === undefined ? { message } : { message, increment });
          };
          return this.reportFailure(title, () => work(report, cancelled.signal), cancelled.signal);
        },
      );
    } finally {
      this.working = false;
    }
  }

  private async reportFailure(title: string, work: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (signal.aborted) {
        this.log.info(`${title}: cancelled by the user.`);
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

  /** Show an error with buttons; `buttons` maps each label to the command it runs. */
  private async showFault(key: string, message: string, buttons: Record<string, string>): Promise<void> {
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

/** Returns the model to offer to a new user: the model that `slm.model` names, otherwise the fast model. */
function offered(models: readonly Model[]): Model | undefined {
  const configured = explicitSetting("slm.model");
  return (
    models.find((model) => model.name === configured || (model.tier !== null && model.tier === configured)) ??
    models.find((model) => model.tier === "fast") ??
    models[0]
  );
}
