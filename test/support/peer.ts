/**
 * A stack at 10.9.0.2 on a packet device and a virtual clock, and a scripted peer at 10.9.0.1 that
 * builds each of its packets by hand and looks at each packet that the stack sends.
 *
 *     const bed = testbed();
 *     const app = bed.peer.handshake('passive');
 *     bed.peer.send({ flags: 'PA', data: 10 });
 *     bed.advance(40);
 *     bed.peer.expect({ flags: 'A', seq: 1, ack: 11, length: 0 });
 *     bed.peer.expectNothing();
 *
 * The peer's sequence numbers are relative to its ISN and the stack's to the ISS of its last SYN: a
 * SYN is 0, the first byte is 1. The stack's ISS counts as 0 until it has sent a SYN.
 */

import assert from 'node:assert/strict';
import { SeededRandom } from '../../src/base/random.ts';
import { REASON, type ReasonName } from '../../src/base/reasons.ts';
import { type VirtualClock, virtualClock } from '../../src/base/virtual-clock.ts';
import type { Offload } from '../../src/device/memory-link.ts';
import { type PacketDevice, packetDevice, type SentPacketInfo } from '../../src/device/packet-device.ts';
import { splitSuperPacket } from '../../src/device/split-super-packet.ts';
import type { IpTrace } from '../../src/ip/trace.ts';
import type { ConfigValue, Profile } from '../../src/stack/config.ts';
import { Stack } from '../../src/stack/stack.ts';
import type { OpenOptions } from '../../src/tcp/engine.ts';
import type { Listener } from '../../src/tcp/listener.ts';
import type { TcpTrace } from '../../src/tcp/trace.ts';
import { Application } from './application.ts';
import { PEER_ADDRESS, Peer, type PeerOptions, STACK_ADDRESS } from './scripted-peer.ts';
import { address, type DecodedSegment, decodePacket, ipPacket } from './segment.ts';

export type { Expected, HandshakeOptions, Outgoing, Peer, PeerOptions, Sent } from './scripted-peer.ts';
export { PEER_ADDRESS, STACK_ADDRESS } from './scripted-peer.ts';

/** ISNs of the peer at the places where signed, unsigned and wrapping arithmetic differ. */
export const EDGE_ISNS = [0, 0x7fffffff, 0x80000000, 0xffffff00] as const;

export interface TestbedOptions {
  config?: Record<string, ConfigValue>;
  profile?: Profile;
  mtu?: number;
  /** Default: off. The peer sees segments of the wire in any case. */
  offload?: Offload;
  addresses?: string[];
  /** ISN of {@link Testbed.peer}. */
  isn?: number;
  seed?: number;
  /** µs at which the clock starts. */
  start?: number;
  /** Hears every event of the stack. */
  trace?: TcpTrace & IpTrace;
}

export class Testbed {
  readonly clock: VirtualClock;
  readonly device: PacketDevice;
  readonly stack: Stack;
  /** The peer that most tests need. */
  readonly peer: Peer;
  /** Every packet that the stack has sent, as it was on the wire. */
  readonly packets: Uint8Array[] = [];
  /** What the device was told about each frame, oldest first. */
  readonly frames: (SentPacketInfo & { readonly length: number })[] = [];
  /** What was accepted by {@link listen}, oldest first. */
  readonly accepted: Application[] = [];
  private readonly peers: Peer[] = [];
  private readonly others: Uint8Array[] = [];
  private readonly strays: DecodedSegment[] = [];
  private readonly started: number;

  constructor(options: TestbedOptions) {
    this.clock = virtualClock(options.start ?? 1_000_000_000);
    this.started = this.clock.now;
    this.device = packetDevice({ mtu: options.mtu ?? 1500, offload: options.offload ?? 'off' });
    this.stack = new Stack({
      device: this.device,
      address: options.addresses ?? [`${STACK_ADDRESS}/24`],
      clock: this.clock,
      random: new SeededRandom(options.seed ?? 1),
      config: options.config ?? {},
      trace: options.trace ?? null,
      ...(options.profile === undefined ? {} : { profile: options.profile }),
    });
    // Whoever rests whenever he can must be found unchanged by all these tests.
    this.stack.tcp.context.resting.insist();
    const mtu = this.device.mtu;
    this.device.onPacket((bytes, info) => {
      this.frames.push({ ...info, length: bytes.length });
      for (const packet of info.gsoSize > 0 ? splitSuperPacket(bytes, info.gsoSize) : [bytes]) {
        assert.ok(packet.length <= mtu, `a packet of ${packet.length} bytes at an MTU of ${mtu}`);
        this.packets.push(packet);
        this.sort(packet);
      }
    });
    this.peer = this.newPeer(options.isn === undefined ? {} : { isn: options.isn });
  }

  /** ms since the test began. */
  get now(): number {
    return (this.clock.now - this.started) / 1000;
  }

  /** Lets `ms` pass; every timer on the way expires in its order. */
  advance(ms: number): void {
    this.clock.advanceTo(this.clock.now + Math.round(ms * 1000));
  }

  /** Another peer: another port, or another address, of the same network. */
  newPeer(options: PeerOptions = {}): Peer {
    const peer = new Peer(this, { port: 40000 + this.peers.length, ...options });
    this.peers.push(peer);
    return peer;
  }

  /** A listener whose connections are accepted at once, in {@link accepted}. */
  listen(
    port = 7,
    options: { autoRead?: boolean; backlog?: number; address?: string; accept?: boolean } = {},
  ): Listener {
    this.stack.refreshClock();
    const listener = this.stack.tcp.listen(
      { address: address(options.address ?? '0.0.0.0') | 0, port, backlog: options.backlog ?? 16 },
      {
        connectionsWaiting: (waiting) => {
          while (options.accept !== false && waiting.acceptQueue.length > 0)
            this.accept(waiting, options.autoRead);
        },
      },
    );
    this.stack.settle();
    return listener;
  }

  accept(listener: Listener, autoRead = true): Application {
    const app = new Application(this.stack, autoRead);
    const tcb = this.stack.tcp.accept(listener, app);
    assert.ok(tcb !== null, 'a connection waits to be accepted');
    app.own(tcb);
    this.accepted.push(app);
    return app;
  }

  /** An active open; its SYN is out when this returns. */
  connect(peer: Peer, options: Partial<OpenOptions> & { autoRead?: boolean } = {}): Application {
    const { autoRead, ...open } = options;
    const app = new Application(this.stack, autoRead ?? true);
    this.stack.refreshClock();
    const tcb = this.stack.tcp.connect(
      { localAddress: 0, localPort: 0, peerAddress: peer.address | 0, peerPort: peer.port, ...open },
      app,
    );
    app.own(tcb);
    peer.stackPort = tcb.localPort;
    this.stack.settle();
    return app;
  }

  /** Several packets for one turn. */
  batch(inject: () => void): void {
    let done = false;
    const user = {
      nextDeadline: () => (done ? Infinity : this.clock.now),
      runDue: () => {
        done = true;
        inject();
      },
    };
    this.clock.register(user);
    this.clock.settle();
    this.clock.unregister(user);
  }

  inject(packet: Uint8Array): void {
    this.device.inject(packet);
  }

  /** An ICMP error about a packet that the stack has sent. `rest`: the second word of the ICMP header. */
  icmp(type: number, code: number, about: Uint8Array, rest = 0): void {
    const quoted = about.subarray(0, Math.min(about.length, 20 + 28));
    const message = new Uint8Array(8 + quoted.length);
    const view = new DataView(message.buffer);
    message[0] = type;
    message[1] = code;
    view.setUint32(4, rest);
    message.set(quoted, 8);
    let sum = 0;
    for (let i = 0; i < message.length; i++) sum += (message[i] as number) << (i & 1 ? 0 : 8);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(2, ~sum & 0xffff);
    const ip = { ttl: 64, tos: 0, ipOptions: new Uint8Array(0) };
    const source = address(PEER_ADDRESS);
    this.inject(ipPacket({ ...ip, source, destination: address(STACK_ADDRESS) }, 1, message));
  }

  /** Nothing at all went out, ICMP and segments for no peer included, and nothing was thrown. */
  expectSilence(): void {
    for (const peer of this.peers) peer.expectNothing();
    assert.deepEqual(this.strays, []);
    assert.deepEqual(this.others, []);
  }

  /** Packets of other protocols since the last call. */
  takeOthers(): Uint8Array[] {
    return this.others.splice(0);
  }

  /** The records of `ss -a --json`, without listeners. */
  connections(): ReturnType<Stack['connections']> {
    return this.stack.connections().filter((record) => record.state !== 'LISTEN');
  }

  /** How often a reason was counted. */
  counter(reason: ReasonName): number {
    return this.stack.counters.byReason[REASON[reason]] as number;
  }

  /** No packet has thrown inside the stack. */
  checkGuard(): void {
    if (this.stack.guarded !== null) throw this.stack.guarded;
  }

  private sort(packet: Uint8Array): void {
    const segment = decodePacket(packet);
    if (segment === null) {
      this.others.push(packet);
      return;
    }
    const peer = this.peers.find(
      (candidate) =>
        candidate.address === segment.destination &&
        candidate.port === segment.destinationPort &&
        candidate.stackPort === segment.sourcePort,
    );
    if (peer === undefined) this.strays.push(segment);
    else peer.take(segment);
  }
}

/** A fresh stack, clock, device and peer. */
export function testbed(options: TestbedOptions = {}): Testbed {
  return new Testbed(options);
}
