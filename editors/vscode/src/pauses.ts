/** Where the user has paused suggestions: in a file, for a language, or everywhere. */

export interface Paused {
  everywhere: boolean;
  languages: string[];
  files: string[];
}

export const NOT_PAUSED: Paused = { everywhere: false, languages: [], files: [] };

/** The properties of a document that decide whether it is paused. */
export interface PauseTarget {
  uri: string;
  language: string;
}

export type Scope = "file" | "language" | "everywhere";

/** Returns the widest scope that pauses a document; undefined if it is not paused. */
export function pausedBy(paused: Paused, target: PauseTarget | undefined): Scope | undefined {
  if (paused.everywhere) {
    return "everywhere";
  }
  if (target === undefined) {
    return undefined;
  }
  if (paused.languages.includes(target.language)) {
    return "language";
  }
  return paused.files.includes(target.uri) ? "file" : undefined;
}

/** Pauses suggestions in a scope, or resumes them if they are paused there. */
export function toggled(paused: Paused, scope: Scope, target: PauseTarget | undefined): Paused {
  switch (scope) {
    case "everywhere":
      return { ...paused, everywhere: !paused.everywhere };
    case "language":
      return target === undefined ? paused : { ...paused, languages: withToggled(paused.languages, target.language) };
    case "file":
      return target === undefined ? paused : { ...paused, files: withToggled(paused.files, target.uri) };
  }
}

function withToggled(list: readonly string[], value: string): string[] {
  return list.includes(value) ? list.filter((each) => each !== value) : [...list, value];
}
