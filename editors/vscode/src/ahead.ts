/** Requests that are on their way before the editor makes them: it waits 50 ms behind every key. */

/** Where in which text a suggestion is wanted. */
export interface Place {
  uri: string;
  version: number;
  offset: number;
}

export function same(one: Place, other: Place): boolean {
  return one.uri === other.uri && one.version === other.version && one.offset === other.offset;
}

/** A request under way. */
export interface Asked<T> {
  answer: Promise<T>;
  /** Give it up; nothing happens once it is answered. */
  cancel: () => void;
}

/** The editor asks this soon where it asks at all: not for what was pasted, nor while its list of words is open. */
const PATIENCE_MS = 500;

/** At most one request ahead of the editor's. */
export class Ahead<T> {
  private current: { place: Place; asked: Asked<T>; timer: NodeJS.Timeout } | undefined;

  /** A request was made for a place; the one before is given up, and so is this one unless it is soon taken. */
  begin(place: Place, asked: Asked<T>): void {
    this.end();
    asked.answer.catch(() => undefined); // whoever takes it hears of it
    const timer = setTimeout(() => {
      this.end();
    }, PATIENCE_MS);
    this.current = { place, asked, timer };
  }

  /** The request for a place, if there is one: it is the caller's from now on. Any other is given up. */
  take(place: Place): Asked<T> | undefined {
    const current = this.current;
    if (current === undefined || !same(current.place, place)) {
      this.end();
      return undefined;
    }
    clearTimeout(current.timer);
    this.current = undefined;
    return current.asked;
  }

  /** Give up what was not taken. */
  end(): void {
    if (this.current !== undefined) {
      clearTimeout(this.current.timer);
      this.current.asked.cancel();
      this.current = undefined;
    }
  }
}
