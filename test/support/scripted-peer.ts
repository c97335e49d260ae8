/** The far end of a connection, each of whose segments is built by hand. See {@link Testbed} in peer.ts. */

import assert from 'node:assert/strict';
import type { OpenOptions } from '../../src/tcp/engine.ts';
import type { Application } from './application.ts';
import { pattern } from './pattern.ts';
import type { Testbed } from './peer.ts';
import { address, type DecodedSegment, encodePacket, optionBytes, type TcpOptions } from './segment.ts';

export const STACK_ADDRESS = '10.9.0.2';
export const PEER_ADDRESS = '10.9.0.1';

/** A segment as the peer describes it; what is left out is what an honest peer would send. */
export interface Outgoing {
  /** `SA`, `FPA`, `R` …; A for ACK. */
  flags: string;
  /** Relative to the peer's ISN. Left out: SND.NXT, which then moves on. */
  seq?: number;
  /** Relative to the stack's ISS. Left out: everything seen so far, 0 without the A flag. */
  ack?: number;
  /** The window field, not scaled. Default: {@link Peer.window}. */
  wnd?: number;
  up?: number;
  /** Bytes, or how many bytes of the peer's stream. */
  data?: number | Uint8Array;
  /** SACK edges are relative to the stack's ISS. */
  options?: TcpOptions;
  /** Bytes appended to the options. */
  rawOptions?: number[];
  ttl?: number;
  tos?: number;
  ipOptions?: number[];
  source?: string;
  destination?: string;
  destinationPort?: number;
  sourcePort?: number;
  /** XORed into the right checksum. */
  checksumError?: number;
  /** In place of the right one, words. */
  dataOffset?: number;
}

/** A segment of the stack, with relative numbers. */
export interface Sent extends Omit<DecodedSegment, 'seq' | 'ack'> {
  seq: number;
  ack: number;
  rawSeq: number;
  rawAck: number;
  /** Bytes of payload. */
  length: number;
  /** When it was sent, ms since the test began. */
  at: number;
}

export type Expected = Partial<
  Pick<
    Sent,
    | 'flags'
    | 'seq'
    | 'ack'
    | 'rawSeq'
    | 'rawAck'
    | 'window'
    | 'up'
    | 'length'
    | 'ttl'
    | 'tos'
    | 'at'
    | 'kinds'
  >
> & { options?: TcpOptions };

/** What the peer agrees to in a handshake. Default: an MSS of 1460 and nothing else. */
export interface HandshakeOptions extends TcpOptions {
  wnd?: number;
  /** Our own port for an active open; the listening one for a passive open. */
  port?: number;
  /** false: the application does not read by itself. */
  autoRead?: boolean;
  /** TSval of the SYN; a number makes the peer use timestamps. */
  tsVal?: number;
  open?: Partial<OpenOptions>;
}

export interface PeerOptions {
  isn?: number;
  address?: string;
  port?: number;
  /** The stack's port; a passive open has 7. */
  stackPort?: number;
  stackAddress?: string;
}

const HONEST = {
  up: 0,
  ttl: 64,
  tos: 0,
  ipOptions: [] as number[],
  checksumError: 0,
  dataOffset: null,
};

/** SYN and FIN take one sequence number each. */
function controls(flags: string): number {
  return (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0);
}

export class Peer {
  readonly address: number;
  port: number;
  stackAddress: number;
  stackPort: number;
  /** Absolute, unsigned. */
  isn: number;
  /** The stack's, absolute; null before its SYN. */
  iss: number | null = null;
  /** The next sequence number to send, relative. */
  nxt = 0;
  /** One past the highest sequence number that the stack has sent, relative. */
  rcvNxt = 0;
  /** The window field of what is sent, not scaled. */
  window = 65535;
  /** Set by a handshake with timestamps: every segment carries the option. */
  timestamps = false;
  /** TSval of the clock's beginning. */
  tsOffset = 0;
  /** TSval last seen from the stack. */
  tsEcr = 0;
  /** Where the next byte of the peer's stream is. */
  private streamAt = 0;
  private readonly bed: Testbed;
  private readonly queue: Sent[] = [];

  constructor(bed: Testbed, options: PeerOptions) {
    this.bed = bed;
    this.isn = (options.isn ?? 1000) >>> 0;
    this.address = address(options.address ?? PEER_ADDRESS);
    this.port = options.port ?? 40000;
    this.stackPort = options.stackPort ?? 7;
    this.stackAddress = address(options.stackAddress ?? STACK_ADDRESS);
  }

  /** Sends one segment; the stack has dealt with it when this returns. */
  send(out: Outgoing): void {
    this.bed.inject(this.build(out));
    this.bed.checkGuard();
  }

  /** A pure ACK of everything seen, or of `ack`. */
  ack(ack = this.rcvNxt, wnd = this.window): void {
    this.send({ flags: 'A', ack, wnd });
  }

  /** The packet that {@link send} would inject. SND.NXT moves on. */
  build(out: Outgoing): Uint8Array {
    const payload = this.payloadOf(out);
    const { data: _data, options: _options, rawOptions, ...given } = out;
    const seq = out.seq ?? this.nxt;
    if (out.seq === undefined) this.nxt += payload.length + controls(out.flags);
    const fields = { ...HONEST, wnd: this.window, ...given };
    const ack = out.flags.includes('A') ? (this.iss ?? 0) + (out.ack ?? this.rcvNxt) : (out.ack ?? 0);
    return encodePacket({
      ...fields,
      source: out.source === undefined ? this.address : address(out.source),
      destination: out.destination === undefined ? this.stackAddress : address(out.destination),
      sourcePort: out.sourcePort ?? this.port,
      destinationPort: out.destinationPort ?? this.stackPort,
      seq: (this.isn + seq) >>> 0,
      ack: ack >>> 0,
      window: fields.wnd,
      optionBytes: optionBytes(this.optionsOf(out), rawOptions),
      payload,
      ipOptions: Uint8Array.from(fields.ipOptions),
    });
  }

  /** The next segment that the stack sent, which must be as `expected` says. */
  expect(expected: Expected): Sent {
    const segment = this.queue.shift();
    assert.ok(segment !== undefined, `expected ${JSON.stringify(expected)} and nothing was sent`);
    const { options, ...fields } = expected;
    for (const [name, value] of Object.entries(fields)) {
      assert.deepEqual(
        segment[name as keyof Sent],
        value,
        `${name} of ${describe(segment)}, expected ${JSON.stringify(expected)}`,
      );
    }
    for (const [name, value] of Object.entries(options ?? {})) {
      assert.deepEqual(
        segment.options[name as keyof TcpOptions],
        value,
        `option ${name} of ${describe(segment)}`,
      );
    }
    return segment;
  }

  expectNothing(): void {
    assert.deepEqual(this.queue.map(describe), [], 'nothing was to be sent');
  }

  /** Everything the stack has sent since the last look. */
  sent(): Sent[] {
    return this.queue.splice(0);
  }

  /** Opens a connection in three segments, either way; nothing is left to be looked at. */
  handshake(kind: 'passive' | 'active', options: HandshakeOptions = {}): Application {
    const { port, autoRead, tsVal, open: _open, wnd, ...agreed } = options;
    const syn: TcpOptions = { mss: 1460, ...agreed };
    if (wnd !== undefined) this.window = wnd;
    if (tsVal !== undefined) {
      this.timestamps = true;
      this.tsOffset = tsVal;
    }
    if (kind === 'active') return this.openActively(syn, options);
    this.stackPort = port ?? 7;
    if (!this.bed.stack.tcp.context.listeners.hasPort(this.stackPort)) {
      this.bed.listen(this.stackPort, autoRead === undefined ? {} : { autoRead });
    }
    const before = this.bed.accepted.length;
    this.send({ flags: 'S', options: syn });
    this.expect({ flags: 'SA', ack: 1 });
    this.send({ flags: 'A' });
    this.expectNothing();
    assert.equal(this.bed.accepted.length, before + 1, 'the connection was accepted');
    return this.bed.accepted[before] as Application;
  }

  /** Called by the testbed. */
  take(segment: DecodedSegment): void {
    if (segment.flags.includes('S')) this.iss = segment.seq;
    const seq = (segment.seq - (this.iss ?? 0)) | 0;
    const ack = segment.flags.includes('A') ? (segment.ack - this.isn) | 0 : segment.ack;
    const next = seq + segment.payload.length + controls(segment.flags);
    if (this.iss !== null && !segment.flags.includes('R')) this.rcvNxt = Math.max(this.rcvNxt, next);
    if (segment.options.timestamps !== undefined) this.tsEcr = segment.options.timestamps[0];
    this.queue.push({
      ...segment,
      seq: this.iss === null ? segment.seq : seq,
      ack,
      rawSeq: segment.seq,
      rawAck: segment.ack,
      length: segment.payload.length,
      at: this.bed.now,
      options: { ...segment.options, ...this.relativeSack(segment.options) },
    });
  }

  private openActively(syn: TcpOptions, options: HandshakeOptions): Application {
    const { port, autoRead, open } = options;
    const app = this.bed.connect(this, {
      ...(port === undefined ? {} : { localPort: port }),
      ...(autoRead === undefined ? {} : { autoRead }),
      ...open,
    });
    this.expect({ flags: 'S' });
    this.send({ flags: 'SA', options: syn });
    this.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
    this.expectNothing();
    return app;
  }

  private payloadOf(out: Outgoing): Uint8Array {
    if (typeof out.data !== 'number') return out.data ?? new Uint8Array(0);
    // The byte after the SYN is the first of the stream, whenever it is sent.
    const start = out.seq === undefined ? this.streamAt : Math.max(0, out.seq - 1);
    if (out.seq === undefined) this.streamAt += out.data;
    return pattern(start, out.data);
  }

  private optionsOf(out: Outgoing): TcpOptions {
    const options: TcpOptions = { ...out.options };
    if (options.sack !== undefined) {
      const iss = this.iss ?? 0;
      options.sack = options.sack.map(([left, right]) => [(left + iss) >>> 0, (right + iss) >>> 0] as const);
    }
    if (this.timestamps && options.timestamps === undefined) {
      options.timestamps = [
        (this.tsOffset + Math.floor(this.bed.now)) >>> 0,
        out.flags.includes('A') ? this.tsEcr : 0,
      ];
    }
    return options;
  }

  private relativeSack(options: TcpOptions): TcpOptions {
    if (options.sack === undefined) return {};
    return {
      sack: options.sack.map(([left, right]) => [(left - this.isn) | 0, (right - this.isn) | 0] as const),
    };
  }
}

function describe(segment: Sent): string {
  const { flags, seq, ack, length, window, at } = segment;
  return `${flags} seq ${seq} ack ${ack} len ${length} wnd ${window} at ${at} ms`;
}
