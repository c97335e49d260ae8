/**
 * Programs for the engine's target that a person has written: one for each state, and one for each thing
 * that a byte by byte search would take long to come upon.
 */

import type { State } from '../../../src/tcp/state.ts';
import { CONFIGURATIONS } from './configurations.ts';
import {
  OPTION_MSS,
  OPTION_SACK,
  OPTION_SACK_PERMITTED,
  OPTION_TIMESTAMPS,
  SHAPE_EXTRAS,
  SHAPE_OPTIONS,
} from './far-end.ts';
import { STEP } from './steps.ts';

export interface Seed {
  bytes: Uint8Array;
  about: string;
}

/** One step: its name, its argument, its operands. */
function step(name: keyof typeof STEP, argument = 0, ...operands: number[]): number[] {
  return [(argument << 5) | STEP[name], ...operands];
}

// Arguments of the steps that send: the flags, see FLAGS in steps.ts.
const [A, PA, SA, S, FA, RA, R, FPUA] = [0, 1, 2, 3, 4, 5, 6, 7];
// Base of the acknowledgment number: SND.UNA; of the sequence number: RCV.NXT. See far-end.ts.
const ACK_UNA = 2 << 3;
const SEQ_RCV = 2;
const SEQ_ISN = 4;

const established = step('handshake', 1);
const acked = step('window', 0);
const fin = step('honest', FA, 0);
const syn = step('flags', S, SHAPE_OPTIONS, 0, OPTION_MSS | OPTION_SACK_PERMITTED, 0);

/** How each state is reached, from nothing. */
export const STATE_SEEDS: Readonly<Record<State, readonly number[]>> = {
  CLOSED: [],
  LISTEN: step('listen', 0),
  'SYN-SENT': step('connect', 0),
  'SYN-RECEIVED': [...step('listen', 0), ...syn],
  ESTABLISHED: established,
  'FIN-WAIT-1': [...established, ...step('shutdown')],
  'FIN-WAIT-2': [...established, ...step('shutdown'), ...acked],
  'CLOSE-WAIT': [...established, ...fin],
  CLOSING: [...established, ...step('shutdown'), ...step('flags', FA, ACK_UNA, 0, 0)],
  'LAST-ACK': [...established, ...fin, ...step('shutdown')],
  'TIME-WAIT': [...established, ...step('shutdown'), ...acked, ...fin],
};

const times = (count: number, what: readonly number[]): number[] =>
  Array.from({ length: count }, () => what).flat();

/** What is done in every state. */
const ENDINGS: Readonly<Record<string, readonly number[]>> = {
  'data both ways': [
    ...step('honest', PA, 4),
    ...step('write', 3),
    ...acked,
    ...step('read', 4),
    ...step('wait', 4),
  ],
  'every kind of segment': [A, PA, SA, S, FA, FPUA, RA, R].flatMap((flags) =>
    step('flags', flags, SEQ_RCV, 1, 0),
  ),
  'every timer': times(6, [...step('write', 2), ...step('deadline', 0)]),
};

const THEMES: Readonly<Record<string, readonly number[]>> = {
  'an active open': [...step('connect', 1), ...step('write', 4), ...acked],
  'both open at once': [...step('connect', 7), ...step('honest', SA, 0), ...step('write', 2)],
  'a hole, and SACK for it': [
    ...established,
    ...step('flags', PA, SEQ_RCV, 5, 0x63),
    ...step('honest', PA, 9),
    ...step('read', 6),
  ],
  'a segment over what came out of order': [
    ...established,
    ...step('flags', PA, SEQ_RCV, 3, 0x42),
    ...step('flags', PA, SEQ_RCV, 3, 0x46),
    ...step('honest', PA, 4),
    ...step('read', 6),
  ],
  'more holes than are kept': [
    ...established,
    ...step('honest', PA, 0xf1),
    ...step('flags', PA, SEQ_ISN, 6, 1),
    ...step('read', 6),
  ],
  'data behind a FIN': [
    ...established,
    ...step('flags', FA, SEQ_RCV, 1, 0x05),
    ...step('honest', PA, 4),
    ...fin,
  ],
  'a loss, told by SACK': [
    ...established,
    ...step('write', 6),
    ...times(4, step('flags', A, SHAPE_OPTIONS | ACK_UNA, 0, 0, OPTION_SACK, 0, 0x81, 0x83)),
    ...step('deadline', 0),
    ...acked,
  ],
  'a closed window, probed': [
    ...established,
    ...step('window', 1),
    ...step('write', 5),
    ...times(4, step('deadline', 0)),
    ...step('window', 0),
  ],
  'an echo': [...step('behave', 2), ...established, ...times(3, step('honest', PA, 8)), ...acked],
  'an application that throws': [
    ...step('behave', 6),
    ...established,
    ...step('honest', PA, 2),
    ...step('look'),
  ],
  'old timestamps': [
    ...established,
    ...step('waitLong', 0),
    ...step('flags', PA, SHAPE_OPTIONS, 2, OPTION_TIMESTAMPS, 0x3e, 0),
    ...step('flags', PA, SHAPE_OPTIONS, 2, OPTION_TIMESTAMPS, 0, 0),
  ],
  'urgent data': [
    ...established,
    ...step('flags', FPUA, SHAPE_EXTRAS, 4, 0, 50, 0),
    ...step('option', 7),
    ...step('deadline', 0),
  ],
  fragments: [
    ...established,
    ...step('honest', PA, 9),
    ...step('fragment', 0, 3, 0),
    ...step('fragment', 0, 9, 9),
  ],
  'the path is narrow': [
    ...established,
    ...step('write', 5),
    ...step('icmp', 0, 0x04, 5, 0),
    ...step('deadline', 0),
    ...acked,
  ],
  'unreachable while opening': [
    ...step('connect', 0),
    ...step('icmp', 0, 0x81, 0, 0),
    ...step('icmp', 0, 3, 0, 0),
  ],
  'many in one turn': [
    ...established,
    ...step('hold', 4),
    ...times(6, step('honest', PA, 8)),
    ...step('read', 5),
  ],
  'a device that is full': [
    ...established,
    ...step('block', 1),
    ...step('write', 5),
    ...fin,
    ...step('close'),
    ...step('waitLong', 0),
    ...step('block', 0),
  ],
  'a new incarnation': [
    ...(STATE_SEEDS['TIME-WAIT'] ?? []),
    ...step('restart', 1),
    ...step('handshake', 1),
    ...step('honest', PA, 3),
  ],
  'more peers than a listener takes': [0, 1, 2, 3].flatMap((far) => [
    ...step('farEnd', far),
    ...step('listen', 2),
    ...syn,
    ...acked,
  ]),
  orphans: [...established, ...step('write', 6), ...step('close'), ...step('waitLong', 5), ...acked],
  'keep-alive': [...established, ...step('option', 2, 1, 0, 0), ...times(6, step('deadline', 0))],
  'bytes of all kinds': [
    ...established,
    ...step(
      'rawTcp',
      0,
      24,
      ...new Array<number>(12).fill(0),
      0x60,
      0x10,
      0xff,
      0xff,
      0,
      0,
      0,
      0,
      1,
      1,
      8,
      10,
    ),
    ...step('rawIp', 0, 20, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2),
    ...step('mutate', 0, 0, 33, 0xff),
  ],
  'resets and half-closes': [
    ...established,
    ...step('honest', PA, 3),
    ...step('shutdown'),
    ...step('honest', RA, 0),
  ],
};

function seed(configuration: number, about: string, steps: readonly number[]): Seed {
  return { bytes: Uint8Array.from([configuration, ...steps]), about };
}

/** All of them: states in a few configurations, themes in all. */
export function engineSeeds(): Seed[] {
  const seeds: Seed[] = [];
  for (const [state, steps] of Object.entries(STATE_SEEDS)) {
    for (const [name, ending] of Object.entries(ENDINGS)) {
      for (const configuration of [0, 4]) {
        seeds.push(seed(configuration, `${state}, ${name}`, [...steps, ...ending]));
      }
    }
  }
  for (const [name, steps] of Object.entries(THEMES)) {
    CONFIGURATIONS.forEach((_, configuration) => {
      seeds.push(seed(configuration, `${name}, configuration ${configuration}`, steps));
    });
  }
  return seeds;
}
