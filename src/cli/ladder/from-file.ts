/** The ladder of a recorded log. Of a long one the middle is only counted, unless all of it is asked for. */

import { statSync } from 'node:fs';
import type { World } from '../../trace/world/types.ts';
import { EventFile } from '../event-file/event-file.ts';
import { printable } from '../printable.ts';
import type { EventLine } from '../render/event.ts';
import { ladderSvg } from '../render/ladder/svg.ts';
import { Ladder, type LadderOptions } from '../render/ladder.ts';
import { eventsOfPipe } from './pipe.ts';

/** Events that are drawn without a question. */
const LONG = 20_000;
/** Of a log that is longer, the part of that at its beginning, and at its end. */
const PART = 0.15;
/** Lines of one write. */
const BATCH = 200;
/** Events that are looked at for the end of one connection. */
const SCAN = 40_000;

/** Where lines go. */
export type Out = Pick<NodeJS.WritableStream, 'write' | 'once'>;

/** @throws CliError when there is no such file, or it is no event log */
export async function drawFile(
  path: string,
  options: LadderOptions,
  {
    all,
    out = process.stdout,
    long = LONG,
  }: { readonly all: boolean; readonly out?: Out; readonly long?: number },
): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() === true) {
    await new Drawing(options, out).stream(eventsOfPipe(path));
    return;
  }
  const file = EventFile.open(path);
  try {
    await new FileDrawing(file, options, out).run(all ? Number.POSITIVE_INFINITY : long);
  } finally {
    file.close();
  }
}

/** All of a log as a picture. @throws CliError */
export function pictureOfFile(path: string, options: LadderOptions): string {
  return EventFile.read(path, (file) => ladderSvg(file.from(), { ...options, title: titleOf(file) }));
}

function titleOf({ header, path }: EventFile): string {
  const title = header?.['title'];
  return printable(typeof title === 'string' ? title : path);
}

/** Lines to stdout, no faster than they are taken. */
class Drawing {
  protected readonly ladder: Ladder;
  private readonly out: Out;
  private begun = false;
  private waiting: string[] = [];

  constructor(options: LadderOptions, out: Out) {
    this.out = out;
    this.ladder = new Ladder(options);
  }

  async stream(events: AsyncIterable<EventLine>): Promise<void> {
    for await (const event of events) await this.print(this.ladder.add(event));
    await this.end();
  }

  /** Waits only where something has been written. */
  protected async all(events: Iterable<EventLine>): Promise<void> {
    for (const event of events) {
      const lines = this.ladder.add(event);
      if (lines.length > 0) await this.print(lines);
    }
  }

  protected async end(): Promise<void> {
    await this.print(this.ladder.flush(Number.POSITIVE_INFINITY));
    await this.write();
  }

  protected async print(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    if (!this.begun) this.waiting.push(...this.ladder.heading());
    this.begun = true;
    this.waiting.push(...lines);
    if (this.waiting.length >= BATCH) await this.write();
  }

  private async write(): Promise<void> {
    const { waiting, out } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    if (out.write(`${waiting.join('\n')}\n`)) return;
    await new Promise((resolve) => out.once('drain', resolve));
  }
}

class FileDrawing extends Drawing {
  private readonly file: EventFile;
  private readonly connections: readonly string[];
  private readonly since: number;

  constructor(file: EventFile, options: LadderOptions, out: Out) {
    super(options, out);
    this.file = file;
    this.connections = [...(options.connections ?? [])];
    this.since = options.since ?? Number.NEGATIVE_INFINITY;
  }

  /** `long`: of more events than so many the middle is counted. */
  async run(long: number): Promise<void> {
    const { file } = this;
    const [first, last] = [file.first, file.last];
    if (first === null || last === null) return;
    const begin = this.begin(first.offset);
    if (begin === null) return;
    if (last.event.n - first.event.n > long) {
      await this.parts(begin, Math.floor(long * PART));
      return;
    }
    await this.all(file.from(begin));
    await this.end();
  }

  /** Where `--since` is; what was before is known from the log's keyframe. Null: behind its end. */
  private begin(first: number): number | null {
    const { file, since } = this;
    if (since === Number.NEGATIVE_INFINITY || !file.hasKeyframes) return first;
    const place = file.atTime(since);
    if (place === null) return null;
    this.ladder.begin(file.worldAt({ ...place, end: place.offset }));
    return place.offset;
  }

  /** The beginning, a count of the middle, the end. */
  private async parts(begin: number, part: number): Promise<void> {
    let count = 0;
    let head: EventLine | null = null;
    const events = this.events(begin);
    for (const event of events) {
      await this.all([event]);
      head = event;
      if (++count === part) break;
    }
    if (count < part || head === null) {
      await this.end();
      return;
    }
    const tail = this.tail(head.n, part);
    const [next] = tail;
    if (next !== undefined && next.n > head.n + 1) await this.skip(head, next);
    await this.all(tail);
    await this.end();
  }

  /** Of all connections, or of those that are wanted: the others are not parsed. */
  private *events(begin: number): Generator<EventLine> {
    const { file, connections } = this;
    const [only] = connections;
    if (only === undefined || connections.length > 1) {
      yield* file.from(begin);
      return;
    }
    const [opened] = file.ofConnection(only, begin);
    if (opened === undefined) return;
    // The SYN came before there was a connection.
    const syn = opened.cause === undefined ? null : file.find(opened.cause);
    if (syn !== null && syn.offset >= begin) yield syn.event;
    yield* file.ofConnection(only, begin);
  }

  /** At most `part` of the last events behind number `n`, oldest first. */
  private tail(n: number, part: number): EventLine[] {
    const { file, connections } = this;
    const wanted = new Set(connections);
    const found: EventLine[] = [];
    let looked = 0;
    for (const event of file.back()) {
      if (event.n <= n || found.length >= part || ++looked > SCAN) break;
      if (wanted.size === 0 || event.conn === undefined || wanted.has(event.conn)) found.push(event);
    }
    return found.reverse();
  }

  /** What is not drawn between two events, in numbers; how things stand behind it. */
  private async skip(head: EventLine, next: EventLine): Promise<void> {
    const { file, ladder } = this;
    const span = { from: head.t, events: next.n - head.n - 1 };
    const places = file.hasKeyframes ? [file.find(head.n), file.find(next.n)] : [];
    const [before, behind] = places;
    if (before == null || behind == null) {
      await this.print(ladder.skip(next, span));
      return;
    }
    const then = file.worldAt(before);
    const now = file.worldAt({ ...behind, end: behind.offset });
    const only = this.connections.length === 1 ? (this.connections[0] as string) : null;
    await this.print(ladder.skip(next, { ...span, ...totals(then, now, only) }));
    ladder.begin(now);
  }
}

interface Totals {
  readonly sent: number;
  readonly received: number;
}

/** Segments that went between two moments: of one connection, or of all whose numbers are still there. */
function totals(then: World, now: World, only: string | null): Totals | null {
  if (only === null) {
    const [before, behind] = [then.counts, now.counts];
    const went = (name: 'seg:sent' | 'seg:received'): number =>
      (behind.get(name) ?? 0) - (before.get(name) ?? 0);
    return { sent: went('seg:sent'), received: went('seg:received') };
  }
  const [before, behind] = [then.connections.get(only), now.connections.get(only)];
  if (before === undefined || behind === undefined) return null;
  return {
    sent: behind.sent.segs - before.sent.segs,
    received: behind.received.segs - before.received.segs,
  };
}
