/** Compares the server's version with the oldest supported one. */

/** The oldest server version that supports all messages of `protocol.ts`. */
export const OLDEST_SERVER = "0.1.0";

/** Whether `version` is older than `oldest`. A version that cannot be parsed counts as new enough. */
export function isOlder(version: string, oldest: string = OLDEST_SERVER): boolean {
  const [required, actual] = [numbers(oldest), numbers(version)];
  if (actual.length === 0) {
    return false;
  }
  for (const [index, minimum] of required.entries()) {
    const number = actual[index] ?? 0;
    if (number !== minimum) {
      return number < minimum;
    }
  }
  return false;
}

function numbers(version: string): number[] {
  const release = /^\d+(\.\d+)*/.exec(version.trim());
  return release === null ? [] : release[0].split(".").map(Number);
}
