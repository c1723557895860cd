/** Where the user wants no suggestions for now: in one file, in a language, everywhere. */

export interface Paused {
  everywhere: boolean;
  languages: string[];
  files: string[];
}

export const NOWHERE: Paused = { everywhere: false, languages: [], files: [] };

/** A document, as far as pausing is concerned. */
export interface Place {
  uri: string;
  language: string;
}

export type Scope = "file" | "language" | "everywhere";

/** By what a document is paused; undefined where it is not. The widest reason is given. */
export function pausedBy(paused: Paused, place: Place | undefined): Scope | undefined {
  if (paused.everywhere) {
    return "everywhere";
  }
  if (place === undefined) {
    return undefined;
  }
  if (paused.languages.includes(place.language)) {
    return "language";
  }
  return paused.files.includes(place.uri) ? "file" : undefined;
}

/** Pause what is not paused, go on with what is. */
export function toggled(paused: Paused, scope: Scope, place: Place | undefined): Paused {
  switch (scope) {
    case "everywhere":
      return { ...paused, everywhere: !paused.everywhere };
    case "language":
      return place === undefined ? paused : { ...paused, languages: flipped(paused.languages, place.language) };
    case "file":
      return place === undefined ? paused : { ...paused, files: flipped(paused.files, place.uri) };
  }
}

function flipped(list: readonly string[], value: string): string[] {
  return list.includes(value) ? list.filter((each) => each !== value) : [...list, value];
}
