/** `fourwave listen` on every queue: whichever worker gets a connection serves it, one at a time. */

import type { Conversation } from '../../control/server.ts';
import type { Client, Queue } from './queue.ts';

type Line = Record<string, unknown>;

/** What the client says goes to the worker whose turn it is; that it has ended, to all. */
class SharedInput {
  private readonly source: AsyncIterator<Line>;
  private readonly asking = new Map<Queue, (result: IteratorResult<Line>) => void>();
  private holder: Queue | null = null;
  private held: Line | null = null;
  private last: IteratorResult<Line> | null = null;
  private reading = false;

  constructor(source: AsyncIterator<Line>) {
    this.source = source;
  }

  next(queue: Queue): Promise<IteratorResult<Line>> {
    if (this.last !== null) return Promise.resolve(this.last);
    return new Promise((resolve) => {
      this.asking.set(queue, resolve);
      this.deal();
    });
  }

  give(queue: Queue | null): void {
    this.holder = queue;
    this.deal();
  }

  private deal(): void {
    const ask = this.holder === null ? undefined : this.asking.get(this.holder);
    if (ask === undefined) return;
    if (this.held !== null) {
      this.asking.delete(this.holder as Queue);
      const value = this.held;
      this.held = null;
      ask({ done: false, value });
    } else if (!this.reading) void this.read();
  }

  private async read(): Promise<void> {
    this.reading = true;
    const next: IteratorResult<Line> = await this.source
      .next()
      .catch(() => ({ done: true, value: undefined }));
    this.reading = false;
    if (next.done === true || next.value['end'] === true) {
      this.last = next;
      for (const ask of this.asking.values()) ask(next);
      this.asking.clear();
      return;
    }
    this.held = next.value;
    this.deal();
  }
}

/** One worker at a time. */
class Turn {
  private waiting: (() => void)[] = [];
  private taken = false;

  async take(): Promise<void> {
    if (this.taken) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.taken = true;
  }

  leave(): void {
    this.taken = false;
    this.waiting.shift()?.();
  }
}

/** Serves a client until its connection is over, or with `keep` until it is gone. @throws CliError */
export async function listenEverywhere(queues: readonly Queue[], conversation: Conversation): Promise<void> {
  const keep = conversation.arguments['keep'] === true;
  const input = new SharedInput(conversation.incoming);
  const turn = new Turn();
  const ends = new Map(queues.map((queue) => [queue, new AbortController()]));
  const endAllBut = (winner: Queue | null): void => {
    for (const [queue, end] of ends) if (queue !== winner) end.abort();
  };
  const clientOf = (queue: Queue): Client => ({
    incoming: { next: () => input.next(queue) },
    signal: AbortSignal.any([conversation.signal, (ends.get(queue) as AbortController).signal]),
    async send(message) {
      const event = 'event' in message ? (message.event as Line) : {};
      if (event['finished'] === true) {
        input.give(null);
        turn.leave();
        return;
      }
      if (event['accepted'] === true) {
        await turn.take();
        if (!keep) endAllBut(queue);
        input.give(queue);
      }
      await conversation.send(message);
    },
  });
  const given = { ...conversation.arguments, shared: true };
  const served = queues.map(async (queue) => {
    try {
      await queue.converse('listen', given, clientOf(queue));
    } catch (error) {
      // Who has lost the race for the only connection says so, and nobody is interested.
      if (ends.get(queue)?.signal.aborted === true) return;
      endAllBut(null);
      throw error;
    }
  });
  await Promise.allSettled(served);
  await Promise.all(served);
}
