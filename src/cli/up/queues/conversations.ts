/** The worker's end of the conversations that clients of the control socket have with it. */

import type { MessagePort } from 'node:worker_threads';
import type { Message } from '../../control/protocol.ts';
import type { Conversation, Handler } from '../../control/server.ts';
import { describe, missing, usage } from '../../errors.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Messages of a stream that may be on their way to the client. */
const MOST_AHEAD = 64;

/** A connection is served when the client is free for it. */
function isGate(event: unknown): boolean {
  return (event as { accepted?: unknown }).accepted === true;
}

/** One conversation. What it waits for comes as messages from the main thread. */
class Remote implements Conversation {
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly incoming: AsyncIterator<Record<string, unknown>>;
  private readonly gone = new AbortController();
  private readonly post: (message: FromWorker) => void;
  private readonly id: number;
  /** Messages, and those of them that the client has taken. */
  private sent = 0;
  private taken = 0;
  /** Who waits, and for how many to be taken. */
  private waiting: { readonly until: number; readonly go: () => void }[] = [];
  private said: ((value: Record<string, unknown> | null) => void) | null = null;

  constructor(id: number, args: Readonly<Record<string, unknown>>, post: (message: FromWorker) => void) {
    this.id = id;
    this.arguments = args;
    this.post = post;
    this.incoming = { next: () => this.next() };
  }

  get signal(): AbortSignal {
    return this.gone.signal;
  }

  send(message: Message): Promise<void> {
    if (this.signal.aborted) return Promise.reject(missing('the client is gone'));
    this.post({ type: 'send', id: this.id, message });
    const gate = 'event' in message && isGate(message.event);
    const until = ++this.sent - (gate ? 0 : MOST_AHEAD);
    if (this.taken >= until) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const go = (): void => (this.signal.aborted ? reject(missing('the client is gone')) : resolve());
      this.waiting.push({ until, go });
    });
  }

  heard(message: ToWorker): void {
    if (message.type === 'taken') {
      this.taken++;
      const ready = this.waiting.filter(({ until }) => until <= this.taken);
      this.waiting = this.waiting.filter(({ until }) => until > this.taken);
      for (const { go } of ready) go();
    } else if (message.type === 'said') {
      const { said } = this;
      this.said = null;
      said?.(message.value);
    } else if (message.type === 'gone') this.over();
  }

  private over(): void {
    this.gone.abort();
    for (const { go } of this.waiting.splice(0)) go();
    this.said?.(null);
  }

  private next(): Promise<IteratorResult<Record<string, unknown>>> {
    if (this.signal.aborted) return Promise.resolve({ done: true, value: undefined });
    this.post({ type: 'more', id: this.id });
    return new Promise((resolve) => {
      this.said = (value) =>
        resolve(value === null ? { done: true, value: undefined } : { done: false, value });
    });
  }
}

/** Answers what the main thread asks with the handlers of this worker's stack. */
export function serveCalls(
  port: MessagePort,
  handlers: ReadonlyMap<string, Handler>,
  stop: () => void,
): void {
  const open = new Map<number, Remote>();
  const post = (message: FromWorker): void => port.postMessage(message);
  const answer = async (id: number, command: string, remote: Remote): Promise<void> => {
    try {
      const handler = handlers.get(command);
      if (handler === undefined) throw usage(`the running stack does not know the command ${command}`);
      post({ type: 'done', id, result: await handler(remote) });
    } catch (error) {
      const { exitCode: exit, message } = describe(error);
      post({ type: 'error', id, failure: { exit, message } });
    } finally {
      open.delete(id);
    }
  };
  port.on('message', (message: ToWorker) => {
    if (message.type === 'stop') stop();
    else if (message.type === 'call') {
      const remote = new Remote(message.id, message.arguments, post);
      open.set(message.id, remote);
      void answer(message.id, message.command, remote);
    } else open.get(message.id)?.heard(message);
  });
}
