/** Port → listeners. Few, so that a small map of arrays does. */

import type { Listener } from './listener.ts';

export class ListenerTable {
  private readonly byPort = new Map<number, Listener[]>();
  private readonly all: Listener[] = [];

  /** The listener that a SYN to this address and port belongs to; an exact address before "any". */
  find(address: number, port: number): Listener | null {
    const candidates = this.byPort.get(port);
    if (candidates === undefined) return null;
    let any: Listener | null = null;
    for (let i = 0; i < candidates.length; i++) {
      const listener = candidates[i] as Listener;
      if (listener.address === address) return listener;
      if (listener.address === 0) any = listener;
    }
    return any;
  }

  /** Whether a new listener on this address and port would contradict one that exists. */
  conflicts(address: number, port: number): boolean {
    const candidates = this.byPort.get(port) ?? [];
    return candidates.some((other) => other.address === address || other.address === 0 || address === 0);
  }

  hasPort(port: number): boolean {
    return this.byPort.has(port);
  }

  add(listener: Listener): void {
    const candidates = this.byPort.get(listener.port);
    if (candidates === undefined) this.byPort.set(listener.port, [listener]);
    else candidates.push(listener);
    this.all.push(listener);
  }

  remove(listener: Listener): void {
    const candidates = this.byPort.get(listener.port) ?? [];
    const rest = candidates.filter((other) => other !== listener);
    if (rest.length === 0) this.byPort.delete(listener.port);
    else this.byPort.set(listener.port, rest);
    this.all.splice(this.all.indexOf(listener), 1);
  }

  get list(): readonly Listener[] {
    return this.all;
  }
}
