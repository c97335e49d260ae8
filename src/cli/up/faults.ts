/** The fault layer of `up`: between the stack and its device, driven by `--fault` and the control socket. */

import type { Device } from '../../device/device.ts';
import { FaultDevice } from '../../faults/fault-device.ts';
import { FaultError, type Faults } from '../../faults/faults.ts';
import { FaultSyntaxError } from '../../faults/lexer.ts';
import { lookupIn } from '../../faults/stack-lookup.ts';
import type { NodeStack } from '../../index.ts';
import { systemClock } from '../../stack/driver.ts';
import type { FaultTrace } from '../../trace/fault-trace.ts';
import type { Handler } from '../control/server.ts';
import { CliError, EXIT_FAILED, usage } from '../errors.ts';
import { injectFromOutside, type KernelSide } from './outside.ts';
import { realTimeline } from './real-timeline.ts';

/** A device with a fault layer around it. */
export function withFaults(device: Device, seed: number, trace: FaultTrace, hits?: Int32Array): FaultDevice {
  return new FaultDevice(device, {
    ...{ timeline: realTimeline(systemClock), seed, trace },
    ...(hits === undefined ? {} : { hits }),
  });
}

/** Tells the layer whose connections rules speak of, and gives it the rules of the command line. @throws CliError */
export function startFaults(faults: Faults, stack: NodeStack, rules: readonly string[]): void {
  faults.bind(lookupIn(stack));
  try {
    for (const rule of rules) faults.add(rule);
  } catch (error) {
    throw explained(error);
  }
}

/** What `fourwave fault`, `hold`, `release` and `inject` ask for. */
export function faultHandler(faults: Faults, kernel: KernelSide): Handler {
  const answer = ({ verb, text, number, from }: Readonly<Record<string, unknown>>): unknown => {
    if (verb === 'clear') return faults.clear(typeof number === 'number' ? number : null);
    if (verb !== 'add') return faults.list();
    return from === 'outside' ? injectFromOutside(faults, kernel, String(text)) : faults.add(String(text));
  };
  return async ({ arguments: given }) => {
    try {
      return await answer(given);
    } catch (error) {
      throw explained(error);
    }
  };
}

function explained(error: unknown): unknown {
  if (error instanceof FaultSyntaxError) return usage(error.message);
  return error instanceof FaultError ? new CliError(EXIT_FAILED, error.message) : error;
}
