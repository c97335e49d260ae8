/** S's event log in a simulation: everything, kept for good, with what K's stack says about itself. */

import type { VirtualClock } from '../../base/virtual-clock.ts';
import type { Tcb } from '../../tcp/tcb.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { TraceRecorder } from '../../trace/recorder.ts';

/** What the recorder must know of a connection to write about it when its block has another owner. */
type Known = Pick<Tcb, 'id' | 'incarnation'> & {
  readonly snd: { readonly iss: number };
  readonly rcv: { readonly irs: number };
};

/** The four-tuple, S's side first. */
const keyOf = (local: number, localPort: number, peer: number, peerPort: number): string =>
  `${local}:${localPort} ${peer}:${peerPort}`;

export class LabRecorder extends TraceRecorder {
  readonly history: LogEvent[] = [];
  /** The highest number of a connection so far. */
  lastId = 0;
  /** Hears every event at once. Must not call the stack. */
  hearer: ((event: LogEvent) => void) | null = null;
  /** States of K that S could not know a connection for yet. */
  private readonly early = new Map<string, string>();
  private readonly newest = new Map<string, Known>();

  constructor(clock: VirtualClock) {
    super({ clock, detail: 'full', connections: 4096, perConnection: 8, events: 64 });
    this.onEvent = () => {
      const event = this.latest;
      if (event === undefined) return;
      this.history.push(event);
      this.hearer?.(event);
    };
  }

  override connectionOpened(tcb: Tcb): void {
    super.connectionOpened(tcb);
    const { id, incarnation, localAddress, localPort, peerAddress, peerPort } = tcb;
    this.lastId = Math.max(this.lastId, id);
    const known = { id, incarnation, snd: { iss: tcb.snd.iss }, rcv: { irs: tcb.rcv.irs } };
    const key = keyOf(localAddress, localPort, peerAddress, peerPort);
    this.newest.set(key, known);
    const state = this.early.get(key);
    if (state !== undefined) this.tellPeer(state, known);
    this.early.delete(key);
  }

  /** K's end of a connection is in another state. S's newest connection of that four-tuple is meant. */
  peerChanged(peer: Tcb): void {
    const key = keyOf(peer.peerAddress, peer.peerPort, peer.localAddress, peer.localPort);
    const known = this.newest.get(key);
    // Its SYN is on the way to what will be a new connection.
    if (known === undefined || peer.state === 'SYN-SENT') this.early.set(key, peer.state);
    else this.tellPeer(peer.state, known);
  }

  private tellPeer(state: string, known: Known): void {
    const between = [this.elapsed, this.elapsed];
    this.note('peer:state', { state, source: 'observed', between }, known as unknown as Tcb);
  }
}
