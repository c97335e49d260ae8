/** The lines of a ladder: what they say, and whether a segment is what a line says. */

import assert from 'node:assert/strict';
import { address, decodePacket, type TcpOptions } from '../segment.ts';

/** One segment between A and B, with relative numbers. */
export interface Rung {
  /** ms since the scene began. */
  readonly at: number;
  readonly from: 'A' | 'B';
  /** `SYN,ACK`, in the order FIN SYN RST PSH ACK URG ECE CWR. */
  readonly flags: string;
  readonly seq: number;
  /** One past the last byte of payload; SYN and FIN are not counted. */
  readonly end: number;
  /** Undefined without the ACK flag. */
  readonly ack: number | undefined;
  /** Not scaled. */
  readonly window: number;
  readonly options: TcpOptions;
  /** SACK edges relative to the ISN of the end to which they are told. */
  readonly sack: readonly (readonly [number, number])[];
  readonly ports: readonly [number, number];
  readonly packet: Uint8Array;
  /** What the scene's rules did to it. */
  fate: '' | 'LOST' | 'LATE' | 'COPIED' | 'INJECTED';
}

const NAMES: Record<string, string> = {
  F: 'FIN',
  S: 'SYN',
  R: 'RST',
  P: 'PSH',
  A: 'ACK',
  U: 'URG',
  E: 'ECE',
  C: 'CWR',
};

/** Keeps the ISNs of every pair of ports; a SYN with another number begins a new incarnation. */
export class RungReader {
  private readonly isns = new Map<string, number>();
  /** Ends whose latest segment is a SYN without ACK: the other's SYN then crosses it. */
  private readonly opening = new Set<string>();
  private readonly addressOfA: number;

  constructor(addressOfA: string) {
    this.addressOfA = address(addressOfA) >>> 0;
  }

  /** Null for a packet without TCP. */
  read(packet: Uint8Array, at: number): Rung | null {
    const segment = decodePacket(packet);
    if (segment === null) return null;
    const from = segment.source >>> 0 === this.addressOfA ? 'A' : 'B';
    const [source, destination] = [segment.sourcePort, segment.destinationPort];
    const own = from === 'A' ? `A${source}:${destination}` : `B${destination}:${source}`;
    const others = from === 'A' ? `B${source}:${destination}` : `A${destination}:${source}`;
    if (segment.flags.includes('S') && this.isns.get(own) !== segment.seq) {
      this.isns.set(own, segment.seq);
      if (!segment.flags.includes('A') && !this.opening.has(others)) this.isns.delete(others);
    }
    if (segment.flags === 'S') this.opening.add(own);
    else this.opening.delete(own);
    const relative = (raw: number, of: string): number => (raw - (this.isns.get(of) ?? raw)) | 0;
    const seq = relative(segment.seq, own);
    const acked = segment.flags.includes('A');
    return {
      at,
      from,
      flags: [...segment.flags].map((letter) => NAMES[letter]).join(','),
      seq,
      end: seq + segment.payload.length,
      ack: acked ? relative(segment.ack, others) : undefined,
      window: segment.window,
      options: segment.options,
      sack: (segment.options.sack ?? []).map(
        ([left, right]) => [relative(left, others), relative(right, others)] as const,
      ),
      ports: [source, destination],
      packet,
      fate: '',
    };
  }
}

/** As the lines of a ladder are written. */
export function printRung(rung: Rung): string {
  const { from, flags, seq, end, ack, sack, fate, at } = rung;
  const words = [
    `${from}>${from === 'A' ? 'B' : 'A'}`,
    flags,
    end === seq ? `${seq}` : `${seq}:${end}`,
    ...(ack === undefined ? [] : [`ack ${ack}`]),
    ...sack.map(([left, right]) => `sack ${left}-${right}`),
    ...(fate === '' ? [] : [fate]),
  ];
  return `${(at / 1000).toFixed(3)}  ${words.join(' ')}`;
}

/** What one line of an expected ladder demands. */
export interface Line {
  readonly text: string;
  /** `?` in front: it may be missing. */
  readonly optional: boolean;
  readonly from: 'A' | 'B';
  readonly flags: readonly string[];
  readonly fields: ReadonlyMap<string, string>;
}

const LINE = /^(\?)?\s*([AB])>[AB]\s+([A-Z,]+)\s*(.*)$/;
const FIELD =
  /^(?:(ack|win|sack|mss|after)\s+(\S+)|(LOST|LATE|COPIED|INJECTED)|(-?\d+|\?)(?::(-?\d+|\?))?)\s*/;

/** `A>B FIN,ACK 1 ack 1 LOST after 150..900`; numbers may be `?`; PSH is of no account unless it is named. */
export function parseLine(text: string): Line {
  const match = LINE.exec(text);
  if (match === null) throw new Error(`not a line of a ladder: ${text}`);
  const [, optional, from, flags, rest] = match;
  const fields = new Map<string, string>();
  for (let left = rest as string; left !== ''; ) {
    const found = FIELD.exec(left);
    if (found === null) throw new Error(`not understood in "${text}": ${left}`);
    const [whole, name, value, fate, seq, end] = found;
    if (name === 'sack') fields.set('sack', `${fields.get('sack') ?? ''}${value} `);
    else if (name !== undefined) fields.set(name, value as string);
    if (fate !== undefined) fields.set('fate', fate);
    if (seq !== undefined) fields.set('seq', seq);
    if (end !== undefined) fields.set('end', end);
    left = left.slice(whole.length);
  }
  return {
    text,
    optional: optional === '?',
    from: from as 'A' | 'B',
    flags: (flags as string).split(','),
    fields,
  };
}

function sameFlags(line: Line, rung: Rung): boolean {
  const wanted = new Set(line.flags);
  const has = rung.flags.split(',').filter((flag) => flag !== 'PSH' || wanted.has('PSH'));
  return has.length === wanted.size && has.every((flag) => wanted.has(flag));
}

/** Null when the segment is what the line says, else what differs. */
export function difference(line: Line, rung: Rung, previous: Rung | undefined): string | null {
  if (line.from !== rung.from) return `from ${rung.from}`;
  if (!sameFlags(line, rung)) return `flags ${rung.flags}`;
  const { fields } = line;
  const actual: Record<string, string | undefined> = {
    seq: `${rung.seq}`,
    // Without `:end` it has no payload.
    end: `${rung.end}`,
    ack: rung.ack?.toString(),
    win: `${rung.window}`,
    mss: rung.options.mss?.toString(),
    fate: rung.fate,
    sack: rung.sack.map(([left, right]) => `${left}-${right} `).join(''),
  };
  const wanted = new Map(fields);
  if (wanted.has('seq') && !wanted.has('end')) wanted.set('end', wanted.get('seq') as string);
  if (!wanted.has('fate')) wanted.set('fate', '');
  wanted.delete('after');
  for (const [name, value] of wanted) {
    if (value !== '?' && actual[name] !== value) return `${name} ${actual[name]}`;
  }
  return lateness(fields.get('after'), rung, previous);
}

/** `after 150..900`: ms since the segment before. */
function lateness(range: string | undefined, rung: Rung, previous: Rung | undefined): string | null {
  if (range === undefined) return null;
  const [least, most] = range.split('..').map(Number);
  const gap = rung.at - (previous?.at ?? 0);
  return gap >= (least as number) && gap <= (most as number) ? null : `after ${gap.toFixed(0)} ms`;
}

export function parseLadder(ladder: string): Line[] {
  return ladder
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(parseLine);
}

/** The rungs from `seen` on are these lines, but for optional ones, and there are no more; which they are. */
export function matchRungs(rungs: readonly Rung[], seen: number, lines: readonly Line[]): Rung[] {
  const matched: Rung[] = [];
  let at = seen;
  const complain = (what: string): never => {
    const all = rungs.map((rung, i) => `${i === at ? '→' : ' '} ${printRung(rung)}`).join('\n');
    const wanted = lines.map(({ text }) => `  ${text}`).join('\n');
    return assert.fail(`${what}\nexpected:\n${wanted}\nseen:\n${all}`);
  };
  for (const line of lines) {
    const rung = rungs[at];
    const wrong = rung === undefined ? 'nothing came' : difference(line, rung, rungs[at - 1]);
    if (wrong === null) {
      matched.push(rung as Rung);
      at++;
    } else if (!line.optional) {
      complain(`expected ${line.text}, but ${wrong}`);
    }
  }
  if (at < rungs.length) complain(`more than expected: ${printRung(rungs[at] as Rung)}`);
  return matched;
}
