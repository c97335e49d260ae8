/** Which sockets hold which ports, and Linux's rules of who may share one (inet_csk_bind_conflict). */

import type { TcpEngine } from '../tcp/engine.ts';
import type { PosixSocket } from './socket.ts';

interface Claim {
  readonly address: number;
  readonly port: number;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
}

export class Bindings {
  private readonly engine: TcpEngine;
  private readonly bound = new Set<PosixSocket>();
  /** Where the search for a free port goes on. */
  private cursor = 0;

  constructor(engine: TcpEngine) {
    this.engine = engine;
  }

  /** `socket` has its address and port from now on. */
  add(socket: PosixSocket): void {
    this.bound.add(socket);
  }

  remove(socket: PosixSocket): void {
    this.bound.delete(socket);
  }

  /** Whether `socket` may not have this address (int32, 0 = any) and port. */
  conflicts(socket: PosixSocket, address: number, port: number): boolean {
    const { reuseAddress, reusePort } = socket.options;
    const claim = { address, port, reuseAddress, reusePort };
    return this.socketConflicts(socket, claim) || this.engineConflicts(claim);
  }

  /** A free ephemeral port for `address`, or 0 when all are taken. */
  choosePort(socket: PosixSocket, address: number): number {
    const { ephemeralFirst, ephemeralLast } = this.engine.config;
    const count = ephemeralLast - ephemeralFirst + 1;
    for (let tries = 0; tries < count; tries++) {
      const port = ephemeralFirst + (this.cursor++ % count);
      if (!this.conflicts(socket, address, port)) return port;
    }
    return 0;
  }

  private socketConflicts(socket: PosixSocket, claim: Claim): boolean {
    for (const other of this.bound) {
      if (other === socket || other.port !== claim.port || !overlap(other.address, claim.address)) continue;
      const options = other.options;
      const shared = claim.reuseAddress && options.reuseAddress && other.listener === null;
      if (!shared && !(claim.reusePort && options.reusePort)) return true;
    }
    return false;
  }

  /** Listeners and connections of others, connections without a socket, TIME-WAIT. */
  private engineConflicts(claim: Claim): boolean {
    let found = false;
    this.engine.forEachListener((listener) => {
      const ours = listener.port === claim.port && overlap(listener.address, claim.address);
      if (ours && !claim.reusePort) found = true;
    });
    if (found) return true;
    this.engine.forEachConnection((tcb) => {
      if (tcb.localPort !== claim.port || !overlap(tcb.localAddress, claim.address)) return;
      if (!(claim.reuseAddress && tcb.reuseAddress) && !claim.reusePort) found = true;
    });
    return found;
  }
}

function overlap(one: number, other: number): boolean {
  return one === 0 || other === 0 || one === other;
}
