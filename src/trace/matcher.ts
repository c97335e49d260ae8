/** Waiting for events by their pattern: what tests and labs ask of a log. */

import type { LogEvent } from './log-event.ts';
import type { EventName } from './record.ts';

/**
 * What an event must be like. Of `data` only the named fields are looked at, at any depth: a value must
 * be the same, an array must have the same elements, and a function must say yes.
 */
export interface EventPattern {
  readonly ev: EventName;
  readonly conn?: string;
  readonly inc?: number;
  readonly seg?: number;
  readonly cause?: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

const ENVELOPE = ['ev', 'conn', 'inc', 'seg', 'cause'] as const;

export function matches(event: LogEvent, pattern: EventPattern): boolean {
  const same = ENVELOPE.every((field) => pattern[field] === undefined || pattern[field] === event[field]);
  return same && (pattern.data === undefined || isLike(event.data, pattern.data));
}

function isLike(value: unknown, wanted: unknown): boolean {
  if (typeof wanted === 'function') return (wanted as (value: unknown) => unknown)(value) === true;
  if (typeof wanted !== 'object' || wanted === null) return Object.is(value, wanted);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(wanted) && (!Array.isArray(value) || value.length !== wanted.length)) return false;
  return Object.entries(wanted).every(([key, part]) => isLike((value as Record<string, unknown>)[key], part));
}

interface Wish {
  readonly patterns: readonly EventPattern[];
  readonly found: LogEvent[];
  readonly done: (events: LogEvent[]) => void;
}

/** Takes the events of one log, in order, and tells whoever waits for some of them. */
export class Matcher {
  private readonly wishes = new Set<Wish>();

  take(event: LogEvent): void {
    for (const wish of this.wishes) {
      const pattern = wish.patterns[wish.found.length] as EventPattern;
      if (!matches(event, pattern)) continue;
      wish.found.push(event);
      if (wish.found.length < wish.patterns.length) continue;
      this.wishes.delete(wish);
      wish.done(wish.found);
    }
  }

  /** The next event that is like `pattern`. */
  async next(pattern: EventPattern, signal?: AbortSignal): Promise<LogEvent> {
    const [event] = await this.sequence([pattern], signal);
    return event as LogEvent;
  }

  /** Events like these, in this order, whatever comes between. @throws the signal's reason, with what is missing */
  sequence(patterns: readonly EventPattern[], signal?: AbortSignal): Promise<LogEvent[]> {
    return new Promise((resolve, reject) => {
      const wish: Wish = { patterns, found: [], done: resolve };
      this.wishes.add(wish);
      signal?.addEventListener('abort', () => {
        if (!this.wishes.delete(wish)) return;
        reject(new Error(`never came: ${patternText(patterns[wish.found.length] as EventPattern)}`));
      });
    });
  }
}

function patternText(pattern: EventPattern): string {
  return JSON.stringify(pattern, (_key, value: unknown) => (typeof value === 'function' ? '…' : value));
}
