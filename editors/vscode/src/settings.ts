/** The editor's settings as the server and its commands take them. */

import { SERVER_SETTINGS } from "./settings.generated";

/** What a setting was set to; undefined where nobody did, so that the user's config.toml is not overridden. */
export type Lookup = (key: string) => unknown;

type Tree = Record<string, unknown>;

/** The settings that were set, in the form of config.toml. */
export function settingsTree(lookup: Lookup): Tree {
  const tree: Tree = {};
  for (const [path, value] of setOnes(lookup)) {
    const leaf = path.at(-1) ?? "";
    let node = tree;
    for (const group of path.slice(0, -1)) {
      node = (node[group] ??= {}) as Tree;
    }
    node[leaf] = value;
  }
  return tree;
}

/** The settings that were set, as the variables that commands read. */
export function settingsEnvironment(lookup: Lookup): Record<string, string> {
  return Object.fromEntries(
    [...setOnes(lookup)]
      .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
      .map(([path, value]) => [`SLM_LSP_${path.join("_").toUpperCase()}`, String(value)]),
  );
}

function* setOnes(lookup: Lookup): Generator<[readonly string[], unknown]> {
  for (const [key, path] of SERVER_SETTINGS) {
    const value = lookup(key);
    if (value !== undefined && value !== "") {
      yield [path, value];
    }
  }
}
