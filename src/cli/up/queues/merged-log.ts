/** The event logs of several workers as one: for the file of `--log`, and for who asks with `fourwave log`. */

import type { LogEvent } from '../../../trace/log-event.ts';
import type { Conversation, Handler } from '../../control/server.ts';
import { EventLog } from '../event-log.ts';
import type { Mark } from './marked-log.ts';
import type { Queue } from './queue.ts';

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
  private readonly ownerOf: (conn: string) => Queue;

  constructor(queues: readonly Queue[], ownerOf: (conn: string) => Queue) {
    this.queues = queues;
    this.ownerOf = ownerOf;
  }

  get handler(): Handler {
    return async (conversation) => {
      const { conn, follow } = conversation.arguments;
      // What is asked for once is sent whole, also to who says no more.
      const until = follow === true ? conversation.signal : new AbortController().signal;
      const queues = typeof conn === 'string' ? [this.ownerOf(conn)] : this.queues;
      const sorter = new Sorter();
      const marks = queues.map(() => 0);
      let sending = Promise.resolve();
      const listening = queues.map((queue, index) =>
        queue.converse('log', conversation.arguments, {
          incoming: conversation.incoming,
          signal: until,
          send: (message) => {
            if (!('event' in message)) return Promise.resolve();
            const event = message.event as LogEvent | Mark;
            if (!('mark' in event)) {
              sorter.add(event);
              return Promise.resolve();
            }
            marks[index] = event.mark;
            const ready = sorter.before(Math.min(...marks));
            // A slow client holds back every worker.
            sending = sending.then(() => sendAll(conversation, ready));
            return sending;
          },
        }),
      );
      await Promise.all(listening);
      await sending;
      await sendAll(conversation, sorter.before(Infinity));
    };
  }
}

async function sendAll(conversation: Conversation, events: readonly LogEvent[]): Promise<void> {
  for (const event of events) await conversation.send({ event });
}

/** The file of `--log`. */
export class MergedLogFile {
  private readonly file: EventLog;
  private readonly sorter = new Sorter();
  /** By worker: nothing earlier will come. */
  private readonly marks: number[];
  private begun = false;

  private constructor(file: EventLog, workers: number) {
    this.file = file;
    this.marks = new Array<number>(workers).fill(0);
  }

  /** @throws CliError when the file cannot be opened */
  static async open(
    path: string,
    workers: number,
    onFailure: (sentence: string) => void,
  ): Promise<MergedLogFile> {
    return new MergedLogFile(await EventLog.open(path, onFailure), workers);
  }

  /** The first line; events wait for it. */
  header(header: object): void {
    this.file.header(header);
    this.begun = true;
  }

  add(worker: number, events: readonly LogEvent[], mark: number): void {
    for (const event of events) this.sorter.add(event);
    this.marks[worker] = mark;
    if (!this.begun) return;
    for (const event of this.sorter.before(Math.min(...this.marks))) this.file.add(event);
  }

  /** Resolves to whether the file has all that was meant for it. */
  async close(): Promise<boolean> {
    for (const event of this.sorter.before(Infinity)) this.file.add(event);
    return this.file.close();
  }
}
