/** Pop-ups: each says what to do, and comes once. */

/** Shows a message with buttons; resolves to the button pressed. */
export type Show = (message: string, ...buttons: string[]) => PromiseLike<string | undefined>;

/** What outlives the window. */
export interface Memory {
  get(key: string): string[] | undefined;
  update(key: string, value: string[]): PromiseLike<void>;
}

const SEEN = "offersSeen";

/** Remembers what was said. */
export class Notices {
  private readonly said = new Set<string>();

  constructor(
    private readonly show: Show,
    private readonly memory: Memory,
  ) {}

  /** Say what went wrong, once in this window. The button pressed, or undefined. */
  async fault(key: string, message: string, ...buttons: string[]): Promise<string | undefined> {
    if (this.said.has(key)) {
      return undefined;
    }
    this.said.add(key);
    return this.show(message, ...buttons);
  }

  /** Offer something, once ever: who says no is not asked again, and finds it in the status item's menu. */
  async offer(key: string, message: string, ...buttons: string[]): Promise<string | undefined> {
    const seen = this.memory.get(SEEN) ?? [];
    if (seen.includes(key)) {
      return undefined;
    }
    await this.memory.update(SEEN, [...seen, key]);
    return this.show(message, ...buttons);
  }
}
