/** Limits how often a value that changes often is drawn. */

/** Draws at most one value per interval: the most recent. Urgent values are drawn immediately. */
export class Throttle<T> {
  private timer: NodeJS.Timeout | undefined;
  private newest: T | undefined;

  constructor(
    private readonly draw: (value: T) => void,
    private readonly intervalMs: number,
  ) {}

  /** Draw the value immediately and drop the scheduled one. */
  now(value: T): void {
    this.cancel();
    this.draw(value);
  }

  /** Draw the value at the end of the interval, unless a more recent one replaces it. */
  later(value: T): void {
    this.newest = value;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.draw(this.newest as T);
    }, this.intervalMs);
  }

  /** Drop the scheduled value. */
  cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
