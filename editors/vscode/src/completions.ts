/** Inline completions: sends requests to the server, returns the answers to the editor and reports their outcome. */

import {
  CancellationTokenSource,
  commands,
  InlineCompletionItem,
  InlineCompletionTriggerKind,
  Position,
  Range,
  window,
  workspace,
  type CancellationToken,
  type Disposable,
  type InlineCompletionContext,
  type TextDocument,
  type TextDocumentChangeEvent,
  type TextEditor,
} from "vscode";
import { InlineCompletionRequest, LSPErrorCodes, ResponseError } from "vscode-languageclient/node";
import type * as lsp from "vscode-languageclient/node";

import type { Client } from "./client";
import { unsupportedReason } from "./documents";
import { suggestsInline } from "./editorSettings";
import { immediate, Prefetch, samePosition, type CursorPosition, type PendingRequest } from "./prefetch";
import {
  COMPLETION_ACCEPTED,
  faultOf,
  idOf,
  type Fault,
  type Outcome,
  type Refined,
  type StreamPiece,
} from "./protocol";
import { extendsShown, Streams, type CompleteSuggestion } from "./stream";
import { Suggestions } from "./suggestions";

/** The command in each item. The editor runs this command after it has inserted the complete suggestion. */
export const ACCEPTED = "slm.accepted";

/** Error codes of requests that were cancelled, or replaced by a newer request or change. They are not shown. */
const SUPERSEDED: readonly number[] = [
  LSPErrorCodes.RequestCancelled,
  LSPErrorCodes.ServerCancelled,
  LSPErrorCodes.ContentModified,
];

export interface Context {
  client: () => Client | undefined;
  paused: (document: TextDocument) => boolean;
  /** Called with the reason when the server could not answer a request. */
  failed: (fault: Fault) => void;
  /** Called when the user accepted a complete suggestion. */
  accepted: () => void;
}

/** The last answer that was returned to the editor. `text` is empty if it had no suggestion. */
interface Answer extends CursorPosition {
  text: string;
}

type Result = lsp.InlineCompletionList | lsp.InlineCompletionItem[] | null;

const AUTOMATIC: InlineCompletionContext = {
  triggerKind: InlineCompletionTriggerKind.Automatic,
  selectedCompletionInfo: undefined,
};

/** Provides the inline completions of one window. */
export class Completions implements Disposable {
  private readonly suggestions = new Suggestions();
  private readonly streams = new Streams();
  private readonly prefetch = new Prefetch<Result>();
  private readonly disposables: Disposable[];
  private answer: Answer | undefined;
  /** The last suggestion that was streamed completely. */
  private complete: CompleteSuggestion | undefined;
  /** The document version that typing has just created. VS Code reports the cursor move after this change. */
  private typed: Omit<CursorPosition, "offset"> | undefined;
  /** Position of a request caused by `retrigger`. VS Code marks the request as manual; `provide` makes it automatic. */
  private retriggered: CursorPosition | undefined;
  /** Position of the last manual request. The editor makes no second manual request at the same position. */
  private manual: CursorPosition | undefined;
  /** Whether `retrigger` caused the shown suggestion. For such a suggestion, the editor requests no alternatives. */
  private shownByRetrigger = false;

  constructor(private readonly context: Context) {
    this.disposables = [
      commands.registerCommand(ACCEPTED, (id?: string | number) => {
        this.accepted(id);
      }),
      commands.registerCommand("slm.dismiss", () => {
        this.prefetch.end();
        this.report(this.suggestions.dismissed());
        return commands.executeCommand("editor.action.inlineSuggest.hide");
      }),
      commands.registerCommand("slm.next", () => this.showAlternative("editor.action.inlineSuggest.showNext")),
      commands.registerCommand("slm.previous", () => this.showAlternative("editor.action.inlineSuggest.showPrevious")),
      workspace.onDidChangeTextDocument((event) => {
        this.documentChanged(event);
      }),
      window.onDidChangeTextEditorSelection(({ textEditor }) => {
        this.cursorMoved(textEditor);
      }),
      window.onDidChangeActiveTextEditor(() => {
        this.report(this.suggestions.left());
      }),
    ];
  }

  /** Answer a request of the editor, made after a key press or when the user triggers a suggestion. */
  async provide(
    document: TextDocument,
    position: Position,
    context: InlineCompletionContext,
    token: CancellationToken,
  ): Promise<InlineCompletionItem[] | undefined> {
    const client = this.context.client();
    if (client === undefined || this.context.paused(document) || unsupportedReason(document) !== undefined) {
      return undefined;
    }
    const at = positionOf(document, position);
    const retriggered = this.retriggered !== undefined && samePosition(this.retriggered, at);
    this.retriggered = undefined;
    this.shownByRetrigger = retriggered;
    this.manual = context.triggerKind === AUTOMATIC.triggerKind ? undefined : at;
    const effective = retriggered ? { ...context, triggerKind: AUTOMATIC.triggerKind } : context;
    const request = this.request(client, document, position, effective);
    const cancelling = token.onCancellationRequested(request.cancel);
    let result: Result;
    try {
      // An empty answer before the server's answer would hide the shown suggestion, and is wrong for a manual request.
      const wait = retriggered || this.suggestions.current !== undefined || !isAutomatic(effective);
      const answer = wait ? { value: await request.answer } : await immediate(request.answer);
      if (answer === undefined) {
        this.retriggerWhenAnswered(document, at, request, token);
        return undefined;
      }
      result = answer.value;
    } catch (error) {
      this.handleError(error);
      return undefined;
    } finally {
      cancelling.dispose();
    }
    if (token.isCancellationRequested || document.version !== at.version) {
      return undefined;
    }
    const items = itemsOf(result);
    this.recordShown(document, position, items);
    this.answer = { ...at, text: items[0] === undefined ? "" : textOf(items[0]) };
    return items.map((item) => converted(item, position));
  }

  /** Handle a part of a streamed suggestion. After the last part, replace the shown first line by the whole block. */
  streamed(piece: StreamPiece): void {
    const complete = this.streams.add(piece);
    const answer = this.answer;
    this.complete = complete ?? this.complete;
    if (complete === undefined || answer?.text === undefined || answer.text === "") {
      return;
    }
    const current = complete.uri === answer.uri && complete.version === answer.version;
    if (current && this.suggestions.current !== undefined && extendsShown(complete.text, answer.text)) {
      this.retrigger(answer);
    }
  }

  /**
   * Handle `slm/refined`: request the better suggestion if the last answer is for the same position and the user has
   * not dismissed it.
   */
  refined({ textDocument, position }: Refined): void {
    const answer = this.answer;
    const document = window.activeTextEditor?.document;
    if (answer === undefined || document === undefined) {
      return;
    }
    const offset = document.offsetAt(new Position(position.line, position.character));
    const dismissed = answer.text !== "" && this.suggestions.current === undefined;
    if (!dismissed && samePosition(answer, { ...textDocument, offset })) {
      this.prefetch.end(); // otherwise `request` would reuse an earlier, empty answer
      this.retrigger(answer);
    }
  }

  dispose(): void {
    this.prefetch.end();
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  /** Keep a late request. When its answer arrives, make the editor request again, unless it was cancelled before. */
  private retriggerWhenAnswered(
    document: TextDocument,
    at: CursorPosition,
    request: PendingRequest<Result>,
    token: CancellationToken,
  ): void {
    if (token.isCancellationRequested || document.version !== at.version) {
      request.cancel();
      return;
    }
    const onAnswer = (result: Result): void => {
      if (itemsOf(result).length > 0) {
        this.retrigger(at);
      } else {
        this.answer = { ...at, text: "" };
      }
    };
    this.prefetch.keep(at, request, onAnswer, (error) => {
      this.handleError(error);
    });
  }

  /** Make the editor send a new request, if the cursor is still at this position. */
  private retrigger(at: CursorPosition): void {
    const editor = window.activeTextEditor;
    if (!editor?.selection.isEmpty) {
      return;
    }
    if (samePosition(positionOf(editor.document, editor.selection.active), at)) {
      this.retriggered = at;
      if (this.manual !== undefined && samePosition(this.manual, at)) {
        void commands.executeCommand("editor.action.inlineSuggest.hide");
      }
      void commands.executeCommand("editor.action.inlineSuggest.trigger");
    }
  }

  /** Return the pending request for this position, or send a new one. */
  private request(
    client: Client,
    document: TextDocument,
    position: Position,
    context: InlineCompletionContext,
  ): PendingRequest<Result> {
    const at = positionOf(document, position);
    const pending = this.prefetch.take(at);
    const isComplete = this.complete?.uri === at.uri && this.complete.version === at.version;
    if (pending !== undefined && isAutomatic(context) && !isComplete) {
      return pending;
    }
    pending?.cancel(); // its answer may be only the first line, although the server now has the complete suggestion
    this.complete = undefined; // the new request returns it
    return send(client, document, position, context);
  }

  private documentChanged({ document, contentChanges, reason }: TextDocumentChangeEvent): void {
    const uri = document.uri.toString();
    const changes = contentChanges.map((each) => ({
      offset: each.rangeOffset,
      removed: each.rangeLength,
      text: each.text,
    }));
    this.report(this.suggestions.changed(uri, changes));
    if (changes.length > 0 && document === window.activeTextEditor?.document) {
      this.prefetch.end();
      const inserted = changes.length === 1 && changes[0]?.text !== "" && reason === undefined;
      this.typed = inserted ? { uri, version: document.version } : undefined;
    }
  }

  /** If the cursor moved because of typing, send the request that the editor is about to make. */
  private cursorMoved({ document, selections }: TextEditor): void {
    const typed = this.typed;
    this.typed = undefined;
    const [selection] = selections;
    const client = this.context.client();
    if (selection !== undefined && document === window.activeTextEditor?.document) {
      this.prefetch.cursorAt(positionOf(document, selection.active));
    }
    if (typed === undefined || client === undefined) {
      return;
    }
    if (selection === undefined || selections.length > 1 || !selection.isEmpty) {
      return;
    }
    const at = positionOf(document, selection.active);
    if (
      typed.version === at.version &&
      typed.uri === at.uri &&
      suggestsInline(document) &&
      !this.context.paused(document) &&
      unsupportedReason(document) === undefined
    ) {
      this.prefetch.begin(at, send(client, document, selection.active, AUTOMATIC));
    }
  }

  /** Show the next or previous alternative. After `retrigger`, the editor has no alternatives; request them first. */
  private async showAlternative(command: string): Promise<void> {
    if (this.shownByRetrigger) {
      await commands.executeCommand("editor.action.inlineSuggest.hide");
      await commands.executeCommand("editor.action.inlineSuggest.trigger");
    }
    await commands.executeCommand(command);
  }

  private recordShown(document: TextDocument, position: Position, items: readonly lsp.InlineCompletionItem[]): void {
    const [first] = items;
    const id = first === undefined ? undefined : idOf(first.command);
    if (first === undefined || id === undefined) {
      this.report(this.suggestions.show(undefined));
      return;
    }
    const text = textOf(first);
    const offset = document.offsetAt(position);
    const start = first.range === undefined ? offset : document.offsetAt(rangeOf(first.range).start);
    const rest = text.slice(Math.max(0, offset - start));
    this.report(this.suggestions.show({ id, uri: document.uri.toString(), offset, rest }));
  }

  private accepted(id: string | number | undefined): void {
    if (id !== undefined) {
      this.report(this.suggestions.accepted(id));
    }
    this.context.accepted();
  }

  private report(outcomes: readonly Outcome[]): void {
    const client = this.context.client();
    const supported = client?.initializeResult?.capabilities.executeCommandProvider?.commands ?? [];
    if (client === undefined || !supported.includes(COMPLETION_ACCEPTED)) {
      return; // the server is an older version without statistics
    }
    for (const outcome of outcomes) {
      const params = { command: COMPLETION_ACCEPTED, arguments: [outcome] };
      client.sendRequest("workspace/executeCommand", params).catch((error: unknown) => {
        client.outputChannel.debug(`${COMPLETION_ACCEPTED}: ${String(error)}`);
      });
    }
  }

  private handleError(error: unknown): void {
    if (!(error instanceof ResponseError) || SUPERSEDED.includes(error.code)) {
      return; // the request was superseded, or the server ended; session.ts handles the end of the server
    }
    const fault = faultOf(error.data);
    if (fault !== undefined) {
      this.context.failed(fault);
    }
  }
}

function positionOf(document: TextDocument, position: Position): CursorPosition {
  return { uri: document.uri.toString(), version: document.version, offset: document.offsetAt(position) };
}

/** Whether the editor made the request automatically, with its suggestion widget closed. */
function isAutomatic({ triggerKind, selectedCompletionInfo }: InlineCompletionContext): boolean {
  return triggerKind === AUTOMATIC.triggerKind && selectedCompletionInfo === undefined;
}

function itemsOf(result: Result): lsp.InlineCompletionItem[] {
  return Array.isArray(result) ? result : (result?.items ?? []);
}

function send(
  client: Client,
  document: TextDocument,
  position: Position,
  context: InlineCompletionContext,
): PendingRequest<Result> {
  const source = new CancellationTokenSource();
  const params = client.code2ProtocolConverter.asInlineCompletionParams(document, position, context);
  return {
    answer: client.sendRequest(InlineCompletionRequest.type, params, source.token),
    cancel: () => {
      source.cancel();
    },
  };
}

function converted(item: lsp.InlineCompletionItem, position: Position): InlineCompletionItem {
  const range = item.range === undefined ? new Range(position, position) : rangeOf(item.range);
  const command = { title: "", command: ACCEPTED, arguments: [idOf(item.command)] };
  return new InlineCompletionItem(textOf(item), range, command);
}

function textOf(item: lsp.InlineCompletionItem): string {
  return typeof item.insertText === "string" ? item.insertText : item.insertText.value;
}

function rangeOf({ start, end }: lsp.Range): Range {
  return new Range(start.line, start.character, end.line, end.character);
}
