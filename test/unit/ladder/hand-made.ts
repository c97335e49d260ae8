/** Event logs made by hand: an event a call, numbered as it comes. */

import type { EventLine } from '../../../src/cli/render/event.ts';

export const PEER = '10.9.0.1:40012';
export const HERE = '10.9.0.2:13';

type Data = Record<string, unknown>;
interface More {
  readonly cause?: number;
  readonly seg?: number;
  readonly conn?: string | null;
  readonly inc?: number;
}

export class HandMade {
  readonly events: EventLine[] = [];
  /** Seconds. */
  t = 0;
  conn = 'c1';
  private segment = 0;

  add(ev: string, data: Data, { conn = this.conn, ...more }: More = {}): number {
    const n = this.events.length + 1;
    this.events.push({ t: this.t, n, ev, ...(conn === null ? {} : { conn, inc: 1 }), ...more, data });
    return n;
  }

  open(role = 'passive', cause?: number): number {
    const isn = { local: 1000, peer: 5000 };
    return this.add(
      'conn:opened',
      { role, local: HERE, peer: PEER, isn },
      cause === undefined ? {} : { cause },
    );
  }

  /** `PSH,ACK 1:32 1`: flags, numbers, acknowledgment. Returns the event's number. */
  received(text: string, more: Data & More = {}): number {
    return this.add('seg:received', { ...header(text), ...wire(true), ...dataOf(more) }, this.named(more));
  }

  sent(text: string, more: Data & More = {}): number {
    const own = { trigger: 'data', retransmission: false };
    return this.add(
      'seg:sent',
      { ...header(text), ...own, ...wire(false), ...dataOf(more) },
      this.named(more),
    );
  }

  judged(verdict: string, reason: string, cause: number, rfc = 'RFC 9293 §3.10.7.4'): number {
    const seg = this.events[cause - 1]?.seg ?? 0;
    return this.add('seg:judged', { verdict, reason, rfc, checks: [], acts: [] }, { cause, seg });
  }

  /** What became of a segment: of the last one that was sent, or of one that comes in. */
  fate(fate: string, text: string, more: Data & More = {}): number {
    const out = more['dir'] !== 'in';
    const by = { dir: 'out', fate, by: 'rule#1', rule: 'drop out where fin' };
    const data = { ...by, ...header(text), ...wire(!out), ...dataOf(more) };
    if (out) return this.add('wire:fate', data, { seg: this.segment, ...idsOf(more) });
    return this.add('wire:fate', data, this.named(more));
  }

  state(old: string, now: string, cause: number): number {
    return this.add('conn:state', { old, new: now, trigger: 'by hand' }, { cause });
  }

  peer(state: string, source: 'inferred' | 'observed', cause?: number): number {
    return this.add('peer:state', { state, source }, cause === undefined ? {} : { cause });
  }

  timer(
    what: 'set' | 'cancel' | 'fire',
    timer: string,
    cause: number,
    afterMs = 200,
    restart = false,
  ): number {
    const data = what === 'set' ? { timer, afterMs, restart, backoff: 0 } : { timer, backoff: 0 };
    return this.add(`timer:${what}`, data, { cause });
  }

  get lastSegment(): number {
    return this.segment;
  }

  private named(more: Data & More): More {
    const ids = idsOf(more);
    if (ids.seg === undefined) this.segment++;
    return { seg: this.segment, ...ids };
  }
}

function header(text: string): Data {
  const [flags = '', range = '0', ack] = text.split(' ');
  const [seq = 0, end = seq] = range.split(':').map(Number);
  const space = /SYN|FIN/.test(flags) ? 1 : 0;
  const len = Math.max(0, end - seq - space);
  return { flags, seq, end, ack: ack === undefined ? null : Number(ack), win: 512, len, segs: 1, opts: {} };
}

function wire(received: boolean): Data {
  const [peer, peerPort] = PEER.split(':');
  const [here, herePort] = HERE.split(':');
  const there = { src: peer, sport: peerPort, dst: here, dport: herePort };
  const back = { src: here, sport: herePort, dst: peer, dport: peerPort };
  return { raw: { seq: 4_294_967_293, ack: 99, win: 512, ...(received ? there : back) } };
}

const IDS = ['cause', 'seg', 'conn', 'inc'];

function idsOf(more: Data): More {
  return Object.fromEntries(Object.entries(more).filter(([name]) => IDS.includes(name)));
}

function dataOf(more: Data): Data {
  return Object.fromEntries(Object.entries(more).filter(([name]) => !IDS.includes(name)));
}
