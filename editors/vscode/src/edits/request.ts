/** Sends a request for an edit, and shows its progress with a button to cancel it. */

import { CancellationTokenSource, ProgressLocation, window } from "vscode";
import { ExecuteCommandRequest, WorkDoneProgress } from "vscode-languageclient/node";

import type { Client } from "../client";
import type { EditArgument, EditResult, StreamPiece } from "../protocol";
import { Throttle } from "../throttle";
import { Written } from "./written";

/** Minimum time between two updates of the shown progress. */
const REPORT_MS = 200;

/** Sends at most one request per document; a newer one cancels the older one. */
export class EditRequests {
  /** Called with the parts of an edit while the model writes it. The keys are the ids of the requests. */
  private readonly writers = new Map<string, (delta: string) => void>();
  /** The pending request of each document, by URI. */
  private readonly pending = new Map<string, CancellationTokenSource>();

  /** Handle `slm/stream`. */
  streamed(piece: StreamPiece): void {
    if (piece.kind === "edit") {
      this.writers.get(String(piece.id))?.(piece.delta);
    }
  }

  /**
   * Send a request and wait for the edit; undefined if it was cancelled. Throws the server's error.
   *
   * @param command `slm.refactor` or `slm.fix`
   * @param title what the request does, for the user
   */
  async send(client: Client, command: string, argument: EditArgument, title: string): Promise<EditResult | undefined> {
    const { uri } = argument.textDocument;
    this.pending.get(uri)?.cancel();
    const source = new CancellationTokenSource();
    this.pending.set(uri, source);
    try {
      return await this.withProgress(client, command, argument, title, source);
    } finally {
      if (this.pending.get(uri) === source) {
        this.pending.delete(uri);
      }
      source.dispose();
    }
  }

  private async withProgress(
    client: Client,
    command: string,
    argument: EditArgument,
    title: string,
    source: CancellationTokenSource,
  ): Promise<EditResult | undefined> {
    const options = { location: ProgressLocation.Notification, title, cancellable: true };
    return window.withProgress(options, async (progress, cancelled) => {
      const throttle = new Throttle<string>((message) => {
        progress.report({ message });
      }, REPORT_MS);
      const written = new Written();
      this.writers.set(argument.id, (delta) => {
        throttle.later(written.add(delta));
      });
      const listening = client.onProgress(WorkDoneProgress.type, argument.id, (report) => {
        if (report.message !== undefined) {
          throttle.later(report.message);
        }
      });
      const cancelling = cancelled.onCancellationRequested(() => {
        source.cancel();
      });
      const params = { command, arguments: [argument], workDoneToken: argument.id };
      try {
        const result = (await client.sendRequest(ExecuteCommandRequest.type, params, source.token)) as EditResult;
        return source.token.isCancellationRequested ? undefined : result;
      } catch (error) {
        if (source.token.isCancellationRequested) {
          return undefined;
        }
        throw error;
      } finally {
        cancelling.dispose();
        listening.dispose();
        throttle.cancel();
        this.writers.delete(argument.id);
      }
    });
  }
}
