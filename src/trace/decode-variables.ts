/** Rows of windows, buffers and the SACK board → their data. */

import { MAX_RANGES, unpackCounts } from './variables.ts';

type Data = Record<string, unknown>;
type Value = (index: number) => number;

/** What the row does not have, nobody has said. */
function number(value: number): number {
  return Number.isNaN(value) ? 0 : value;
}

function ranges(value: Value, from: number, count: number): [number, number][] {
  const clipped = Math.min(count, MAX_RANGES);
  return Array.from({ length: clipped }, (_, i) => [value(from + 2 * i), value(from + 2 * i + 1)]);
}

function left(more: number): Data {
  return more > 0 ? { more } : {};
}

export const VARIABLE_DECODERS = {
  'snd:window': (value: Value): Data => ({
    una: value(0),
    nxt: value(1),
    // SND.NXT never moves back: the highest number sent is the one before it.
    max: value(1),
    wnd: number(value(2)),
    mss: number(value(3)),
  }),
  'rcv:window': (value: Value): Data => ({
    nxt: value(0),
    wnd: value(1),
    wl1: number(value(2)),
    wl2: number(value(3)),
  }),
  'buf:snd': (value: Value): Data => ({ used: value(0), unsent: value(1), limit: value(2) }),
  'buf:rcv': (value: Value): Data => ({ used: value(0), limit: value(1) }),
  'buf:ooo': (value: Value): Data => {
    const [told, , more] = unpackCounts(value(0));
    return { ranges: ranges(value, 1, told), ...left(more) };
  },
  'sack:board': (value: Value): Data => {
    const [sacked, lost, more] = unpackCounts(value(0));
    return {
      sacked: ranges(value, 1, sacked),
      lost: ranges(value, 1 + 2 * sacked, lost),
      ...left(more),
    };
  },
};
