/** Describes the checks of an edit in words. */

import type { Check } from "../protocol";

/** Maximum number of characters of the evidence in the one-line summary. The tooltip shows all of it. */
const MAX_EVIDENCE = 80;

const ORDER: Record<Check["result"], number> = { failed: 0, passed: 1, "not available": 2 };

/** Returns the results of all checks in one line, the failed ones first. */
export function summary(checks: readonly Check[]): string {
  const sorted = checks.toSorted((one, other) => ORDER[one.result] - ORDER[other.result]);
  return sorted.map(described).join(" · ");
}

/** Returns the results of all checks with their complete evidence, one check per line. */
export function details(checks: readonly Check[]): string {
  return checks.map(({ check, result, evidence }) => `${check}: ${result}${evidence && `: ${evidence}`}`).join("\n");
}

function described({ check, result, evidence }: Check): string {
  if (result === "passed") {
    return `${check} ✓`;
  }
  const why = shortened(evidence);
  return result === "failed" ? `${check} ✗${why && ` (${why})`}` : `${check}: not available${why && ` (${why})`}`;
}

function shortened(evidence: string): string {
  const [line = ""] = evidence.trim().split("\n");
  return line.length > MAX_EVIDENCE ? `${line.slice(0, MAX_EVIDENCE)}…` : line;
}
