/** Suggestions at the cursor: asks the server, shows what comes, says what became of it. */

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

import { Ahead, same, soon, type Asked, type Place } from "./ahead";
import type { Client } from "./client";
import { unfit } from "./documents";
import { suggestsInline } from "./editorSettings";
import {
  COMPLETION_ACCEPTED,
  faultOf,
  idOf,
  type Fault,
  type Outcome,
  type Refined,
  type StreamPiece,
} from "./protocol";
import { saysMore, Streams, type Whole } from "./stream";
import { Suggestions } from "./suggestions";

/** The editor runs it after it inserted a whole suggestion. */
export const ACCEPTED = "slm.accepted";

const SILENT: readonly number[] = [
  LSPErrorCodes.RequestCancelled,
  LSPErrorCodes.ServerCancelled,
  LSPErrorCodes.ContentModified,
];

export interface Surroundings {
  client: () => Client | undefined;
  paused: (document: TextDocument) => boolean;
  failed: (fault: Fault) => void;
  accepted: () => void;
}

/** The answer to the last request: what is on the screen until something changes. */
interface Answer extends Place {
  text: string;
}

type Result = lsp.InlineCompletionList | lsp.InlineCompletionItem[] | null;

const AUTOMATIC: InlineCompletionContext = {
  triggerKind: InlineCompletionTriggerKind.Automatic,
  selectedCompletionInfo: undefined,
};

/** Inline completions of one window. */
export class Completions implements Disposable {
  private readonly suggestions = new Suggestions();
  private readonly streams = new Streams();
  private readonly ahead = new Ahead<Result>();
  private readonly disposables: Disposable[];
  private answer: Answer | undefined;
  /** The last suggestion whose every piece came. */
  private whole: Whole | undefined;
  /** The version of a document that a key has just made; the cursor follows. */
  private typed: Omit<Place, "offset"> | undefined;
  /** The place where the editor is made to ask again; it calls that request a manual one. */
  private again: Place | undefined;
  /** Where the editor last asked because it was told to, by the user or from here: it does not ask there twice. */
  private toldToAsk: Place | undefined;
  /** Whether what is on the screen came that way from here: the editor takes it for all there is. */
  private joined = false;

  constructor(private readonly around: Surroundings) {
    this.disposables = [
      commands.registerCommand(ACCEPTED, (id?: string | number) => {
        this.accepted(id);
      }),
      commands.registerCommand("slm.dismiss", () => {
        this.ahead.end();
        this.report(this.suggestions.dismissed());
        return commands.executeCommand("editor.action.inlineSuggest.hide");
      }),
      commands.registerCommand("slm.next", () => this.another("editor.action.inlineSuggest.showNext")),
      commands.registerCommand("slm.previous", () => this.another("editor.action.inlineSuggest.showPrevious")),
      workspace.onDidChangeTextDocument((event) => {
        this.changed(event);
      }),
      window.onDidChangeTextEditorSelection(({ textEditor }) => {
        this.followed(textEditor);
      }),
      window.onDidChangeActiveTextEditor(() => {
        this.report(this.suggestions.left());
      }),
    ];
  }

  /** What the editor asks for at each key, and when the user wants a suggestion. */
  async provide(
    document: TextDocument,
    position: Position,
    context: InlineCompletionContext,
    token: CancellationToken,
  ): Promise<InlineCompletionItem[] | undefined> {
    const client = this.around.client();
    if (client === undefined || this.around.paused(document) || unfit(document) !== undefined) {
      return undefined;
    }
    const place = placeOf(document, position);
    const goesOn = this.again !== undefined && same(this.again, place);
    this.again = undefined;
    this.joined = goesOn;
    this.toldToAsk = context.triggerKind === AUTOMATIC.triggerKind ? undefined : place;
    const wanted = goesOn ? { ...context, triggerKind: AUTOMATIC.triggerKind } : context;
    const asked = this.asked(client, document, position, wanted);
    const cancelling = token.onCancellationRequested(asked.cancel);
    let result: Result;
    try {
      // What is on the screen would go away, or the user wants a suggestion, or there is one already.
      const patient = goesOn || this.suggestions.current !== undefined || !automatic(wanted);
      const early = patient ? { value: await asked.answer } : await soon(asked.answer);
      if (early === undefined) {
        this.later(document, place, asked, token);
        return undefined;
      }
      result = early.value;
    } catch (error) {
      this.refused(error);
      return undefined;
    } finally {
      cancelling.dispose();
    }
    if (token.isCancellationRequested || document.version !== place.version) {
      return undefined;
    }
    const items = itemsOf(result);
    this.shown(document, position, items);
    this.answer = { ...place, text: items[0] === undefined ? "" : textOf(items[0]) };
    return items.map((item) => converted(item, position));
  }

  /** A piece of a suggestion: when the last one is there, the rest of what is on the screen is asked for. */
  heard(piece: StreamPiece): void {
    const whole = this.streams.heard(piece);
    const answer = this.answer;
    this.whole = whole ?? this.whole;
    if (whole === undefined || answer?.text === undefined || answer.text === "") {
      return;
    }
    const current = whole.uri === answer.uri && whole.version === answer.version;
    if (current && this.suggestions.current !== undefined && saysMore(whole.text, answer.text)) {
      this.askAgain(answer);
    }
  }

  /**
   * The server has a better suggestion for a place: have the editor ask for it, if the last answer is for this place and
   * the user has not sent it away.
   */
  refined({ textDocument, position }: Refined): void {
    const answer = this.answer;
    const document = window.activeTextEditor?.document;
    if (answer === undefined || document === undefined) {
      return;
    }
    const at = new Position(position.line, position.character);
    const place = { ...textDocument, offset: document.offsetAt(at) };
    const open = answer.text === "" || this.suggestions.current !== undefined;
    if (open && same(answer, place)) {
      this.ahead.end(); // an answer that came late and was empty must not be taken for the refined one
      this.askAgain(answer);
    }
  }

  dispose(): void {
    this.ahead.end();
    for (const each of this.disposables) {
      each.dispose();
    }
  }

  /** Have the editor ask again as soon as there is an answer. Until then it waits for nothing. */
  private later(document: TextDocument, place: Place, asked: Asked<Result>, token: CancellationToken): void {
    if (token.isCancellationRequested || document.version !== place.version) {
      asked.cancel();
      return;
    }
    const arrived = (result: Result): void => {
      if (itemsOf(result).length > 0) {
        this.askAgain(place);
      } else {
        this.answer = { ...place, text: "" };
      }
    };
    this.ahead.keep(place, asked, arrived, (error) => {
      this.refused(error);
    });
  }

  /** Have the editor ask for what is known to be there, if the cursor still is where it is for. */
  private askAgain(place: Place): void {
    const editor = window.activeTextEditor;
    const there =
      editor !== undefined && editor.selection.isEmpty && same(placeOf(editor.document, editor.selection.active), place);
    if (there) {
      this.again = place;
      if (this.toldToAsk !== undefined && same(this.toldToAsk, place)) {
        void commands.executeCommand("editor.action.inlineSuggest.hide");
      }
      void commands.executeCommand("editor.action.inlineSuggest.trigger");
    }
  }

  /** The request that is under way for this place, or else a new one. */
  private asked(client: Client, document: TextDocument, at: Position, context: InlineCompletionContext): Asked<Result> {
    const place = placeOf(document, at);
    const early = this.ahead.take(place);
    const whole = this.whole?.uri === place.uri && this.whole.version === place.version;
    if (early !== undefined && automatic(context) && !whole) {
      return early;
    }
    early?.cancel(); // its answer may be a first line, where by now the server has all of it
    this.whole = undefined; // what is asked from now on has it
    return asked(client, document, at, context);
  }

  private changed({ document, contentChanges, reason }: TextDocumentChangeEvent): void {
    const uri = document.uri.toString();
    const changes = contentChanges.map((each) => ({
      offset: each.rangeOffset,
      removed: each.rangeLength,
      text: each.text,
    }));
    this.report(this.suggestions.changed(uri, changes));
    if (changes.length > 0 && document === window.activeTextEditor?.document) {
      this.ahead.end();
      const inserted = changes.length === 1 && changes[0]?.text !== "" && reason === undefined;
      this.typed = inserted ? { uri, version: document.version } : undefined;
    }
  }

  /** The cursor is behind what was typed: the editor is about to ask, and what it asks for is begun. */
  private followed({ document, selections }: TextEditor): void {
    const typed = this.typed;
    this.typed = undefined;
    const [selection] = selections;
    const client = this.around.client();
    if (selection !== undefined && document === window.activeTextEditor?.document) {
      this.ahead.at(placeOf(document, selection.active));
    }
    if (typed === undefined || client === undefined) {
      return;
    }
    if (selection === undefined || selections.length > 1 || !selection.isEmpty) {
      return;
    }
    const place = placeOf(document, selection.active);
    if (
      typed.version === place.version &&
      typed.uri === place.uri &&
      suggestsInline(document) &&
      !this.around.paused(document) &&
      unfit(document) === undefined
    ) {
      this.ahead.begin(place, asked(client, document, selection.active, AUTOMATIC));
    }
  }

  /** Show another suggestion. One that was joined by its rest is asked for anew, with the others beside it. */
  private async another(command: string): Promise<void> {
    if (this.joined) {
      await commands.executeCommand("editor.action.inlineSuggest.hide");
      await commands.executeCommand("editor.action.inlineSuggest.trigger");
    }
    await commands.executeCommand(command);
  }

  private shown(document: TextDocument, position: Position, items: readonly lsp.InlineCompletionItem[]): void {
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
    this.around.accepted();
  }

  private report(outcomes: readonly Outcome[]): void {
    const client = this.around.client();
    const known = client?.initializeResult?.capabilities.executeCommandProvider?.commands ?? [];
    if (client === undefined || !known.includes(COMPLETION_ACCEPTED)) {
      return; // an older server keeps no statistics
    }
    for (const outcome of outcomes) {
      const params = { command: COMPLETION_ACCEPTED, arguments: [outcome] };
      client.sendRequest("workspace/executeCommand", params).catch((error: unknown) => {
        client.outputChannel.debug(`${COMPLETION_ACCEPTED}: ${String(error)}`);
      });
    }
  }

  private refused(error: unknown): void {
    if (!(error instanceof ResponseError) || SILENT.includes(error.code)) {
      return; // overtaken, or the server went away, which the session deals with
    }
    const fault = faultOf(error.data);
    if (fault !== undefined) {
      this.around.failed(fault);
    }
  }
}

function placeOf(document: TextDocument, position: Position): Place {
  return { uri: document.uri.toString(), version: document.version, offset: document.offsetAt(position) };
}

/** Whether the editor asks by itself, with no list of words open. */
function automatic({ triggerKind, selectedCompletionInfo }: InlineCompletionContext): boolean {
  return triggerKind === AUTOMATIC.triggerKind && selectedCompletionInfo === undefined;
}

function itemsOf(result: Result): lsp.InlineCompletionItem[] {
  return Array.isArray(result) ? result : (result?.items ?? []);
}

function asked(client: Client, document: TextDocument, at: Position, context: InlineCompletionContext): Asked<Result> {
  const source = new CancellationTokenSource();
  const params = client.code2ProtocolConverter.asInlineCompletionParams(document, at, context);
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
