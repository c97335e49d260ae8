/** `seg:judged`: which checks a segment went through, what each said, and what came of it. */

import { REASONS } from '../base/reasons.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import { FIN, RST, SYN, URG } from '../wire/segment.ts';

/** What a segment brought about, bit by bit. The order is part of recorded event logs: append. */
export const ACTS = [
  'syn',
  'ack',
  'window',
  'data',
  'queue-ooo',
  'fin',
  'urgent',
  'rst',
  'state',
  'ack-now',
  'ack-delayed',
  'challenge-ack',
  'reset-peer',
  'time-wait-restart',
  'sack',
  'dup-ack',
] as const;
export type Act = (typeof ACTS)[number];

/** `ACT.fin`: the bit of an act. */
export const ACT = Object.freeze(Object.fromEntries(ACTS.map((act, place) => [act, 1 << place]))) as {
  readonly [Name in Act]: number;
};

/** Acts of a set of bits. */
export function actNames(bits: number): Act[] {
  return ACTS.filter((_, place) => (bits & (1 << place)) !== 0);
}

/** What the sections of RFC 9293 §3.10.7 call their checks, in order. */
const CHECKS: Readonly<Record<string, readonly string[]>> = {
  '3.10.7.1': [],
  '3.10.7.2': ['RST', 'ACK', 'SYN'],
  '3.10.7.3': ['ACK', 'RST', 'security', 'SYN'],
  '3.10.7.4': ['sequence', 'RST', 'security', 'SYN', 'ACK', 'URG', 'text', 'FIN'],
};

export interface JudgedCheck {
  readonly rule: string;
  readonly ok: boolean;
  readonly why: string;
}

/** The numbers that the checks looked at, relative, as they were before the segment. */
export interface JudgedNumbers {
  /** Code of the state, -1 = no connection. */
  readonly state: number;
  /** How many checks it went through; 0 = not told. */
  readonly checks: number;
  readonly stopped: boolean;
  readonly reason: number;
  readonly flags: number;
  readonly seq: number;
  readonly len: number;
  readonly ack: number;
  readonly rcvNxt: number;
  readonly rcvWnd: number;
  readonly sndUna: number;
  readonly sndNxt: number;
}

/** Every check that ran: the last one is the one that stopped the segment, if any did. */
export function checksOf(numbers: JudgedNumbers): JudgedCheck[] {
  const section = sectionOf(numbers);
  const names = CHECKS[section] as readonly string[];
  const ran = Math.min(numbers.checks, names.length);
  return names.slice(0, ran).map((name, index) => {
    const ok = !(numbers.stopped && index === ran - 1);
    return {
      rule: `${section}-${index + 1} ${name}`,
      ok,
      why: ok
        ? section === '3.10.7.4'
          ? passed(name, index, numbers)
          : ''
        : (REASONS[numbers.reason]?.text ?? ''),
    };
  });
}

/** Only a listener lets a segment without a connection pass a check. */
function sectionOf({ state, checks }: JudgedNumbers): string {
  if (state < 0) return checks > 0 ? '3.10.7.2' : '3.10.7.1';
  return STATE_NAMES[state] === 'SYN-SENT' ? '3.10.7.3' : '3.10.7.4';
}

/** The control bits that the checks look at. */
const BITS = [0, RST, 0, SYN, 0, URG, 0, FIN];

/** What a check that let the segment go on has found. */
function passed(name: string, index: number, numbers: JudgedNumbers): string {
  const { flags, seq, len, ack, rcvNxt, rcvWnd, sndUna, sndNxt } = numbers;
  switch (index) {
    case 0:
      return seq === rcvNxt
        ? `SEG.SEQ ${seq} = RCV.NXT`
        : `SEG.SEQ ${seq}, ${len} long, in RCV.NXT ${rcvNxt} + RCV.WND ${rcvWnd}`;
    case 2:
      return 'not used';
    case 4:
      return ackText(ack, sndUna, sndNxt);
    case 6:
      return len === 0 ? 'no text' : `${len} in sequence space`;
    default:
      return (flags & (BITS[index] as number)) === 0 ? `no ${name}` : name;
  }
}

function ackText(ack: number, una: number, nxt: number): string {
  if (ack === una) return `SEG.ACK ${ack} = SND.UNA: nothing new`;
  return ack < una
    ? `SEG.ACK ${ack} < SND.UNA ${una}: old`
    : `SND.UNA ${una} < SEG.ACK ${ack} =< SND.NXT ${nxt}`;
}
