/** What ladders have in common: the opening, forged segments, and what became of the timers. */

import assert from 'node:assert/strict';
import {
  address,
  decodePacket,
  encodePacket,
  optionBytes,
  type PacketFields,
  type TcpOptions,
} from '../segment.ts';
import type { Connected, ConnectOptions, Listening, ListenOptions } from './ends.ts';
import type { Scene, SceneOptions } from './scene.ts';

export const PORT = 1234;

/** Segments of 1460 bytes, and forged ones need no timestamps. */
export const NO_TIMESTAMPS: SceneOptions = { sysctl: { 'net.ipv4.tcp_timestamps': 0 } };

export const HANDSHAKE = `
  A>B SYN 0
  B>A SYN,ACK 0 ack 1
  A>B ACK 1 ack 1`;

export interface Pair {
  readonly listening: Listening;
  readonly a: Connected;
  readonly b: Connected;
}

/** A connection from A to B, its three segments seen. */
export async function connect(
  scene: Scene,
  options: { readonly listen?: ListenOptions; readonly connect?: ConnectOptions } = {},
): Promise<Pair> {
  const listening = await scene.B.listen(PORT, options.listen);
  const a = await scene.A.connect(PORT, options.connect);
  const b = await listening.accept();
  await scene.expect(HANDSHAKE, 0);
  return { listening, a, b };
}

/** Reads until it has this many bytes. */
export async function receiveAll(from: Connected, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) {
    const more = await from.receive();
    assert.notEqual(more, '', `the stream ended after ${text.length} bytes`);
    text += more;
  }
  return text;
}

export interface Forgery {
  /** As in test/support/segment.ts: `SA`, `R`. */
  readonly flags: string;
  /** Relative to the ISN of the sender's latest SYN; with `raw` as it stands. */
  readonly seq: number;
  readonly ack?: number;
  readonly raw?: boolean;
  readonly payload?: string;
  readonly window?: number;
  readonly options?: TcpOptions;
  /** Of A and of B; by default those of the latest connection. */
  readonly ports?: readonly [number, number];
}

/** The ISN of the latest SYN that `from` sent, or 0. */
function isnOf(scene: Scene, from: 'A' | 'B'): number {
  const syn = scene.rungs.findLast((rung) => rung.from === from && rung.flags.split(',').includes('SYN'));
  return syn === undefined ? 0 : (decodePacket(syn.packet)?.seq ?? 0);
}

/** Ports of A and B in the latest segment. */
function portsOf(scene: Scene): readonly [number, number] {
  const last = scene.rungs.at(-1);
  assert.ok(last !== undefined, 'nobody has sent anything yet: give the ports');
  const [source, destination] = last.ports;
  return last.from === 'A' ? [source, destination] : [destination, source];
}

/** A segment that `from` never sent, in the numbers of the connection that it is aimed at. */
export function forge(scene: Scene, from: 'A' | 'B', forgery: Forgery): void {
  const other = from === 'A' ? 'B' : 'A';
  const { flags, seq, ack, raw = false, payload = '', window = 1000, options = {} } = forgery;
  const [portOfA, portOfB] = forgery.ports ?? portsOf(scene);
  const base = (end: 'A' | 'B'): number => (raw ? 0 : isnOf(scene, end));
  const fields: PacketFields = {
    source: address(scene[from].address),
    destination: address(scene[other].address),
    sourcePort: from === 'A' ? portOfA : portOfB,
    destinationPort: from === 'A' ? portOfB : portOfA,
    seq: (base(from) + seq) >>> 0,
    ack: ack === undefined ? 0 : (base(other) + ack) >>> 0,
    flags,
    window,
    up: 0,
    optionBytes: optionBytes(options),
    payload: Buffer.from(payload, 'latin1'),
    ttl: 64,
    tos: 0,
    ipOptions: new Uint8Array(),
    checksumError: 0,
    dataOffset: null,
  };
  scene.inject(encodePacket(fields), from);
}

/** What happened to one of our timers, in order: `['set', 'fired']`. */
export function historyOf(scene: Scene, timer: string): string[] {
  return scene.watch.timers
    .filter((what) => what.startsWith(`${timer} `))
    .map((what) => what.slice(timer.length + 1));
}

/** The same of the three timers that find losses: one of them runs at a time (RFC 8985 §8). */
export function lossHistoryOf(scene: Scene): string[] {
  return scene.watch.timers
    .filter((what) => /^(rto|tlp|rack) /.test(what))
    .map((what) => what.slice(what.indexOf(' ') + 1));
}

/** The same of a timer that was armed when its connection ended, which is its end, told or not. */
export function untilTheEnd(scene: Scene, timer: string): string[] {
  const history = historyOf(scene, timer);
  return history.at(-1) === 'cancelled' ? history.slice(0, -1) : history;
}
