/** The columns of the timers: each one that is armed has its own, the leftmost that was free. */

import type { TimerView } from '../../../trace/world/types.ts';
import type { EventLine } from '../event.ts';
import type { Arc, ArcKind } from './row.ts';
import { durationText, numberOf, plain } from './text.ts';
import type { Track } from './tracks.ts';

/** A timer that is armed. */
export interface Armed {
  /** As it is shown, and its key. */
  readonly conn: string;
  readonly key: string;
  readonly timer: string;
  readonly lane: number;
  /** Seconds. */
  readonly setAt: number;
  readonly dueAt: number;
}

/** Columns that are kept track of; the painter draws as many as it has room for. */
const LANES = 8;
/** Timers that are remembered. */
const MOST = 4096;
const NAMES = 32;
const TIME_WAIT = 'time-wait';
/** What every segment moves: nothing to say but that it was. */
const ROUTINE = new Set(['rto', 'tlp', 'rack', 'pacing', 'delayed-ack', 'keepalive', 'user']);
/** Between two segments of one burst: no timer of TCP. */
const HIDDEN = new Set(['pacing']);

export class Lanes {
  private readonly armed = new Map<string, Armed>();
  /** A connection that is over. */
  private ending: string | null = null;
  /** Names of timers that have come. */
  private readonly names = new Set<string>();
  /** Those of TIME-WAIT. */
  private readonly waiting = new Set<string>();
  private readonly used: (string | null)[] = Array.from({ length: LANES }, () => null);

  /** Which columns are taken now. */
  snapshot(): boolean[] {
    return this.used.map((key) => key !== null);
  }

  /** All that are armed, the next one due first. */
  all(): Armed[] {
    return [...this.armed.values()].sort((one, other) => one.dueAt - other.dueAt);
  }

  /** When the one TIME-WAIT that there is ends; null: none, or several. */
  get timeWaitDue(): number | null {
    if (this.waiting.size !== 1) return null;
    const [key] = this.waiting;
    return this.armed.get(key as string)?.dueAt ?? null;
  }

  /** What the event does to its timer; null when there is nothing to draw. */
  take(event: EventLine, conn: string): Arc | null {
    const timer = plain(event.data['timer']);
    if (this.ending !== null && event.ev !== 'timer:cancel') this.end();
    if (HIDDEN.has(timer)) return null;
    if (this.names.size < NAMES) this.names.add(timer);
    const key = `${event.conn ?? ''}/${timer}`;
    if (event.ev === 'timer:set') return this.set(event, conn, timer, key);
    const before = this.armed.get(key);
    this.release(key);
    const kind: ArcKind = event.ev === 'timer:fire' ? 'fire' : 'cancel';
    const text = `${timer} ${kind === 'fire' ? 'fires' : 'off'}`;
    return { lane: before?.lane ?? -1, kind, text, routine: kind === 'cancel' && ROUTINE.has(timer) };
  }

  clear(): void {
    for (const key of [...this.armed.keys()]) this.release(key);
  }

  /** A timer that is armed already. */
  begin({ key: conn, name }: Track, { timer, setAt, dueAt }: TimerView): void {
    if (HIDDEN.has(timer) || this.armed.size >= MOST) return;
    const key = `${conn}/${timer}`;
    if (this.names.size < NAMES) this.names.add(timer);
    if (timer === TIME_WAIT) this.waiting.add(key);
    this.armed.set(key, { conn: name, key: conn, timer, lane: this.claim(key), setAt, dueAt });
  }

  /** The connection is over: timers that are not cancelled at once are forgotten. */
  over(conn: string): void {
    this.end();
    this.ending = conn;
  }

  private end(): void {
    if (this.ending === null) return;
    for (const name of this.names) this.release(`${this.ending}/${name}`);
    this.ending = null;
  }

  private set(event: EventLine, conn: string, timer: string, key: string): Arc {
    const after = Math.max(0, numberOf(event.data['afterMs']));
    const before = this.armed.get(key);
    const lane = before?.lane ?? this.claim(key);
    if (before !== undefined || this.armed.size < MOST) {
      if (timer === TIME_WAIT) this.waiting.add(key);
      const dueAt = event.t + after / 1000;
      this.armed.set(key, { conn, key: event.conn ?? '', timer, lane, setAt: event.t, dueAt });
    }
    const left = before === undefined ? null : Math.max(0, before.dueAt - event.t) * 1000;
    const text = setText(timer, after, numberOf(event.data['backoff']), left);
    return { lane, kind: before === undefined ? 'set' : 'restart', text, routine: ROUTINE.has(timer) };
  }

  private claim(key: string): number {
    const free = this.used.indexOf(null);
    if (free >= 0) this.used[free] = key;
    return free;
  }

  private release(key: string): void {
    this.armed.delete(key);
    this.waiting.delete(key);
    const lane = this.used.indexOf(key);
    if (lane >= 0) this.used[lane] = null;
  }
}

/** `left`: ms that were left of a timer that is set again; null: it was not armed. */
function setText(timer: string, after: number, backoff: number, left: number | null): string {
  const tries = backoff > 0 ? `, backoff ${backoff}` : '';
  const waits = timer === TIME_WAIT;
  if (left === null) return `${timer} ${durationText(after)}${waits ? ' (2MSL)' : tries}`;
  if (backoff === 0 && ROUTINE.has(timer)) return '';
  return `${timer} again ${durationText(after)}${waits ? ` (${durationText(left)} left)` : tries}`;
}
