/** What `fourwave close|abort|pause|resume CONN` does to a connection of an application in this process. */

import type { NodeStack } from '../../index.ts';
import { CliError, EXIT_FAILED } from '../errors.ts';

/** What owns a connection that `net` has opened. */
interface NetOwner {
  reading: boolean;
  readStart(): void;
  readStop(): void;
  readonly user: { end(): void; resetAndDestroy(): void } | null;
}

export type ConnectionCall = 'close' | 'abort' | 'pause' | 'resume';

export class ConnectionCalls {
  private readonly stack: NodeStack;
  /** Whether a paused owner's stream has asked for bytes meanwhile. */
  private readonly paused = new WeakMap<NetOwner, { wanted: boolean }>();

  constructor(stack: NodeStack) {
    this.stack = stack;
  }

  /** @throws CliError when there is no such connection, or no application holds it */
  call(call: ConnectionCall, id: string): void {
    const tcb = this.stack.tcp.connection(Number(id.slice(1)));
    if (tcb === null)
      throw new CliError(EXIT_FAILED, `there is no connection ${id} that an application holds`);
    const owner = tcb.owner as unknown as Partial<NetOwner> | null;
    if (owner === null)
      throw new CliError(EXIT_FAILED, `${id} is in ${tcb.state} and no application holds it any more`);
    const user = owner.user ?? null;
    if (call === 'close') {
      if (user === null) this.stack.tcp.close(tcb);
      else user.end();
    } else if (call === 'abort') {
      if (user === null) this.stack.tcp.abort(tcb);
      else user.resetAndDestroy();
    } else if (user === null || owner.readStart === undefined) {
      throw new CliError(EXIT_FAILED, `the application of ${id} does not read anyway`);
    } else if (call === 'pause') {
      this.pause(owner as NetOwner);
    } else {
      this.resume(owner as NetOwner);
    }
  }

  /** The stream may go on asking: it gets nothing until `resume`. */
  private pause(owner: NetOwner): void {
    if (this.paused.has(owner)) return;
    const state = { wanted: owner.reading };
    this.paused.set(owner, state);
    owner.readStop();
    owner.readStart = () => {
      state.wanted = true;
    };
  }

  private resume(owner: NetOwner): void {
    const state = this.paused.get(owner);
    if (state === undefined) return;
    this.paused.delete(owner);
    Reflect.deleteProperty(owner, 'readStart');
    if (state.wanted) owner.readStart();
  }
}
