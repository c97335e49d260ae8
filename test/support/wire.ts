/**
 * A stack as a stranger sees it: packets in, packets out, on a virtual clock, fast enough for a
 * hundred thousand samples. Its secrets come from a generator that is as good as the system's, under
 * a seed that is new in each run and printed; FOURWAVE_SECURITY_SEED takes one again.
 */

import { createHash, randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Random } from '../../src/base/random.ts';
import { REASON, type ReasonName } from '../../src/base/reasons.ts';
import { type VirtualClock, virtualClock } from '../../src/base/virtual-clock.ts';
import { type PacketDevice, packetDevice } from '../../src/device/packet-device.ts';
import type { ConfigValue } from '../../src/stack/config.ts';
import { Stack, type StackOptions } from '../../src/stack/stack.ts';
import type { Listener } from '../../src/tcp/listener.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';
import { onesSum } from './segment.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

/** 10.9.0.2, ours, and other addresses as numbers. */
export const OURS = 0x0a090002;
export const ATTACKER = 0x0a090042;
export const VICTIM = 0x0a090007;

/** SHA-256 of a seed and a counter. */
export class HashRandom implements Random {
  private readonly seed: string;
  private block = 0;
  private bytes: Uint8Array = new Uint8Array(0);

  constructor(seed: string) {
    this.seed = seed;
  }

  fill(into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.next();
  }

  /** The next 32 bits, unsigned. */
  nextUint32(): number {
    return ((this.next() << 24) | (this.next() << 16) | (this.next() << 8) | this.next()) >>> 0;
  }

  private next(): number {
    if (this.bytes.length === 0) {
      this.bytes = createHash('sha256')
        .update(`${this.seed}/${this.block++}`)
        .digest();
    }
    const byte = this.bytes[0] as number;
    this.bytes = this.bytes.subarray(1);
    return byte;
  }
}

/** A fresh seed, printed with the test. */
export function freshSeed(context: TestContext): string {
  const seed = process.env['FOURWAVE_SECURITY_SEED'] ?? randomBytes(16).toString('hex');
  context.diagnostic(`seed ${seed}`);
  return seed;
}

/** A TCP segment; what is left out is 0. Numbers are unsigned or int32, as one likes. */
export interface Fields {
  source: number;
  sourcePort: number;
  destinationPort: number;
  flags: number;
  destination?: number;
  seq?: number;
  ack?: number;
  window?: number;
  /** [TSval, TSecr] */
  timestamps?: readonly [number, number];
  payload?: Uint8Array;
}

export interface WireOptions {
  random: Random;
  config?: Record<string, ConfigValue>;
  /** µs */
  start?: number;
  /** Hears every event of the stack. */
  trace?: StackOptions['trace'];
}

export class Wire {
  readonly clock: VirtualClock;
  readonly device: PacketDevice;
  readonly stack: Stack;
  readonly accepted: Tcb[] = [];
  private out: Uint8Array[] = [];

  constructor(options: WireOptions) {
    this.clock = virtualClock(options.start ?? 1_000_000_000);
    this.device = packetDevice({ mtu: 1500, offload: 'off' });
    this.stack = new Stack({
      device: this.device,
      address: '10.9.0.2/8',
      clock: this.clock,
      random: options.random,
      config: options.config ?? {},
      trace: options.trace ?? null,
    });
    this.device.onPacket((packet) => this.out.push(packet));
  }

  /** Every packet sent since the last call. */
  take(): Uint8Array[] {
    const taken = this.out;
    this.out = [];
    return taken;
  }

  /** Lets `us` µs pass. */
  pass(us: number): void {
    this.clock.advanceTo(this.clock.now + us);
  }

  send(fields: Fields): void {
    this.device.inject(segment(fields));
  }

  /** Sends one segment; what comes back for it at once. */
  ask(fields: Fields): Uint8Array[] {
    this.take();
    this.send(fields);
    return this.take();
  }

  listen(port: number, options: { backlog?: number; accept?: boolean } = {}): Listener {
    this.stack.refreshClock();
    return this.stack.tcp.listen(
      { address: 0, port, backlog: options.backlog ?? 1_000_000 },
      {
        connectionsWaiting: (listener) => {
          if (options.accept === false) return;
          for (;;) {
            const tcb = this.stack.tcp.accept(listener, { connectionEvents: () => {} });
            if (tcb === null) return;
            this.accepted.push(tcb);
          }
        },
      },
    );
  }

  connect(peerAddress: number, peerPort: number, localPort = 0): Tcb {
    this.stack.refreshClock();
    const options = { localAddress: 0, localPort, peerAddress: peerAddress | 0, peerPort };
    const tcb = this.stack.tcp.connect(options, { connectionEvents: () => {} });
    this.stack.settle();
    return tcb;
  }

  abort(tcb: Tcb): void {
    this.stack.tcp.abort(tcb);
    this.stack.settle();
  }

  counter(reason: ReasonName): number {
    return this.stack.counters.byReason[REASON[reason]] as number;
  }
}

/** An IPv4 packet with a TCP segment, checksums right. */
export function segment(fields: Fields): Uint8Array {
  const payload = fields.payload?.length ?? 0;
  const header = fields.timestamps === undefined ? 20 : 32;
  const packet = new Uint8Array(20 + header + payload);
  const view = new DataView(packet.buffer);
  const destination = fields.destination ?? OURS;
  ipHeader(view, 6, fields.source, destination);
  view.setUint16(20, fields.sourcePort);
  view.setUint16(22, fields.destinationPort);
  view.setInt32(24, fields.seq ?? 0);
  view.setInt32(28, fields.ack ?? 0);
  view.setUint16(32, ((header / 4) << 12) | fields.flags);
  view.setUint16(34, fields.window ?? 65_535);
  if (fields.timestamps !== undefined) {
    view.setUint32(40, 0x0101080a);
    view.setInt32(44, fields.timestamps[0]);
    view.setInt32(48, fields.timestamps[1]);
  }
  if (fields.payload !== undefined) packet.set(fields.payload, 20 + header);
  const pseudo =
    (fields.source >>> 16) + (fields.source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  view.setUint16(36, ~onesSum(packet.subarray(20), pseudo + 6 + header + payload) & 0xffff);
  return packet;
}

/** An ICMP message; `body` follows its first eight bytes, whose second half is `rest`. */
export function icmp(source: number, typeAndCode: number, rest: number, body: Uint8Array): Uint8Array {
  const packet = new Uint8Array(28 + body.length);
  const view = new DataView(packet.buffer);
  ipHeader(view, 1, source, OURS);
  view.setUint16(20, typeAndCode);
  view.setInt32(24, rest);
  packet.set(body, 28);
  view.setUint16(22, ~onesSum(packet.subarray(20)) & 0xffff);
  return packet;
}

export function ipHeader(view: DataView, protocol: number, source: number, destination: number): void {
  view.setUint16(0, 0x4500);
  view.setUint16(2, view.byteLength);
  view.setUint16(8, (64 << 8) | protocol);
  view.setInt32(12, source);
  view.setInt32(16, destination);
  view.setUint16(10, ~onesSum(new Uint8Array(view.buffer, view.byteOffset, 20)) & 0xffff);
}

function viewOf(packet: Uint8Array): DataView {
  return new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
}

export const idOf = (packet: Uint8Array): number => viewOf(packet).getUint16(4);
export const protocolOf = (packet: Uint8Array): number => packet[9] as number;
export const destinationOf = (packet: Uint8Array): number => viewOf(packet).getUint32(16);
export const sourcePortOf = (packet: Uint8Array): number => viewOf(packet).getUint16(20);
/** int32 */
export const seqOf = (packet: Uint8Array): number => viewOf(packet).getInt32(24);
/** int32 */
export const ackOf = (packet: Uint8Array): number => viewOf(packet).getInt32(28);
export const flagsOf = (packet: Uint8Array): number => (packet[33] as number) & 0x3f;

/** TSval, int32, or null. */
export function tsValOf(packet: Uint8Array): number | null {
  const end = 20 + ((packet[32] as number) >> 4) * 4;
  for (let at = 40; at < end; ) {
    const kind = packet[at] as number;
    if (kind === 8) return viewOf(packet).getInt32(at + 2);
    if (kind === 0) return null;
    at += kind === 1 ? 1 : (packet[at + 1] as number);
  }
  return null;
}
