/** What the kernel says of the other ends of our connections, as events: `peer:state`, observed. */

import type { Device } from '../../device/device.ts';
import { type KernelSocket, socketsTalkingTo } from '../../device/socket-diagnosis.ts';
import { TunDevice } from '../../device/tun.ts';
import type { NodeStack } from '../../index.ts';
import type { Tcb } from '../../tcp/tcb.ts';
import type { TraceRecorder } from '../../trace/recorder.ts';
import { parseAddress } from '../../wire/address.ts';

/** When the kernel was asked, and when it had answered, seconds. */
type Bounds = readonly [asked: number, told: number];

const EVERY = 100;
/** With more connections than this nobody looks at each. */
const MOST_CONNECTIONS = 512;

export interface PeerWatchOptions {
  /** Of a TUN the other side can be asked. */
  readonly device: Device;
  readonly stack: NodeStack;
  readonly recorder: TraceRecorder;
  /** Of the stack. */
  readonly addresses: readonly string[];
}

/** Looks ten times a second while there are connections, as long as there is something to ask. */
export function watchPeers(options: PeerWatchOptions): void {
  const watch = new PeerWatch(options);
  const timer = setInterval(() => {
    try {
      if (watch.look()) return;
    } catch {
      // This kernel has no sock_diag: states are inferred, as before.
    }
    clearInterval(timer);
  }, EVERY);
  timer.unref();
}

export class PeerWatch {
  private readonly options: PeerWatchOptions;
  private readonly remotes: readonly number[];
  /** What was last said of each connection, by its ends. */
  private said = new Map<string, { tcb: number; what: string }>();

  constructor(options: PeerWatchOptions) {
    this.options = options;
    this.remotes = options.addresses.map((address) => parseAddress(address) ?? 0);
  }

  /** One look at the kernel's sockets; false when nobody can be asked. */
  look(): boolean {
    const { stack, device, recorder } = this.options;
    const socket = device instanceof TunDevice ? device.diagnosis : -1;
    if (socket < 0) return false;
    const { connections, timeWait, synReceived } = stack.tcp.stats;
    const count = connections + timeWait + synReceived;
    if (count === 0 || count > MOST_CONNECTIONS) return true;
    const asked = recorder.elapsed;
    const sockets = this.remotes.flatMap((remote) => socketsTalkingTo(socket, remote));
    this.compare(sockets, [asked, recorder.elapsed]);
    return true;
  }

  /** Says what is new in `sockets`. */
  compare(sockets: readonly KernelSocket[], between: Bounds): void {
    const now: typeof this.said = new Map();
    for (const socket of sockets) {
      const tcb = this.connectionOf(socket);
      if (tcb === null) continue;
      const key = `${socket.localAddress}:${socket.localPort} ${socket.peerAddress}:${socket.peerPort}`;
      const what = [socket.state, socket.timer, socket.recvQ > 0, socket.sendQ > 0].join();
      const before = this.said.get(key);
      now.set(key, { tcb: tcb.id, what });
      this.said.delete(key);
      if (before?.tcb !== tcb.id || before.what !== what) this.tell(tcb, socket, between);
    }
    this.gone(between);
    this.said = now;
  }

  /** Of those that are left the kernel knows nothing any more. */
  private gone(between: Bounds): void {
    const { stack, recorder } = this.options;
    const left = new Set([...this.said.values()].map(({ tcb }) => tcb));
    if (left.size === 0) return;
    stack.tcp.forEachConnection((tcb) => {
      if (!left.has(tcb.id)) return;
      recorder.note('peer:state', { state: 'CLOSED', ...this.observed(between) }, tcb);
    });
  }

  private tell(tcb: Tcb, socket: KernelSocket, between: Bounds): void {
    const { state, recvQ, sendQ, timer, expiresMs, retries } = socket;
    const running = timer === '' ? {} : { timer: `${timer},${expiresMs}ms,${retries}` };
    this.options.recorder.note(
      'peer:state',
      { state, ...this.observed(between), recvQ, sendQ, ...running },
      tcb,
    );
  }

  private observed(between: Bounds): object {
    return { source: 'observed', between };
  }

  private connectionOf({ localAddress, localPort, peerAddress, peerPort }: KernelSocket): Tcb | null {
    return this.options.stack.tcp.connectionBetween(peerAddress, peerPort, localAddress, localPort);
  }
}
