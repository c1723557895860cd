/** Edits by the model: requests them, and hands them to the review. The user decides on each hunk there. */

import { randomUUID } from "node:crypto";
import { commands, window, workspace, type Disposable, type LogOutputChannel, type TextEditor } from "vscode";
import type { Middleware } from "vscode-languageclient/node";

import type { Client } from "../client";
import { unsupportedReason } from "../documents";
import {
  FIX,
  faultOf,
  isEditPlace,
  MODEL_MISSING,
  REFACTOR,
  STALE,
  type EditArgument,
  type EditPlace,
  type EditResult,
  type StreamPiece,
} from "../protocol";
import { askInstruction } from "./ask";
import type { History } from "./history";
import { changesOf } from "./proposals";
import { EditRequests } from "./request";
import { Review } from "./review";
import { diagnosticAt, MovingRange, type Target } from "./target";

const TRY_AGAIN = "Try Again";

/** The context keys of the menus and key bindings, and the command of the server that each one requires. */
const CONTEXT_KEYS = { "slm.canEdit": REFACTOR, "slm.canFix": FIX };

export interface Context {
  client: () => Client | undefined;
  log: LogOutputChannel;
  history: History;
  /** Called if no model is installed. */
  modelMissing: () => void;
}

/** The edits of one window. */
export class Edits implements Disposable {
  private readonly requests = new EditRequests();
  private readonly review = new Review();
  private readonly disposables: { dispose(): unknown }[];
  /** The last values of the context keys that tell which commands the server supports. */
  private readonly supported = new Map<string, boolean>();

  constructor(private readonly context: Context) {
    this.disposables = [this.review, commands.registerCommand("slm.edit", () => this.edit())];
  }

  /**
   * Execute a command of the server. The language client registers all of them; a code action or the command palette
   * executes them. An edit is requested with `apply: false`, because the user decides on its hunks here.
   */
  readonly execute: NonNullable<Middleware["executeCommand"]> = async (command, args: unknown[], next) => {
    if (command !== REFACTOR && command !== FIX) {
      return (await next(command, args)) as unknown;
    }
    const [argument] = args;
    const target = isEditPlace(argument) ? await this.targetOf(argument) : await this.fixTarget();
    if (target === undefined) {
      return undefined;
    }
    // A code action was made for one version. If the document has changed since, the server refuses the request.
    const version = isEditPlace(argument) ? argument.textDocument.version : target.document.version;
    return this.run(command, target, version);
  };

  /** Update which commands are available. Called whenever the state of the server may have changed. */
  serverChanged(): void {
    for (const [key, command] of Object.entries(CONTEXT_KEYS)) {
      const value = supports(this.context.client(), command);
      if (this.supported.get(key) !== value) {
        this.supported.set(key, value);
        void commands.executeCommand("setContext", key, value);
      }
    }
  }

  /** Handle `slm/stream`. */
  streamed(piece: StreamPiece): void {
    this.requests.streamed(piece);
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  /** Ask for an instruction, and edit the selection or the function at the cursor. */
  private async edit(): Promise<void> {
    const editor = window.activeTextEditor;
    if (editor === undefined || !supports(this.context.client(), REFACTOR)) {
      return;
    }
    const instruction = await askInstruction(this.context.history.all());
    if (instruction !== undefined) {
      await this.context.history.add(instruction);
      const { document, selection } = editor;
      await this.run(REFACTOR, { document, range: selection, instruction }, document.version);
    }
  }

  private async targetOf({ textDocument, range, instruction, error }: EditPlace): Promise<Target | undefined> {
    const client = this.context.client();
    if (client === undefined) {
      return undefined;
    }
    const { protocol2CodeConverter: convert } = client;
    const document = await workspace.openTextDocument(convert.asUri(textDocument.uri));
    return {
      document,
      range: convert.asRange(range),
      ...(instruction !== undefined && { instruction }),
      ...(error !== undefined && { error }),
    };
  }

  /** Returns the problem at the cursor. If none is reported there, the user describes it. */
  private async fixTarget(): Promise<Target | undefined> {
    const editor = window.activeTextEditor;
    if (editor === undefined) {
      return undefined;
    }
    const diagnostic = diagnosticAt(editor);
    if (diagnostic !== undefined) {
      return { document: editor.document, range: diagnostic.range, error: diagnostic.message };
    }
    return described(editor);
  }

  private async run(command: string, target: Target, version: number): Promise<void> {
    const client = this.context.client();
    const unsupported = unsupportedReason(target.document);
    if (client === undefined || unsupported !== undefined) {
      void window.showWarningMessage(`slm-lsp: ${unsupported ?? "The server does not run."}`);
      return;
    }
    const { document } = target;
    const range = new MovingRange(document, target.range);
    const following = workspace.onDidChangeTextDocument((event) => {
      if (event.document === document) {
        range.changed(changesOf(event));
      }
    });
    try {
      const { code2ProtocolConverter: convert } = client;
      const argument: EditArgument = {
        textDocument: { uri: convert.asUri(document.uri), version },
        range: convert.asRange(target.range),
        ...(target.instruction !== undefined && { instruction: target.instruction }),
        ...(target.error !== undefined && { error: target.error }),
        id: randomUUID(),
        apply: false,
      };
      const result = await this.requests.send(client, command, argument, titleOf(target));
      if (result !== undefined && !(await this.show(target, result))) {
        await this.retry(command, target, range);
      }
    } catch (error) {
      if (!this.failed(error)) {
        await this.retry(command, target, range);
      }
    } finally {
      following.dispose();
    }
  }

  /** Show an edit. Returns false if the document has changed since the request. */
  private async show({ document }: Target, result: EditResult): Promise<boolean> {
    const { hunks, reason, model, timing, tokens } = result;
    const figures = `${(timing.total_ms / 1000).toFixed(1)} s, ${String(tokens.generated)} tokens`;
    this.context.log.info(`Edit: ${String(hunks.length)} hunks by ${model ?? "no model"}, ${figures}.`);
    if (hunks.length === 0) {
      void window.showInformationMessage(`slm-lsp: No edit: ${reason ?? "the code is unchanged"}.`);
      return true;
    }
    if (this.review.proposals.add(document, result) === undefined) {
      return false;
    }
    await this.review.reveal(document);
    return true;
  }

  /** Tell the user that the document has changed, and offer a new request for the same place. */
  private async retry(command: string, target: Target, range: MovingRange): Promise<void> {
    const message = "slm-lsp: The document has changed since the edit was requested, so the edit does not fit it.";
    const pressed = window.showWarningMessage(message, TRY_AGAIN);
    if ((await pressed) === TRY_AGAIN) {
      await this.run(command, { ...target, range: range.current }, target.document.version);
    }
  }

  /** Show an error of the server. Returns false if the document has changed since the request. */
  private failed(error: unknown): boolean {
    const fault = faultOf((error as { data?: unknown }).data);
    if (fault?.kind === STALE) {
      return false;
    }
    if (fault?.kind === MODEL_MISSING) {
      this.context.modelMissing();
    }
    const message = fault === undefined ? String(error) : `${fault.what} ${fault.cure}`.trim();
    this.context.log.warn(`Edit: ${fault?.kind ?? message}`);
    void window.showErrorMessage(`slm-lsp: ${message}`);
    return true;
  }
}

async function described({ document, selection }: TextEditor): Promise<Target | undefined> {
  const error = await window.showInputBox({
    title: "No problem is reported at the cursor",
    placeHolder: "Describe the error to fix, for example with its message",
  });
  return error === undefined || error.trim() === "" ? undefined : { document, range: selection, error: error.trim() };
}

function titleOf({ instruction, error }: Target): string {
  return `slm-lsp: ${instruction ?? `fix: ${error ?? ""}`}`;
}

function supports(client: Client | undefined, command: string): boolean {
  return client?.initializeResult?.capabilities.executeCommandProvider?.commands.includes(command) ?? false;
}
