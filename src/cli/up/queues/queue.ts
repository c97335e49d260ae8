/** The main thread's end of one worker. */

import { Worker } from 'node:worker_threads';
import type { LogEvent } from '../../../trace/log-event.ts';
import type { Conversation } from '../../control/server.ts';
import { CliError } from '../../errors.ts';
import type { FromWorker, ToWorker, WorkerFailure, WorkerReady, WorkerStart } from './messages.ts';

/** What is said in a conversation that has no client: nothing. */
export const SILENCE: AsyncIterator<Record<string, unknown>> = {
  next: () => Promise.resolve({ done: true, value: undefined }),
};

/** Whom a conversation with a worker is for. */
export type Client = Pick<Conversation, 'incoming' | 'signal' | 'send'>;

interface Open {
  readonly client: Client;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How the thread of a queue tells of itself. */
export interface QueueListener {
  events(index: number, events: readonly LogEvent[], mark: number): void;
  /** The stack behind this queue cannot go on. */
  broken(sentence: string): void;
}

const PROGRAM = new URL('./worker.js', import.meta.url);

export class Queue {
  readonly index: number;
  private readonly worker: Worker;
  private readonly listener: QueueListener;
  private readonly open = new Map<number, Open>();
  private nextId = 0;
  private begun: { resolve: (ready: WorkerReady) => void; reject: (error: Error) => void } | null = null;
  private readonly exited: Promise<void>;
  private stopping = false;

  constructor(start: WorkerStart, listener: QueueListener) {
    this.index = start.index;
    this.listener = listener;
    this.worker = new Worker(PROGRAM, { workerData: start, name: `queue ${start.index}` });
    this.worker.on('message', (message: FromWorker) => this.heard(message));
    this.worker.on('error', (error) => this.failed(error));
    this.exited = new Promise((resolve) => this.worker.once('exit', () => resolve()));
    void this.exited.then(() => {
      if (!this.stopping) this.failed(new Error(`the worker of queue ${start.index} has ended`));
    });
  }

  /** Resolves when the stack is up. @throws CliError or Error */
  get ready(): Promise<WorkerReady> {
    return new Promise((resolve, reject) => {
      this.begun = { resolve, reject };
    });
  }

  /** One question, one answer. @throws CliError of the worker's side */
  call(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const nobody = { incoming: SILENCE, signal: new AbortController().signal, send: () => Promise.resolve() };
    return this.converse(command, args, nobody);
  }

  /** The worker serves a client. Resolves to the result. @throws CliError of the worker's side */
  converse(command: string, args: Readonly<Record<string, unknown>>, client: Client): Promise<unknown> {
    const id = this.nextId++;
    const gone = (): void => this.post({ type: 'gone', id });
    return new Promise<unknown>((resolve, reject) => {
      this.open.set(id, { client, resolve, reject });
      client.signal.addEventListener('abort', gone);
      this.post({ type: 'call', id, command, arguments: args });
      if (client.signal.aborted) gone();
    }).finally(() => {
      this.open.delete(id);
      client.signal.removeEventListener('abort', gone);
    });
  }

  /** Asks the worker to reset its connections and end. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.post({ type: 'stop' });
    await this.exited;
  }

  private heard(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.begun?.resolve(message);
        break;
      case 'refused':
        this.begun?.reject(errorOf(message.failure));
        break;
      case 'broken':
        this.listener.broken(message.message);
        break;
      case 'events':
        this.listener.events(this.index, message.events, message.mark);
        break;
      default:
        this.inConversation(message);
    }
  }

  private inConversation(message: Extract<FromWorker, { id: number }>): void {
    const { id } = message;
    const open = this.open.get(id);
    if (open === undefined) return;
    if (message.type === 'done') open.resolve(message.result);
    else if (message.type === 'error') open.reject(errorOf(message.failure));
    else if (message.type === 'send') {
      const taken = (): void => this.post({ type: 'taken', id });
      // Who is gone is told so by the signal.
      open.client.send(message.message).then(taken, () => this.post({ type: 'gone', id }));
    } else {
      const said = (value: Record<string, unknown> | null): void => this.post({ type: 'said', id, value });
      open.client.incoming.next().then(
        (next) => said(next.done === true ? null : next.value),
        () => said(null),
      );
    }
  }

  private failed(error: unknown): void {
    const sentence = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.begun?.reject(error instanceof Error ? error : new Error(sentence));
    for (const { reject } of this.open.values()) reject(new Error('the worker has ended'));
    this.listener.broken(sentence);
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}

function errorOf({ exit, message }: WorkerFailure): CliError {
  return new CliError(exit, message);
}
