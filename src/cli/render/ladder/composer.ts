/** Events → rows. It remembers what it needs of each connection, and a few rows; nothing else grows. */

import type { World } from '../../../trace/world/types.ts';
import type { EventLine } from '../event.ts';
import { entry } from '../table.ts';
import { Board, type BoardOptions } from './board.ts';
import { Fates } from './fates.ts';
import type { Armed } from './lanes.ts';
import type { Arrow, Call, Row } from './row.ts';
import { identify, mark, Segments, toneOf } from './segments.ts';
import { numberOf, plain } from './text.ts';

/** Events of one row that are remembered. */
const EVENTS = 16;
/** Calls of the application within this, seconds, are one row. */
const TOGETHER = 0.1;
/** How a connection ends when nothing went wrong: its states say it. */
const NORMAL = new Set(['normal', 'timewait-done']);

/** A part of a log that is counted, not drawn. */
export interface Skipped {
  /** When it begins, seconds. */
  readonly from: number;
  readonly events: number;
  /** Segments, as far as they are known. */
  readonly sent?: number;
  readonly received?: number;
}

export class Composer {
  private readonly board: Board;
  private readonly segments: Segments;
  private readonly fates: Fates;

  constructor(options: BoardOptions) {
    this.board = new Board(options);
    this.segments = new Segments(this.board);
    this.fates = new Fates(this.board, this.segments);
  }

  /** Takes an event in; gives the rows that are finished. */
  add(event: EventLine): Row[] {
    this.fates.advance(event.t);
    entry(this.handlers, event.ev)?.(event);
    return this.board.take(false);
  }

  /** Gives all rows; with a time also those of what has arrived until then. */
  flush(t = Number.NEGATIVE_INFINITY): Row[] {
    this.fates.advance(t);
    return this.board.take(true);
  }

  /** Goes on where this is so. */
  begin(world: World): void {
    this.board.begin(world);
  }

  /** One row for what comes before `next` and is not drawn. */
  skipped(next: EventLine, { from, events, sent, received }: Skipped): Row[] {
    const { conn: _conn, cause: _cause, ...rest } = next;
    const row = this.board.row(rest, 'run', null);
    row.text = `${events} more events`;
    const segments = sent === undefined ? '' : `${sent} sent, ${received} received; `;
    const end = next.t.toFixed(3);
    row.notes.push(`${segments}${from.toFixed(3)} s to ${end} s; --since T begins there, --all draws all`);
    return this.board.take(true);
  }

  /** Timers that are armed, the next one due first. */
  get armed(): Armed[] {
    return this.board.lanes.all();
  }

  private readonly handlers: Readonly<Record<string, (event: EventLine) => void>> = {
    'conn:opened': (event) => this.opened(event),
    'conn:state': (event) => this.state(event),
    'conn:closed': (event) => this.closed(event),
    'peer:state': (event) => this.peerState(event),
    'seg:received': (event) => this.segments.received(event),
    'seg:sent': (event) => this.segments.sent(event),
    'seg:judged': (event) => this.judged(event),
    'seg:run': (event) => this.run(event),
    'wire:fate': (event) => this.fates.take(event),
    'fault:rule': (event) => this.rule(event),
    'fault:expired': (event) => this.rule(event),
    'timer:set': (event) => this.timer(event),
    'timer:cancel': (event) => this.timer(event),
    'timer:fire': (event) => this.timer(event),
    'app:accept': (event) => this.app(event, 'accept'),
    'app:open': (event) => this.app(event, 'open'),
    'app:read': (event) => this.app(event, 'read'),
    'app:write': (event) => this.app(event, 'write'),
    'app:shutdown': (event) => this.app(event, 'shutdown'),
    'app:close': (event) => this.app(event, 'close'),
    'app:abort': (event) => this.app(event, 'abort'),
    'cc:state': (event) => {
      const { old, new: now, trigger } = event.data;
      this.remark(event, `congestion control: ${plain(old)} → ${plain(now)} (${plain(trigger)})`);
    },
    'rst:why': (event) => {
      const { reason, rfc } = event.data;
      this.remark(event, `RST because ${plain(reason)}${brackets(rfc)}`);
    },
    'ip:dropped': (event) => {
      const { reason, rfc } = event.data;
      this.board.note(event, `IP packet rejected: ${plain(reason)}${brackets(rfc)}`, 'bad');
    },
    'ip:icmp': (event) => this.icmp(event),
    'log:lost': (event) => {
      this.board.note(event, `${plain(event.data['events'])} events are missing in the log here`, 'bad');
    },
    'stack:stopped': (event) => {
      this.board.note(event, 'the stack has stopped');
    },
  };

  private opened(event: EventLine): void {
    const { board } = this;
    const track = board.tracks.open(event, event.conn ?? '');
    const first = board.find((row) => row.events.includes(event.cause ?? -1));
    if (first !== null) {
      identify(first, track);
      if (first.arrow?.received === true) track.seen.take(0, 1);
    }
    const row = board.row(event, 'opened', track, first);
    const role = plain(event.data['role']);
    row.text = `${track.peer} ${role} ${track.local}`.trim();
    row.right = role === 'passive' ? 'LISTEN' : 'CLOSED';
    board.adopt(row, track);
  }

  private state(event: EventLine): void {
    const track = this.board.tracks.of(event);
    if (track === null) return;
    const state = plain(event.data['new']);
    this.board.state(event, track, state, plain(event.data['trigger']));
  }

  private closed(event: EventLine): void {
    const { board } = this;
    const { reason, error } = event.data;
    board.lanes.over(event.conn ?? '');
    const why = plain(reason);
    if (NORMAL.has(why)) return;
    this.remark(event, `closed: ${why}${error == null ? '' : ` (${plain(error)})`}`);
  }

  private peerState(event: EventLine): void {
    const track = this.board.tracks.of(event);
    if (track === null) return;
    const state = plain(event.data['state']);
    if (state === track.peerState) return;
    track.peerBefore = track.peerState;
    track.peerState = state;
    this.board.peerState(event, `${state}${event.data['source'] === 'observed' ? '!' : '?'}`);
  }

  private judged(event: EventLine): void {
    const { verdict, reason, rfc } = event.data;
    if (verdict === 'accepted') return;
    const why = `${plain(reason)}${brackets(rfc)}`;
    const row = this.board.find((one) => one.seg === event.seg && one.arrow?.received === true);
    const said = verdict === 'dropped' ? 'rejected' : verdict === 'partial' ? 'partly new' : plain(verdict);
    if (row === null) {
      this.board.note(event, `${said}: ${why}`, 'bad');
      return;
    }
    const arrow = row.arrow as Arrow;
    if (verdict === 'queued-ooo') {
      mark(arrow, 'order');
      return;
    }
    if (verdict !== 'partial') arrow.end = 'rejected';
    row.notes.push(`${said}: ${why}`);
    row.tone = verdict === 'dropped' ? 'bad' : toneOf(arrow);
  }

  private run(event: EventLine): void {
    const { events, sent, received } = event.data as Record<string, Record<string, unknown> | undefined>;
    const row = this.board.row(event, 'run', this.board.tracks.of(event));
    const count = (what: Record<string, unknown> | undefined): string =>
      `${plain(what?.['segs'] ?? '?')} segments (${plain(what?.['bytes'] ?? '?')} bytes)`;
    row.text = `${plain(events)} more events`;
    row.notes.push(`sent ${count(sent)}, received ${count(received)}`);
  }

  private rule(event: EventLine): void {
    const { number, rule, what } = event.data;
    const why = plain(what);
    // That a rule's last hit was its last one, its text says.
    if (why === 'times') return;
    const name = `rule#${plain(number)}`;
    if (event.ev === 'fault:rule') this.fates.tell(name);
    this.board.note(event, `${name} ${event.ev === 'fault:rule' ? why : `is over (${why})`}: ${plain(rule)}`);
  }

  private timer(event: EventLine): void {
    const { board } = this;
    const track = board.tracks.of(event);
    const before = board.related(event);
    const row = before ?? board.row(event, 'note', track);
    const arc = board.lanes.take(event, track?.name ?? '');
    if (arc !== null) board.arc(row, arc);
    else if (before === null) board.drop(row);
  }

  private app(event: EventLine, name: string): void {
    const { board } = this;
    const track = board.tracks.of(event);
    const { last } = board;
    const goesOn =
      last?.kind === 'app' && last.key === (track?.key ?? '') && last.right === '' && last.arcs.length === 0;
    const row = goesOn && event.t - last.t < TOGETHER ? last : board.row(event, 'app', track);
    if (row.events.at(-1) !== event.n) row.events.push(event.n);
    if (row.events.length > EVENTS) row.events.shift();
    callInto(row.calls, name, numberOf(event.data['bytes']));
    row.text = row.calls.map(callText).join(', ');
  }

  private icmp(event: EventLine): void {
    const { type, code, reason, rfc, mtu, local, peer } = event.data;
    const track = this.board.tracks.named(`${plain(local)} ${plain(peer)}`);
    const next = numberOf(mtu) > 0 ? `, next hop's MTU ${plain(mtu)}` : '';
    const text = `ICMP type ${plain(type)} code ${plain(code)}${next}: ${plain(reason)}${brackets(rfc)}`;
    this.board.note(event, text, 'bad', track ?? this.board.tracks.of(event));
  }

  /** A word more about the row that the event belongs to. */
  private remark(event: EventLine, text: string): void {
    const row = this.board.related(event);
    if (row === null) this.board.note(event, text);
    else row.notes.push(text);
  }
}

function brackets(rfc: unknown): string {
  const text = plain(rfc);
  return text === '' ? '' : ` (${text})`;
}

/** Calls of the same kind are one. */
function callInto(calls: Call[], name: string, bytes: number): void {
  const same = calls.at(-1)?.name === name ? calls.at(-1) : undefined;
  if (same === undefined) {
    if (calls.length < EVENTS) calls.push({ name, bytes, times: 1 });
    return;
  }
  same.bytes += bytes;
  same.times++;
}

function callText({ name, bytes, times }: Call): string {
  const many = times > 1 ? ` (${times}×)` : '';
  return name === 'read' || name === 'write' ? `${name} ${bytes}${many}` : `${name}${many}`;
}
