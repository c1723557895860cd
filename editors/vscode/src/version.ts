/** Which servers this extension can work with. */

/** The first server that speaks what `protocol.ts` has. */
export const OLDEST_SERVER = "0.1.0";

/** Whether `version` is older than `oldest`; a version that cannot be read is taken as new enough. */
export function isOlder(version: string, oldest: string = OLDEST_SERVER): boolean {
  const [ours, theirs] = [numbers(oldest), numbers(version)];
  if (theirs.length === 0) {
    return false;
  }
  for (const [index, wanted] of ours.entries()) {
    const there = theirs[index] ?? 0;
    if (there !== wanted) {
      return there < wanted;
    }
  }
  return false;
}

function numbers(version: string): number[] {
  const release = /^\d+(\.\d+)*/.exec(version.trim());
  return release === null ? [] : release[0].split(".").map(Number);
}
