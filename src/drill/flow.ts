/**
 * One connection as the script sees it, and what the wire has in the place of the script's numbers:
 * ports, sequence numbers, timestamps, cookies.
 */

import { fillPattern, patternDiffers } from './bytes.ts';
import type { LiveTcp } from './live-packet.ts';
import type { TcpLine, TcpOption } from './script.ts';

/** Live sequence number minus the script's, of all segments that come in: the numbers change their sign early. */
const REMOTE_OFFSET = 0x7fff_ff00;
const MICROSECONDS_PER_TICK = 1000;

export class Flow {
  readonly localPort: number;
  readonly remotePort: number;
  /** The stack's descriptor; -1 before accept. */
  fd = -1;

  /** Live minus script, of what we send. */
  private localOffset = 0;
  /** A SYN of ours has told it. */
  private localKnown = false;
  /** A new SYN has come in: ours that answers it may have another initial number. */
  private rebase = false;
  private remoteIsn: number | null = null;
  /** Script numbers at which the streams begin. */
  private outboundStart: number | null = null;
  private inboundStart = 1;
  /** The application's own bytes went out: they are no pattern. */
  ownBytes = false;
  /** Bytes of the pattern that the script's calls have written and read. */
  written = 0;
  read = 0;

  private readonly timestamps = new Map<number, number>();
  private firstTimestamp: { readonly script: number; readonly live: number } | null = null;
  private readonly cookies: Map<string, string>;

  /** @param cookies - of Fast Open, the script's → the wire's: a cookie outlives the connection that got it. */
  constructor(localPort: number, remotePort: number, cookies = new Map<string, string>()) {
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.cookies = cookies;
  }

  // ── In: the script's numbers → the wire's ──────────────────────────────────────────────────

  /** Called for each segment that the script sends. */
  noteInbound(line: TcpLine): void {
    if (!line.flags.includes('S')) return;
    if (this.remoteIsn !== line.seq && !line.flags.includes('.')) this.rebase = true;
    this.remoteIsn = line.seq;
    this.inboundStart = (line.seq + 1) >>> 0;
  }

  remoteSeq(script: number): number {
    return (script + REMOTE_OFFSET) >>> 0;
  }

  localSeq(script: number): number {
    return (script + this.localOffset) >>> 0;
  }

  /** The timestamp of ours that the script calls `script`. */
  echo(script: number): number {
    const seen = this.timestamps.get(script);
    if (seen !== undefined) return seen;
    const first = this.firstTimestamp;
    return script === 0 || first === null ? script : (first.live + script - first.script) >>> 0;
  }

  cookie(script: string): string {
    return this.cookies.get(script) ?? script;
  }

  payload(line: TcpLine): Uint8Array {
    const bytes = new Uint8Array(line.length);
    const start = line.flags.includes('S') ? line.seq : this.inboundStart;
    fillPattern(bytes, (line.seq - start) >>> 0);
    return bytes;
  }

  // ── Out: the wire's numbers → the script's ─────────────────────────────────────────────────

  /** The line that the script would have had to be. What the script calls its own way is called so. */
  scriptLine(live: LiveTcp, expected: TcpLine | null, tick: number | null, tolerance: number): TcpLine {
    if (live.flags.includes('S')) this.learn(live, expected);
    // A reset for a segment without ACK has the number 0, whatever our numbers are.
    const bare = live.flags.includes('R') && live.seq === 0;
    const options = live.options.map((option, index) =>
      this.scriptOption(option, expected?.options?.[index] ?? null, { time: live.time, tick, tolerance }),
    );
    return {
      protocol: 'tcp',
      ip: {
        ecn: (['noecn', 'ect1', 'ect0', 'ce'] as const)[live.tos & 3] as 'noecn',
        tos: live.tos,
        ttl: live.ttl,
      },
      ports: { source: live.sourcePort, destination: live.destinationPort },
      flags: live.flags,
      seq: bare ? 0 : (live.seq - this.localOffset) >>> 0,
      length: live.payload.length,
      ack: live.flags.includes('.') ? (live.ack - REMOTE_OFFSET) >>> 0 : live.ack,
      win: live.win,
      urg: live.urg,
      options,
    };
  }

  /** Where `live` carries other bytes than the script's calls have written; null when nowhere. */
  wrongByte(live: LiveTcp, line: TcpLine): string | null {
    if (this.ownBytes || line.length === 0 || this.outboundStart === null) return null;
    const start = line.flags.includes('S') ? line.seq : this.outboundStart;
    const index = (line.seq - start) >>> 0;
    // A probe of one byte before the window is no part of the stream.
    if (index > 0x8000_0000) return null;
    const at = patternDiffers(live.payload, index);
    return at < 0 ? null : `byte ${at} of its payload is not byte ${index + at} of what was written`;
  }

  private learn(live: LiveTcp, expected: TcpLine | null): void {
    const script = expected !== null && expected.flags.includes('S') ? expected.seq : 0;
    if (!this.localKnown || this.rebase) this.localOffset = (live.seq - script) | 0;
    this.localKnown = true;
    this.rebase = false;
    this.outboundStart = (script + 1) >>> 0;
  }

  private scriptOption(
    live: TcpOption,
    expected: TcpOption | null,
    context: { readonly time: number; readonly tick: number | null; readonly tolerance: number },
  ): TcpOption {
    if (live.kind === 'sack') {
      const blocks = live.blocks.map(([from, to]): [number, number] => [
        (from - REMOTE_OFFSET) >>> 0,
        (to - REMOTE_OFFSET) >>> 0,
      ]);
      return { kind: 'sack', blocks };
    }
    if (live.kind === 'TS') {
      const named = expected?.kind === 'TS' ? expected.val : null;
      return { kind: 'TS', val: this.scriptTimestamp(live.val as number, named, context), ecr: live.ecr };
    }
    if (live.kind === 'FO' || live.kind === 'FOEXP') {
      const named = expected?.kind === live.kind ? expected.cookie : null;
      return { kind: live.kind, cookie: this.scriptCookie(live.cookie as string, named) };
    }
    return live;
  }

  private scriptTimestamp(
    live: number,
    named: number | null,
    { tick, tolerance }: { readonly tick: number | null; readonly tolerance: number },
  ): number {
    const first = this.firstTimestamp;
    if (named === null) return first === null ? live : (first.script + live - first.live) >>> 0;
    this.firstTimestamp ??= { script: named, live };
    if (first !== null && tick !== null) {
      const passed = (live - first.live) * MICROSECONDS_PER_TICK;
      const expected = (named - first.script) * tick;
      // Either clock may just have ticked.
      const most = tolerance + Math.max(tick, MICROSECONDS_PER_TICK);
      if (Math.abs(passed - expected) > most) return (first.script + Math.round(passed / tick)) >>> 0;
    }
    this.timestamps.set(named, live);
    return named;
  }

  private scriptCookie(live: string, named: string | null): string {
    if (named === null || named === '' || live.length !== named.length) return live;
    const before = this.cookies.get(named);
    if (before !== undefined && before !== live) return live;
    this.cookies.set(named, live);
    return named;
  }
}
