/** The rows that are not finished: what comes next may still say more about them. */

import type { World } from '../../../trace/world/types.ts';
import type { EventLine } from '../event.ts';
import { Lanes } from './lanes.ts';
import type { Arc, Row, RowKind, Tone } from './row.ts';
import { type Track, Tracks } from './tracks.ts';

/** Rows that wait. */
const PENDING = 8;
/** Rows of segments whose connection may come to be known. */
const ORPHANS = 64;
/** Seconds after which an event is no longer part of what caused it. */
const TOGETHER = 0.1;

export interface BoardOptions {
  /** Keys of connections; null = all. */
  readonly connections: ReadonlySet<string> | null;
  /** Rows before this, seconds, are left out. */
  readonly since: number;
  readonly raw: boolean;
}

export class Board {
  readonly options: BoardOptions;
  readonly tracks = new Tracks();
  readonly lanes = new Lanes();
  /** Rows from this time on, seconds, tell how things stood before them; none do by default. */
  private introduceFrom: number;
  private pending: Row[] = [];
  /** Segments of no connection, left out as long as only some connections are wanted. */
  private readonly orphans: Row[] = [];
  /** The row that tells how things stood where drawing begins, by connection. */
  private readonly introduced = new Map<string, Row>();

  constructor(options: BoardOptions) {
    this.options = options;
    this.introduceFrom =
      options.since === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : options.since;
  }

  /** A new row at the end, or in front of another one. */
  row(event: EventLine, kind: RowKind, track: Track | null, before: Row | null = null): Row {
    const row = this.empty(event, kind, before);
    row.conn = track?.name ?? '';
    row.key = track?.key ?? '';
    const place = before === null ? -1 : this.pending.indexOf(before);
    if (place < 0) this.pending.push(row);
    else this.pending.splice(place, 0, row);
    if (track !== null) this.introduce(row, track);
    return row;
  }

  private empty(event: EventLine, kind: RowKind, before: Row | null): Row {
    return {
      kind,
      t: before?.t ?? event.t,
      conn: '',
      key: '',
      ends: '',
      events: [event.n],
      cause: event.cause ?? 0,
      seg: event.seg ?? 0,
      tone: 'note',
      arrow: null,
      text: '',
      calls: [],
      left: '',
      right: '',
      notes: [],
      arcs: [],
      lanes: before === null ? this.lanes.snapshot() : [...before.lanes],
      due: this.lanes.timeWaitDue,
    };
  }

  /** It says nothing. */
  drop(row: Row): void {
    const place = this.pending.indexOf(row);
    if (place >= 0) this.pending.splice(place, 1);
  }

  note(event: EventLine, text: string, tone: Tone = 'note', track = this.tracks.of(event)): Row {
    const row = this.row(event, 'note', track);
    row.text = text;
    row.tone = tone;
    return row;
  }

  /** The newest row that the event belongs to: that of its cause, or one with the same cause. */
  related(event: EventLine): Row | null {
    const { cause } = event;
    if (cause === undefined) return null;
    for (let i = this.pending.length - 1; i >= 0; i--) {
      const row = this.pending[i] as Row;
      if (row.cause !== cause && !row.events.includes(cause)) continue;
      return this.isOf(row, event) && event.t - row.t < TOGETHER ? row : null;
    }
    return null;
  }

  /** The newest unfinished row that `test` holds for. */
  find(test: (row: Row) => boolean): Row | null {
    return this.pending.findLast(test) ?? null;
  }

  get last(): Row | null {
    return this.pending.at(-1) ?? null;
  }

  /** Our state after the event. */
  state(event: EventLine, track: Track, state: string, text: string): void {
    const row = this.related(event);
    track.state = state;
    if (row !== null && (row.right === '' || this.introduced.get(track.key) === row)) row.right = state;
    else this.note(event, text).right = state;
  }

  /** The peer's, with its label. */
  peerState(event: EventLine, state: string): void {
    const row = this.related(event);
    if (row !== null && (row.left === '' || this.introduced.get(row.key) === row)) row.left = state;
    else this.note(event, '').left = state;
  }

  /** Rows after the one that gets the arc see its column as it is then. */
  arc(row: Row, arc: Arc): void {
    row.arcs.push(arc);
    if (arc.lane < 0) return;
    const armed = arc.kind === 'set' || arc.kind === 'restart';
    for (let i = this.pending.indexOf(row) + 1; i > 0 && i < this.pending.length; i++) {
      (this.pending[i] as Row).lanes[arc.lane] = armed;
    }
  }

  /** Goes on where this is so: the next row of each connection tells its states. */
  begin(world: World): void {
    this.introduceFrom = world.t;
    this.introduced.clear();
    this.lanes.clear();
    for (const view of world.connections.values()) {
      if (view.closed !== null) continue;
      const track = this.tracks.begin(view);
      for (const timer of view.timers) this.lanes.begin(track, timer);
    }
  }

  /** The connection's row is there: what was lost of its opening belongs in front of it. */
  adopt(row: Row, track: Track): void {
    const ends = `${track.local} ${track.peer}`;
    const found = this.orphans.filter((orphan) => orphan.ends === ends);
    for (const orphan of found) this.orphans.splice(this.orphans.indexOf(orphan), 1);
    this.pending.splice(this.pending.indexOf(row), 0, ...found);
    for (const orphan of this.pending) {
      if (orphan.key !== '' || orphan.ends !== ends) continue;
      orphan.key = track.key;
      orphan.conn = track.name;
    }
  }

  /** Rows that are finished because enough others have come since; all of them with `all`. */
  take(all: boolean): Row[] {
    const count = all ? this.pending.length : this.pending.length - PENDING;
    if (count <= 0) return [];
    const taken = this.pending.splice(0, count);
    if (this.options.connections !== null) {
      this.orphans.push(...taken.filter(({ key, arrow }) => key === '' && arrow !== null));
      if (this.orphans.length > ORPHANS) this.orphans.splice(0, this.orphans.length - ORPHANS);
    }
    return taken.filter((row) => this.isWanted(row));
  }

  private isOf(row: Row, { conn }: EventLine): boolean {
    return conn === undefined || row.key === '' || row.key === conn;
  }

  private isWanted({ t, key, arrow }: Row): boolean {
    const { connections, since } = this.options;
    if (t < since) return false;
    return connections === null || (key === '' ? arrow === null : connections.has(key));
  }

  private introduce(row: Row, track: Track): void {
    if (row.t < this.introduceFrom || this.introduced.has(track.key) || row.kind === 'opened') return;
    if (this.introduced.size > 4096) this.introduced.clear();
    this.introduced.set(track.key, row);
    row.right = track.state;
    row.left = track.peerState === '' ? '' : `${track.peerState}?`;
  }
}
