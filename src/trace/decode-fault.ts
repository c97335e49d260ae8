/** Rows of `wire:fate` and `fault:*` → their data. */

import { formatAddress } from '../wire/address.ts';
import { ACK, FIN, SYN } from '../wire/segment.ts';
import { FATES } from './fault-trace.ts';
import { flagNames, relative, seconds } from './readable.ts';
import * as record from './record.ts';
import type { Words } from './strings.ts';

type Data = Record<string, unknown>;

interface FaultRow {
  readonly rows: Float64Array;
  readonly at: number;
  readonly origin: number;
  readonly words: Words;
}

const PROTOCOL_TCP = 6;

/** What became of a packet, with its header: one that is lost on the way in has no `seg:received`. */
export function fateData(row: FaultRow): Data {
  const { rows, at, origin, words } = row;
  const field = (place: number): number => rows[at + place] as number;
  const number = field(record.FATE_RULE);
  const until = field(record.FATE_UNTIL);
  return {
    dir: field(record.FATE_OUT) === 1 ? 'out' : 'in',
    fate: FATES[field(record.FATE_CODE)] ?? 'delivered',
    by: number === 0 ? 'command' : `rule#${number}`,
    rule: words.word(field(record.FATE_TEXT)),
    ...(until === 0 ? {} : { until: seconds(until - origin) }),
    ...packetData(field),
  };
}

function packetData(field: (place: number) => number): Data {
  const ends = {
    src: formatAddress(field(record.FATE_SOURCE)),
    dst: formatAddress(field(record.FATE_DESTINATION)),
  };
  const length = field(record.SEG_LENGTH);
  const protocol = field(record.FATE_PROTOCOL);
  if (protocol !== PROTOCOL_TCP) return { protocol, len: length, raw: ends };
  const flags = field(record.SEG_FLAGS);
  const [iss, irs] = [field(record.FATE_ISS), field(record.FATE_IRS)];
  const [own, other] = field(record.FATE_OUT) === 1 ? [iss, irs] : [irs, iss];
  const first = field(record.SEG_SEQ);
  // A SYN is where counting begins, whoever it is for.
  const seq = relative(first, (flags & SYN) === 0 ? own : first);
  const ack = field(record.SEG_ACK);
  return {
    flags: flagNames(flags),
    seq,
    end: seq + length + (flags & FIN) + ((flags & SYN) >> 1),
    ack: (flags & ACK) === 0 ? null : relative(ack, other),
    win: field(record.SEG_WND) * 2 ** field(record.SEG_SHIFT),
    len: length,
    raw: {
      seq: first,
      ack,
      win: field(record.SEG_WND),
      up: field(record.SEG_UP),
      ...ends,
      sport: field(record.FATE_SOURCE_PORT),
      dport: field(record.FATE_DESTINATION_PORT),
    },
  };
}

/** A rule that was added, that has hit, or that is over. */
export function ruleData(value: (index: number) => number, { words }: { readonly words: Words }): Data {
  const left = value(3);
  return {
    number: value(0),
    rule: words.word(value(1)),
    hits: value(2),
    left: left < 0 ? null : left,
    what: words.word(value(4)),
  };
}
