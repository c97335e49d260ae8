/** What ends `fourwave up`: signals, failures, and the namespace that goes. */

import type { Logger } from 'pino';
import { EXIT_FAILED, EXIT_OK } from '../errors.ts';
import { watchNamespace } from './namespace-watch.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** After a signal it ends within a second, whatever hangs. */
export const STOP_PATIENCE = 800;

/** The first signal or failure ends the stack, the second the patience with its connections. */
export class Ending {
  asked = false;
  readonly first: Promise<number>;
  readonly second: Promise<void>;
  private readonly resolveFirst: (code: number) => void;
  private readonly resolveSecond: () => void;

  constructor() {
    let first: (code: number) => void = () => {};
    let second: () => void = () => {};
    this.first = new Promise((resolve) => (first = resolve));
    this.second = new Promise((resolve) => (second = resolve));
    this.resolveFirst = first;
    this.resolveSecond = second;
  }

  ask(code: number): void {
    if (this.asked) this.resolveSecond();
    this.asked = true;
    this.resolveFirst(code);
  }
}

/** Who read our output may leave (`up --json | head -1`): the stack goes on. */
function surviveDeafReaders(log: Logger): void {
  process.stdout.removeAllListeners('error');
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') log.warn(`stdout takes no more (${error.code}): the stack goes on`);
  });
}

/** From here on a signal undoes what has been done. */
export function endingBySignal(log: Logger): Ending {
  const end = new Ending();
  for (const signal of STOP_SIGNALS) process.on(signal, () => end.ask(EXIT_OK));
  surviveDeafReaders(log);
  return end;
}

/** Once the stack is there, what goes wrong ends it in order. Returns how to stop watching its namespace. */
export function endWithTrouble(end: Ending, netns: string | null, log: Logger): () => void {
  process.on('uncaughtException', (error) => {
    log.error(error);
    end.ask(EXIT_FAILED);
  });
  return watchNamespace(netns, () => {
    log.error(`the network namespace ${netns} was deleted: make it and start again`);
    end.ask(EXIT_FAILED);
  });
}
