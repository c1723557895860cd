/**
 * Requests that the editor does not wait for. VS Code requests a completion 50 ms after each key press. If that request
 * is still pending at the next key press, VS Code draws the typed character late.
 */

/** A cursor position in one version of a document. */
export interface CursorPosition {
  uri: string;
  version: number;
  /** Number of UTF-16 code units from the start of the document. */
  offset: number;
}

export function samePosition(one: CursorPosition, other: CursorPosition): boolean {
  return one.uri === other.uri && one.version === other.version && one.offset === other.offset;
}

/** An in-flight request. */
export interface PendingRequest<T> {
  answer: Promise<T>;
  /** Cancels the request; has no effect after it was answered. */
  cancel: () => void;
}

/**
 * An unused prefetch is cancelled after this time. The editor usually requests a completion earlier. It makes no
 * request after a paste or while its suggestion widget is open.
 */
const UNUSED_MS = 500;

/** Answers that arrive within this time are returned to the editor directly. */
const IMMEDIATE_MS = 10;

/** Returns the answer if it arrives within `IMMEDIATE_MS`, otherwise undefined. */
export async function immediate<T>(answer: Promise<T>): Promise<{ value: T } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, IMMEDIATE_MS, undefined);
  });
  try {
    return await Promise.race([answer.then((value) => ({ value })), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Holds at most one request that the editor does not wait for. */
export class Prefetch<T> {
  private current: { position: CursorPosition; request: PendingRequest<T>; timer?: NodeJS.Timeout } | undefined;

  /**
   * Hold a request that was sent before the editor asked for it, and cancel the request held before. The new request is
   * cancelled if `take` is not called within `UNUSED_MS`.
   */
  begin(position: CursorPosition, request: PendingRequest<T>): void {
    this.end();
    request.answer.catch(() => undefined); // avoids an unhandled rejection; the caller of `take` gets the error
    const timer = setTimeout(() => {
      this.end();
    }, UNUSED_MS);
    this.current = { position, request, timer };
  }

  /**
   * Hold a request that was not answered in time, so that the editor got an empty result. When the answer or an error
   * arrives, call `onAnswer` or `onError`, unless the request was cancelled before.
   */
  keep(
    position: CursorPosition,
    request: PendingRequest<T>,
    onAnswer: (answer: T) => void,
    onError: (error: unknown) => void,
  ): void {
    this.end();
    const kept = { position, request };
    this.current = kept;
    request.answer.then(
      (answer) => {
        if (this.current === kept) {
          onAnswer(answer);
        }
      },
      (error: unknown) => {
        if (this.current === kept) {
          this.current = undefined;
          onError(error);
        }
      },
    );
  }

  /** Cancel the request if it was made for a position other than this one. */
  cursorAt(position: CursorPosition): void {
    if (this.current !== undefined && !samePosition(this.current.position, position)) {
      this.end();
    }
  }

  /** Hand the request for this position over to the caller, if there is one. Cancels a request for another position. */
  take(position: CursorPosition): PendingRequest<T> | undefined {
    const current = this.current;
    if (current === undefined || !samePosition(current.position, position)) {
      this.end();
      return undefined;
    }
    clearTimeout(current.timer);
    this.current = undefined;
    return current.request;
  }

  /** Cancel the request, if one is held. */
  end(): void {
    if (this.current !== undefined) {
      clearTimeout(this.current.timer);
      this.current.request.cancel();
      this.current = undefined;
    }
  }
}
