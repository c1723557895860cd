/** Notifications. Each is shown once. */

/** Shows a message with buttons. Resolves to the label of the pressed button; undefined if it was closed. */
export type Show = (message: string, ...buttons: string[]) => PromiseLike<string | undefined>;

/** Storage that is kept when the window is closed. */
export interface Memory {
  get(key: string): string[] | undefined;
  update(key: string, value: string[]): PromiseLike<void>;
}

const SEEN = "offersSeen";

/** Shows notifications and remembers which ones were shown. */
export class Notices {
  private readonly shownKeys = new Set<string>();

  constructor(
    private readonly show: Show,
    private readonly memory: Memory,
  ) {}

  /**
   * Show an error, once per window. `key` identifies the error. Resolves to the label of the pressed button; undefined
   * if no button was pressed or the error was shown before.
   */
  async fault(key: string, message: string, ...buttons: string[]): Promise<string | undefined> {
    if (this.shownKeys.has(key)) {
      return undefined;
    }
    this.shownKeys.add(key);
    return this.show(message, ...buttons);
  }

  /** Offer an action, once per user. The menu of the status item offers the same action permanently. */
  async offer(key: string, message: string, ...buttons: string[]): Promise<string | undefined> {
    const seen = this.memory.get(SEEN) ?? [];
    if (seen.includes(key)) {
      return undefined;
    }
    await this.memory.update(SEEN, [...seen, key]);
    return this.show(message, ...buttons);
  }
}
