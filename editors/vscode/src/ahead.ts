/**
 * Requests that are under way while the editor waits for none: it asks 50 ms behind every key, and one that it still waits
 * for when the next key comes makes that key late.
 */

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

/** What is answered this soon is given to the editor at once. */
const SOON_MS = 10;

/** The answer where it comes soon; undefined where it does not. */
export async function soon<T>(answer: Promise<T>): Promise<{ value: T } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, SOON_MS, undefined);
  });
  try {
    return await Promise.race([answer.then((value) => ({ value })), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** At most one request that the editor does not wait for. */
export class Ahead<T> {
  private current: { place: Place; asked: Asked<T>; timer?: NodeJS.Timeout } | undefined;

  /** A request was made for a place; the one before is given up, and so is this one unless it is soon taken. */
  begin(place: Place, asked: Asked<T>): void {
    this.end();
    asked.answer.catch(() => undefined); // whoever takes it hears of it
    const timer = setTimeout(() => {
      this.end();
    }, PATIENCE_MS);
    this.current = { place, asked, timer };
  }

  /** The editor has asked and was told that there is nothing yet; `arrived` hears of the answer unless it is given up. */
  keep(place: Place, asked: Asked<T>, arrived: (answer: T) => void, failed: (error: unknown) => void): void {
    this.end();
    const kept = { place, asked };
    this.current = kept;
    asked.answer.then(
      (answer) => {
        if (this.current === kept) {
          arrived(answer);
        }
      },
      (error: unknown) => {
        if (this.current === kept) {
          this.current = undefined;
          failed(error);
        }
      },
    );
  }

  /** The cursor is at a place now: a request for any other is given up. */
  at(place: Place): void {
    if (this.current !== undefined && !same(this.current.place, place)) {
      this.end();
    }
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
