/** Shows the actions for each hunk, and the results of the checks, in the line above the hunk. */

import {
  CodeLens,
  EventEmitter,
  languages,
  Range,
  type CodeLensProvider,
  type Command,
  type Disposable,
  type TextDocument,
} from "vscode";

import { SCHEMES } from "../documents";
import type { Hunk } from "./hunks";
import { rangeOf, type Proposal, type Proposals } from "./proposals";
import { details, summary } from "./verdict";

/** The argument of the commands for one hunk. */
export interface HunkReference {
  uri: string;
  hunk: number;
}

export class Lenses implements CodeLensProvider, Disposable {
  private readonly changes = new EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changes.event;
  private readonly disposables: { dispose(): unknown }[];

  constructor(private readonly proposals: Proposals) {
    this.disposables = [
      this.changes,
      proposals.onDidChange(() => {
        this.changes.fire();
      }),
      languages.registerCodeLensProvider(
        SCHEMES.map((scheme) => ({ scheme })),
        this,
      ),
    ];
  }

  provideCodeLenses(document: TextDocument): CodeLens[] {
    const proposal = this.proposals.of(document);
    return (proposal?.hunks ?? []).flatMap((hunk, index) => {
      const { start } = rangeOf(document, hunk);
      const all = proposal === undefined ? [] : commands(proposal, hunk, index === 0);
      return all.map((command) => new CodeLens(new Range(start, start), command));
    });
  }

  dispose(): void {
    for (const each of this.disposables) {
      each.dispose();
    }
  }
}

function commands({ document, verdict, hunks }: Proposal, hunk: Hunk, isFirst: boolean): Command[] {
  const reference: HunkReference = { uri: document.uri.toString(), hunk: hunk.id };
  const several = isFirst && hunks.length > 1;
  return [
    { title: "$(check) Accept", command: "slm.acceptHunk", arguments: [reference] },
    { title: "$(close) Reject", command: "slm.rejectHunk", arguments: [reference] },
    ...(several
      ? [
          { title: `Accept all ${String(hunks.length)}`, command: "slm.acceptAll" },
          { title: "Reject all", command: "slm.rejectAll" },
        ]
      : []),
    ...(isFirst ? [{ title: "Show as diff", command: "slm.showEditDiff" }] : []),
    ...(verdict.length > 0 ? [{ title: summary(verdict), tooltip: details(verdict), command: "" }] : []),
  ];
}
