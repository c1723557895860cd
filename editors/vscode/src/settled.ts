/** Draws what changes too often to be read: the newest of it, now and then. */

/** Hands on at most one value in so many milliseconds, the newest; what is urgent goes at once. */
export class Settled<T> {
  private timer: NodeJS.Timeout | undefined;
  private newest: T | undefined;

  constructor(
    private readonly draw: (value: T) => void,
    private readonly ms: number,
  ) {}

  /** Draw it now, instead of what waits. */
  now(value: T): void {
    this.end();
    this.draw(value);
  }

  /** Draw it in a while, unless something newer comes. */
  soon(value: T): void {
    this.newest = value;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.draw(this.newest as T);
    }, this.ms);
  }

  /** Draw nothing more. */
  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
