/** The header of a recording, which comes from a file: everything in it is checked before it is used. */

import type { TcpConfig } from '../tcp/tcp-config.ts';
import { parseAddress } from '../wire/address.ts';
import { resolveConfig } from './config.ts';
import type { TapeHeader, TapeOrigin } from './tape.ts';
import { RecordingError, valueIn } from './tape-format.ts';

/** What a recording says of its run. */
export interface RecordedRun extends Omit<TapeHeader, 'config'>, TapeOrigin {
  readonly config: TcpConfig;
  /** What the event log had read of its clock before the stack was there; null without a log. */
  readonly logStart: readonly number[] | null;
}

const MIN_MTU = 68;
const MAX_LENGTH = 65_535;

/** @throws RecordingError */
export function readHeader(body: Uint8Array): RecordedRun {
  let value: unknown;
  try {
    value = valueIn(body);
  } catch {
    throw new RecordingError('has a header that cannot be read');
  }
  const run = value as RecordedRun;
  if (typeof run !== 'object' || run === null) throw new RecordingError('has a header that cannot be read');
  checkNumbers(run);
  if (!Array.isArray(run.addresses) || !run.addresses.every(isAddress)) {
    throw new RecordingError('has a header with an address that is none');
  }
  checkConfig(run.config, run.version);
  const start: unknown = run.logStart;
  if (start !== null && !(Array.isArray(start) && start.every((one) => Number.isFinite(one)))) {
    throw new RecordingError('has a header with a log that is none');
  }
  const faults: unknown = run.faults ?? [];
  if (!Array.isArray(faults) || !faults.every((one) => typeof one === 'string')) {
    throw new RecordingError('has a header with faults that are none');
  }
  return run;
}

function checkNumbers({ mtu, segmentationLimit }: RecordedRun): void {
  const whole = (number: unknown, from: number): boolean =>
    Number.isInteger(number) && (number as number) >= from && (number as number) <= MAX_LENGTH + 1;
  if (!whole(mtu, MIN_MTU) || !whole(segmentationLimit, 0)) {
    throw new RecordingError('has a header with a size that is none');
  }
}

function isAddress(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const [address = '', prefix = '32'] = text.split('/');
  return parseAddress(address) !== null && /^\d{1,2}$/.test(prefix) && Number(prefix) <= 32;
}

/** The options of another version would not do what they did. @throws RecordingError */
function checkConfig(config: unknown, version: unknown): void {
  const known = resolveConfig('default', {}) as unknown as Record<string, unknown>;
  const given = (typeof config === 'object' && config !== null ? config : {}) as Record<string, unknown>;
  for (const [key, value] of Object.entries(known)) {
    const found = given[key];
    if (typeof found !== typeof value || Number.isNaN(found) || (typeof found === 'number' && found < 0)) {
      const from = typeof version === 'string' ? ` It was made by version ${version}.` : '';
      throw new RecordingError(`has no option ${key} as this version knows it.${from}`, true);
    }
  }
}
