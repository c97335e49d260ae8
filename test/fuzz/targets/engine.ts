/**
 * The whole stack, step by step: packets, time and calls as the input says (support/steps.ts), up to a
 * day after everything was closed. Checked are the invariants of support/machine.ts.
 */

import { ByteReader } from '../support/byte-reader.ts';
import { CONFIGURATIONS } from '../support/configurations.ts';
import type { FarEnd } from '../support/far-end.ts';
import { Machine } from '../support/machine.ts';
import { type Program, step, stepName } from '../support/steps.ts';

/** Steps of one input. */
const MOST_STEPS = 200;

/** Runs a program to its last step; `finish` is still to come. */
export function runProgram(
  data: Uint8Array,
  log: Machine['log'] = null,
): { machine: Machine; abort: boolean } {
  const input = new ByteReader(data);
  const first = input.u8();
  const configuration = CONFIGURATIONS[first % CONFIGURATIONS.length];
  if (configuration === undefined) throw new RangeError('there is a configuration');
  const machine = new Machine(configuration);
  machine.log = log;
  const program: Program = { machine, input, far: machine.farEnds[0] as FarEnd, chosen: null };
  for (let steps = 0; steps < MOST_STEPS && !input.done; steps++) {
    log?.(`${machine.time} step ${stepName(input.peek())}`);
    step(program);
  }
  return { machine, abort: (first & 0x80) !== 0 };
}

export function fuzz(data: Uint8Array, log: Machine['log'] = null): void {
  const { machine, abort } = runProgram(data, log);
  machine.finish(abort);
}
