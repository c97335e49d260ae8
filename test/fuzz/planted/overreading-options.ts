/** A reader of options that reads one byte too many of some timestamps options. */

import { readOptionsBadly } from './options-faults.ts';

export function fuzz(data: Uint8Array): void {
  const copy = new Uint8Array(data.subarray(0, 40));
  readOptionsBadly(new DataView(copy.buffer), copy.length, { offByOne: true });
}
