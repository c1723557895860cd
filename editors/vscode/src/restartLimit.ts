/** Limits how often a server that ends by itself is restarted. */

const MAX_STARTS = 5;
const PERIOD_MS = 3 * 60 * 1000;

/** Counts the starts of the last 3 minutes. All times are in milliseconds since the same moment. */
export class RestartLimit {
  private times: number[] = [];

  /** Record a start. */
  record(now: number): void {
    this.times.push(now);
  }

  /** Whether the limit is reached, so that the server must not be restarted. */
  reached(now: number): boolean {
    this.times = this.times.filter((time) => now - time < PERIOD_MS);
    return this.times.length >= MAX_STARTS;
  }

  /** Forget all starts, because the user requested a restart. */
  reset(): void {
    this.times = [];
  }
}
