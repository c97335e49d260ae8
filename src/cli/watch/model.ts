/** What `watch` knows between two pictures: what has changed, and how long each timer was when it was set. */

import type { ConnectionRecord, TimerRecord } from '../../stack/connection-record.ts';
import { printable, word } from '../printable.ts';
import { stateWord } from '../render/ss.ts';

/** Of a row, in the order of ss's columns. */
export const CELLS = ['state', 'recvQ', 'sendQ', 'local', 'peer', 'id', 'timer'] as const;
export type Cell = (typeof CELLS)[number];

export interface WatchedTimer {
  readonly name: string;
  readonly count: number;
  /** When it is due, ms of the watcher's clock, and how long it was when it was set, as far as was seen. */
  readonly dueAt: number;
  readonly length: number;
}

export interface Row {
  readonly record: ConnectionRecord;
  readonly cells: Readonly<Record<Cell, string>>;
  /** Those that say something else than in the answer before. */
  readonly changed: ReadonlySet<Cell>;
  /** The one that is due first stands first. */
  readonly timers: readonly WatchedTimer[];
}

/** What two looks at the same timer may differ by because answers take their time, ms. */
const JITTER = 50;

export class Model {
  private rows: readonly Row[] = [];
  private known = new Map<string, Row>();
  private begun = false;

  get current(): readonly Row[] {
    return this.rows;
  }

  /** An answer of the stack that came at `now`, ms of the watcher's clock. */
  update(records: readonly ConnectionRecord[], now: number): void {
    const known = new Map<string, Row>();
    this.rows = records.map((record) => {
      const before = this.known.get(record.id);
      const row = rowOf(record, before, this.begun, now);
      known.set(record.id, row);
      return row;
    });
    this.known = known;
    this.begun = true;
  }
}

function rowOf(record: ConnectionRecord, before: Row | undefined, begun: boolean, now: number): Row {
  const timers = record.timers.map((timer) => watched(timer, before, now)).sort((a, b) => a.dueAt - b.dueAt);
  const cells: Record<Cell, string> = {
    state: plain(stateWord(record.state)),
    recvQ: plain(String(record.recvQ)),
    sendQ: plain(String(record.sendQ)),
    local: plain(record.local),
    peer: plain(record.peer),
    id: plain(record.id),
    // Its time is another one whenever one looks.
    timer: timers.map(({ name, count }) => `${name} ${count}`).join(),
  };
  const old = before?.cells;
  // All of a connection that was not there before is new.
  const changed = begun ? CELLS.filter((cell) => cells[cell] !== old?.[cell]) : [];
  return { record, cells, changed: new Set(changed), timers };
}

function watched(timer: TimerRecord, before: Row | undefined, now: number): WatchedTimer {
  const { name, count, remainingMs } = timer;
  const dueAt = now + remainingMs;
  const old = before?.timers.find((one) => one.name === name);
  const same = old !== undefined && dueAt <= old.dueAt + JITTER;
  return { name, count, dueAt, length: same ? old.length : remainingMs };
}

/** One character is one column. */
function plain(text: string): string {
  return printable(word(text)).replace(/[^ -~]/g, '?');
}
