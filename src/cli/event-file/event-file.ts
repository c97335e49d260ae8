/**
 * The file of `--log`, of any length, read where it is asked for: an event by its number or its time, the
 * events behind it, and the world at it, from the keyframe before.
 */

import type { LogEvent } from '../../trace/log-event.ts';
import { isOfKeyframe, KeyframeReader } from '../../trace/world/keyframe.ts';
import { WorldBuilder } from '../../trace/world/reduce.ts';
import type { World } from '../../trace/world/types.ts';
import { CliError, EXIT_FAILED, usage } from '../errors.ts';
import { type EventLine, isEvent } from '../render/event.ts';
import { type Line, LineFile } from './line-file.ts';

/** Bytes that are not worth another step of a search. */
const NEAR = 1 << 16;
/** How every line begins that the stack has written. */
const BEGINNING = /^\{"t":(-?[0-9.e+-]+),"n":(\d+),"ev":"([^"]*)"/;
const BEGINNING_LENGTH = 96;
const KEYFRAME = ',"ev":"log:keyframe",';

/** Where an event stands. */
export interface Place {
  readonly offset: number;
  /** Where the next line begins. */
  readonly end: number;
  readonly event: EventLine;
}

interface Head {
  readonly t: number;
  readonly n: number;
  readonly ev: string;
}

export class EventFile {
  /** The first line, which is no event. Null: the file begins with one. */
  readonly header: Readonly<Record<string, unknown>> | null;
  private readonly file: LineFile;
  /** Where events begin. */
  private readonly begin: number;
  private keyed: boolean | null = null;

  private constructor(file: LineFile) {
    this.file = file;
    const first = file.lines(0).next().value as Line | undefined;
    const value = first === undefined ? null : parse(first);
    const isHeader = (value as { tcplog?: unknown } | null)?.tcplog !== undefined;
    if (first !== undefined && !isHeader && !isEvent(value)) throw this.spoilt(first);
    this.header = isHeader ? (value as Record<string, unknown>) : null;
    this.begin = isHeader ? (first as Line).end : 0;
  }

  /** @throws CliError when there is no such file, or it is no event log */
  static open(path: string): EventFile {
    const file = new LineFile(path);
    try {
      return new EventFile(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Opens, asks, closes.
   *
   * @throws CliError when it cannot be read, is no event log, or has events that no stack has written
   */
  static read<Answer>(path: string, question: (file: EventFile) => Answer): Answer {
    const file = EventFile.open(path);
    try {
      return question(file);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw usage(`${path} has an event that is not as docs/event-log.md says: ${error.message}`);
    } finally {
      file.close();
    }
  }

  close(): void {
    this.file.close();
  }

  /** Bytes. */
  get size(): number {
    return this.file.size;
  }

  /** Bytes that were read so far: what the answers have cost. */
  get bytesRead(): number {
    return this.file.bytesRead;
  }

  get path(): string {
    return this.file.path;
  }

  get first(): Place | null {
    return firstOf(this.places(this.begin));
  }

  get last(): Place | null {
    return firstOf(this.placesBefore(this.size));
  }

  /** Whether {@link worldAt} need not begin at the beginning. */
  get hasKeyframes(): boolean {
    this.keyed ??= this.file.having(KEYFRAME, this.begin).next().done !== true;
    return this.keyed;
  }

  /** Where the first line of an event begins that does not begin before this byte. */
  lineAt(offset: number): number {
    return offset <= this.begin ? this.begin : this.file.lineStart(offset);
  }

  /** Event `n`. Null: the log does not have it. */
  find(n: number): Place | null {
    const near = this.search((head) => head.n >= n);
    for (const place of this.places(near)) {
      if (place.event.n === n && place.event.ev !== 'log:lost') return place;
      if (place.event.n > n) break;
      if (place.offset > near + 2 * NEAR) break;
    }
    // The parts of several queues are in the order of their time, not of their numbers.
    return firstOf(this.placesHaving(`,"n":${n},"ev":`, (event) => event.n === n && event.ev !== 'log:lost'));
  }

  /** The first event that is not before `t`, seconds. Null: none. */
  atTime(t: number): Place | null {
    for (const place of this.places(this.search((head) => head.t >= t))) {
      if (place.event.t >= t) return place;
    }
    return null;
  }

  /** Events from `offset`, where a line begins, to `end`. @throws CliError at a line that is no event */
  *from(offset = this.begin, end = this.size): Generator<EventLine> {
    for (const place of this.places(offset, end)) yield place.event;
  }

  /** Events before `offset`, where a line begins: the last one first. */
  *back(offset = this.size): Generator<EventLine> {
    for (const place of this.placesBefore(offset)) yield place.event;
  }

  /** Events with this cause, or of this segment, that begin in `[offset, end)`. The others are not parsed. */
  *having(field: 'cause' | 'seg', value: number, offset = this.begin, end = this.size): Generator<EventLine> {
    const same = (event: EventLine): boolean => event[field] === value;
    for (const place of this.placesHaving(`,"${field}":${value},`, same, offset, end)) yield place.event;
  }

  /** Events of this connection. The others are not parsed. */
  *ofConnection(conn: string, offset = this.begin): Generator<EventLine> {
    const same = (event: EventLine): boolean => event.conn === conn;
    for (const { event } of this.placesHaving(`,"conn":${JSON.stringify(conn)},`, same, offset)) yield event;
  }

  /** The world after the event at this place. */
  worldAt({ end }: Place): World {
    const { world, offset } = this.keyframeBefore(end);
    const builder = new WorldBuilder(world ?? undefined);
    for (const event of this.from(offset, end)) builder.add(event as LogEvent);
    return builder.world;
  }

  /** The last whole keyframe before `end`, and where it ends. */
  private keyframeBefore(end: number): { world: World | null; offset: number } {
    for (const line of this.file.havingBefore(KEYFRAME, end)) {
      const reader = new KeyframeReader();
      for (const one of this.file.lines(line.offset, end)) {
        const event = parse(one);
        if (!isEvent(event) || !isOfKeyframe(event.ev)) break;
        if (reader.take(event as LogEvent)) return { world: reader.complete, offset: one.end };
      }
    }
    return { world: null, offset: this.begin };
  }

  private *places(offset: number, end = this.size): Generator<Place> {
    for (const line of this.file.lines(offset, end)) {
      const place = this.placeOf(line);
      if (place !== null) yield place;
    }
  }

  private *placesBefore(offset: number): Generator<Place> {
    for (const line of this.file.linesBefore(offset)) {
      if (line.offset < this.begin) return;
      const place = this.placeOf(line);
      if (place !== null) yield place;
    }
  }

  private *placesHaving(
    text: string,
    wanted: (event: EventLine) => boolean,
    offset = this.begin,
    end = this.size,
  ): Generator<Place> {
    for (const line of this.file.having(text, offset, end)) {
      const place = this.placeOf(line);
      if (place !== null && wanted(place.event)) yield place;
    }
  }

  /** Null: a line of a keyframe, an empty one, or one that is not written yet. @throws CliError */
  private placeOf(line: Line): Place | null {
    if (line.bytes.length === 0 || isOfKeyframe(headOf(line)?.ev ?? '')) return null;
    const event = parse(line);
    if (isEvent(event)) return isOfKeyframe(event.ev) ? null : { offset: line.offset, end: line.end, event };
    if (line.end === this.size && line.offset + line.bytes.length === line.end) return null;
    throw this.spoilt(line);
  }

  private spoilt(line: Line): CliError {
    return new CliError(EXIT_FAILED, `the line at byte ${line.offset} of ${this.path} is no event of a log`);
  }

  /** Where to begin to look for the first line for which `reached` holds; it holds for all behind that. */
  private search(reached: (head: Head) => boolean): number {
    let low = this.begin;
    let high = this.size;
    while (high - low > NEAR) {
      const middle = Math.floor((low + high) / 2);
      const line = this.file.lines(this.file.lineStart(middle)).next().value as Line | undefined;
      const head = line === undefined ? null : headOf(line);
      if (line === undefined || head === null || reached(head)) high = middle;
      else low = line.end;
    }
    return low;
  }
}

function firstOf(places: Generator<Place>): Place | null {
  for (const place of places) return place;
  return null;
}

/** Time, number and name without parsing the rest. Null: it is no event. */
function headOf({ bytes }: Line): Head | null {
  const match = BEGINNING.exec(bytes.toString('latin1', 0, BEGINNING_LENGTH));
  if (match !== null) return { t: Number(match[1]), n: Number(match[2]), ev: match[3] as string };
  const value = parse({ bytes });
  return isEvent(value) ? value : null;
}

function parse({ bytes }: Pick<Line, 'bytes'>): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}
