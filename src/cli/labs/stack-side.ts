/** S's services and applications, as a lab's script has them: over the control socket of its stack. */

import type { AppControl, ServiceControl, ServiceOptions } from '../../labs/stage.ts';
import { StageError } from '../../labs/stage.ts';
import { CliError } from '../errors.ts';
import type { ServiceSeen } from '../up/lab-host.ts';

export type Ask = (command: string, args: Record<string, unknown>) => Promise<unknown>;

interface Seen {
  accepted: number;
  /** Latin-1. */
  received: string;
}

export class StackSide {
  private readonly ask: Ask;
  /** Of all stacks so far: one that is started again begins anew. */
  private readonly seen = new Map<string, Seen>();
  private before = new Map<string, Seen>();

  constructor(ask: Ask) {
    this.ask = ask;
  }

  /** A stack runs: starts its services. The stack itself must have started none. */
  async begin(settings: Readonly<Record<string, ServiceOptions>>, about: object): Promise<void> {
    this.before = new Map([...this.seen].map(([name, seen]) => [name, { ...seen }]));
    await this.tell({ verb: 'begin', settings, about });
  }

  /** Asks what the services have had meanwhile. */
  async refresh(): Promise<void> {
    const from = Object.fromEntries(
      [...this.seen].map(([name, { received }]) => [name, received.length - this.old(name).received.length]),
    );
    const now = (await this.tell({ verb: 'seen', from })) as Readonly<Record<string, ServiceSeen>>;
    for (const [name, { accepted, received }] of Object.entries(now)) {
      const seen = this.of(name);
      seen.accepted = this.old(name).accepted + accepted;
      seen.received += received;
    }
  }

  private old(name: string): Seen {
    return this.before.get(name) ?? { accepted: 0, received: '' };
  }

  private of(name: string): Seen {
    const seen = this.seen.get(name) ?? { accepted: 0, received: '' };
    this.seen.set(name, seen);
    return seen;
  }

  service(name: string): ServiceControl {
    const seen = this.of(name);
    return {
      stop: async () => {
        await this.tell({ verb: 'stop', name });
      },
      start: async (options = {}) => {
        await this.tell({ verb: 'start', name, options });
      },
      get accepted() {
        return seen.accepted;
      },
      get received() {
        return seen.received;
      },
    };
  }

  /** Options were changed: listeners are to have them too. */
  async relisten(): Promise<void> {
    await this.tell({ verb: 'relisten' });
  }

  /** `conn`: what the running stack calls the connection now. */
  app(conn: () => string | undefined): AppControl {
    const call = async (op: string, more: object = {}): Promise<void> => {
      await this.tell({ verb: 'app', op, conn: conn(), ...more });
    };
    return {
      close: () => call('close'),
      abort: () => call('abort'),
      shutdown: () => call('shutdown'),
      pause: () => call('pause'),
      resume: () => call('resume'),
      read: (bytes) => call('read', { bytes }),
      write: (text) => call('write', { data: Buffer.from(text as string).toString('base64') }),
    };
  }

  /** An event of the lab, in the stack's log. */
  async note(ev: string, data: object): Promise<void> {
    await this.tell({ verb: 'note', ev, data });
  }

  private async tell(args: Record<string, unknown>): Promise<unknown> {
    try {
      return await this.ask('lab', args);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      throw new StageError(/\bE[A-Z]{4,}\b/.exec(error.message)?.[0] ?? 'EINVAL', error.message);
    }
  }
}
