/** Converts the editor's settings to the formats that the server and its commands read. */

import { SERVER_SETTINGS } from "./settings.generated";

/** Returns the value of a setting; undefined if it is not set. A default must not override the user's config.toml. */
export type Lookup = (key: string) => unknown;

type Tree = Record<string, unknown>;

/** Returns the settings that are set, in the structure of config.toml. */
export function settingsTree(lookup: Lookup): Tree {
  const tree: Tree = {};
  for (const [path, value] of explicitSettings(lookup)) {
    const leaf = path.at(-1) ?? "";
    let node = tree;
    for (const group of path.slice(0, -1)) {
      node = (node[group] ??= {}) as Tree;
    }
    node[leaf] = value;
  }
  return tree;
}

/** Returns the settings that are set as environment variables `SLM_LSP_…`, except lists. */
export function settingsEnvironment(lookup: Lookup): Record<string, string> {
  return Object.fromEntries(
    [...explicitSettings(lookup)]
      .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
      .map(([path, value]) => [`SLM_LSP_${path.join("_").toUpperCase()}`, String(value)]),
  );
}

function* explicitSettings(lookup: Lookup): Generator<[readonly string[], unknown]> {
  for (const [key, path] of SERVER_SETTINGS) {
    const value = lookup(key);
    if (value !== undefined && value !== "") {
      yield [path, value];
    }
  }
}
