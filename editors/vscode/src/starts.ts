/** How often a server that ends by itself is started again. */

const MOST_STARTS = 5;
const WITHIN_MS = 3 * 60 * 1000;

/** The starts of the last minutes. Times are milliseconds from any moment. */
export class Starts {
  private times: number[] = [];

  /** Note a start. */
  another(now: number): void {
    this.times.push(now);
  }

  /** Whether it has been started so often that it stays down. */
  full(now: number): boolean {
    this.times = this.times.filter((time) => now - time < WITHIN_MS);
    return this.times.length >= MOST_STARTS;
  }

  /** Somebody asked for a start: what was before does not count. */
  forget(): void {
    this.times = [];
  }
}
