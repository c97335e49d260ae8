/** A stack's connections as rules see them. Looking changes nothing, also in the middle of a turn. */

import type { Stack } from '../stack/stack.ts';
import { KIND_CONNECTION, KIND_TIME_WAIT, type Tcb } from '../tcp/tcb.ts';
import type { ConnectionLookup, ConnectionSight } from './world.ts';

class StackLookup implements ConnectionLookup {
  private readonly stack: Pick<Stack, 'tcp'>;
  /** Compact records are expanded here: the engine's own scratch block may be in use. */
  private spare: Tcb | null = null;

  constructor(stack: Pick<Stack, 'tcp'>) {
    this.stack = stack;
  }

  between(local: number, localPort: number, peer: number, peerPort: number): ConnectionSight | null {
    const flow = this.stack.tcp.context.flows.find(local, peer, localPort, peerPort);
    return flow < 0 ? null : sightOf(this.blockOf(flow));
  }

  byId(id: number): ConnectionSight | null {
    let found: ConnectionSight | null = null;
    this.forEach((connection) => {
      if (connection.id === id) found = connection;
    });
    return found;
  }

  forEach(visit: (connection: ConnectionSight) => void): void {
    const { flows } = this.stack.tcp.context;
    for (let flow = 0; flow < flows.limit; flow++) {
      if (flows.isUsed(flow)) visit(sightOf(this.blockOf(flow)));
    }
  }

  listens(address: number, port: number): boolean {
    const any = this.stack.tcp.context.listeners.list;
    return any.some(
      (listener) => listener.port === port && (listener.address === 0 || listener.address === address),
    );
  }

  private blockOf(flow: number): Tcb {
    const { context } = this.stack.tcp;
    const { flows } = context;
    const index = flows.indexOf(flow);
    const kind = flows.kindOf(flow);
    if (kind === KIND_CONNECTION) return context.blocks[index] as Tcb;
    this.spare ??= context.newBlock();
    const tcb = this.spare;
    tcb.resetForRecord();
    tcb.localAddress = flows.localAddress(flow);
    tcb.peerAddress = flows.peerAddress(flow);
    tcb.localPort = flows.localPort(flow);
    tcb.peerPort = flows.peerPort(flow);
    if (kind === KIND_TIME_WAIT) context.timeWait.expand(index, tcb);
    else context.synReceived.expand(index, tcb);
    tcb.setRecordState();
    return tcb;
  }
}

function sightOf(tcb: Tcb): ConnectionSight {
  const {
    id,
    incarnation,
    state,
    snd,
    rcv,
    timestamps: { recent: tsRecent },
  } = tcb;
  const { localAddress, localPort, peerAddress, peerPort } = tcb;
  return {
    ...{ id, incarnation, state, tsRecent, localAddress, localPort, peerAddress, peerPort },
    iss: snd.iss,
    irs: rcv.irs,
    sndNxt: snd.nxt,
    rcvNxt: rcv.nxt,
    rcvWnd: rcv.wnd,
    rcvShift: rcv.shift,
    sndShift: snd.shift,
    timestamps: tcb.timestamps.agreed,
  };
}

/** The read-only look that a fault layer needs of its stack. */
export function lookupIn(stack: Pick<Stack, 'tcp'>): ConnectionLookup {
  return new StackLookup(stack);
}
