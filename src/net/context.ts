/** What all sockets and servers of one `stack.net` share. */

import type { TcpEngine } from '../tcp/engine.ts';

/** What `stack.net` needs of its stack. */
export interface NetStack {
  readonly tcp: TcpEngine;
  /** Looks at the clock before a call from outside of a turn. */
  refreshClock?(): void;
}

/** Whoever keeps the process alive, and ends with the stack. */
export interface Holder {
  /** The stack is closed: nothing will ever come any more. */
  stackClosed(): void;
}

/** setInterval's longest period, ms. */
const FOREVER_MS = 0x7fffffff;

export class NetContext {
  readonly stack: NetStack;
  /** Open connections and listeners. */
  private readonly holders = new Set<Holder>();
  /** Those of them that do not keep the process alive: few. */
  private readonly unreferenced = new Set<Holder>();
  private anchor: NodeJS.Timeout | null = null;

  constructor(stack: NetStack) {
    this.stack = stack;
  }

  /** The engine, with the clock looked at: for calls. */
  get engine(): TcpEngine {
    this.stack.refreshClock?.();
    return this.stack.tcp;
  }

  hold(holder: Holder): void {
    this.holders.add(holder);
    this.keepAlive();
  }

  release(holder: Holder): void {
    this.holders.delete(holder);
    this.unreferenced.delete(holder);
    this.keepAlive();
  }

  /** Whether `holder` keeps the process alive. */
  setReferenced(holder: Holder, on: boolean): void {
    if (on || !this.holders.has(holder)) this.unreferenced.delete(holder);
    else this.unreferenced.add(holder);
    this.keepAlive();
  }

  private keepAlive(): void {
    if (this.holders.size > this.unreferenced.size) {
      this.anchor ??= setInterval(() => {}, FOREVER_MS);
    } else if (this.anchor !== null) {
      clearInterval(this.anchor);
      this.anchor = null;
    }
  }

  /** Ends all sockets and servers without an error. */
  stackClosed(): void {
    for (const holder of [...this.holders]) holder.stackClosed();
  }
}
