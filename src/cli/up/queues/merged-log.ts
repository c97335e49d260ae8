/** The event logs of several workers as one: for the file of `--log`, and for who asks with `fourwave log`. */

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../stack/driver.ts';
import type { LogEvent } from '../../../trace/log-event.ts';
import type { Conversation, Handler } from '../../control/server.ts';
import { LogFile } from '../log-file.ts';
import type { Queue } from './queue.ts';

/** A follower gets events this late, ms: by then every worker has sent what it knows. */
const PATIENCE = 150;
const ROUND = 50;

/** Events of several sources, in the order of their time. */
class Sorter {
  private events: LogEvent[] = [];

  add(event: LogEvent): void {
    this.events.push(event);
  }

  /** Takes out what happened before `time`, seconds. */
  before(time: number): LogEvent[] {
    const { events } = this;
    if (events.length === 0) return [];
    events.sort((a, b) => a.t - b.t || a.n - b.n);
    const found = events.findIndex(({ t }) => t >= time);
    return events.splice(0, found < 0 ? events.length : found);
  }
}

export class MergedLog {
  private readonly queues: readonly Queue[];
  /** t = 0, µs. */
  private readonly origin: number;
  private readonly ownerOf: (conn: string) => Queue;

  constructor(queues: readonly Queue[], origin: number, ownerOf: (conn: string) => Queue) {
    this.queues = queues;
    this.origin = origin;
    this.ownerOf = ownerOf;
  }

  get handler(): Handler {
    return async (conversation) => {
      const { conn, follow } = conversation.arguments;
      if (typeof conn === 'string') {
        await this.ownerOf(conn).converse('log', conversation.arguments, conversation);
        return;
      }
      const last = await this.past(conversation);
      if (follow === true) await this.present(conversation, last);
    };
  }

  /** What has happened so far. Resolves to the number of each worker's last event. */
  private async past(conversation: Conversation): Promise<number[]> {
    const sorter = new Sorter();
    const last = this.queues.map(() => 0);
    const given = { ...conversation.arguments, follow: false };
    await Promise.all(
      this.queues.map((queue, index) =>
        this.listen(queue, given, conversation, (event) => {
          last[index] = Math.max(last[index] ?? 0, event.n);
          sorter.add(event);
        }),
      ),
    );
    for (const event of sorter.before(Infinity)) await conversation.send({ event });
    return last;
  }

  /** What happens from now on, until the client is gone. */
  private async present(conversation: Conversation, last: readonly number[]): Promise<void> {
    const sorter = new Sorter();
    const { signal } = conversation;
    const listening = this.queues.map((queue, index) =>
      this.listen(queue, { ...conversation.arguments, since: last[index] }, conversation, (event) =>
        sorter.add(event),
      ),
    );
    const over = Promise.allSettled(listening).then(() => true);
    while (!signal.aborted) {
      const done = await Promise.race([over, sleep(ROUND, false)]);
      const time = done ? Infinity : (systemClock.now - this.origin) / 1e6 - PATIENCE / 1000;
      for (const event of sorter.before(time)) await conversation.send({ event });
      if (done) return;
    }
  }

  private async listen(
    queue: Queue,
    given: Readonly<Record<string, unknown>>,
    { signal, incoming }: Conversation,
    each: (event: LogEvent) => void,
  ): Promise<void> {
    const send: Conversation['send'] = (message) => {
      if ('event' in message) each(message.event as LogEvent);
      return Promise.resolve();
    };
    await queue.converse('log', given, { signal, incoming, send });
  }
}

/** The file of `--log`. */
export class MergedLogFile {
  private readonly file: LogFile;
  private readonly sorter = new Sorter();
  /** By worker: nothing earlier will come. */
  private readonly marks: number[];
  private lost = 0;
  private begun = false;

  private constructor(file: LogFile, workers: number) {
    this.file = file;
    this.marks = new Array<number>(workers).fill(0);
  }

  /** @throws CliError when the file cannot be opened */
  static async open(
    path: string,
    workers: number,
    onFailure: (sentence: string) => void,
  ): Promise<MergedLogFile> {
    const file = await LogFile.open(path);
    file.onFailure = onFailure;
    return new MergedLogFile(file, workers);
  }

  /** The first line; events wait for it. */
  header(header: object): void {
    this.file.write(JSON.stringify(header));
    this.begun = true;
  }

  add(worker: number, events: readonly LogEvent[], mark: number): void {
    for (const event of events) this.sorter.add(event);
    this.marks[worker] = mark;
    if (!this.begun) return;
    for (const event of this.sorter.before(Math.min(...this.marks))) this.write(event);
  }

  /** Resolves to whether the file has all that was meant for it. */
  async close(): Promise<boolean> {
    for (const event of this.sorter.before(Infinity)) this.write(event);
    await this.file.close();
    return !this.file.incomplete;
  }

  private write(event: LogEvent): void {
    const { file } = this;
    if (file.full) {
      this.lost++;
      return;
    }
    if (this.lost > 0) {
      file.write(JSON.stringify({ t: event.t, n: event.n, ev: 'log:lost', data: { events: this.lost } }));
      this.lost = 0;
    }
    file.write(JSON.stringify(event));
  }
}
