/** One test for each of the peer's ISNs at which sequence arithmetic could go wrong. */

import { test } from 'node:test';
import { EDGE_ISNS, type Testbed, type TestbedOptions, testbed } from './peer.ts';

/** `run` gets a fresh testbed each time, whose peer has the ISN that the title then names. */
export function scenario(title: string, run: (bed: Testbed) => void, options: TestbedOptions = {}): void {
  for (const isn of EDGE_ISNS) {
    test(`${title} [ISN 0x${isn.toString(16)}]`, () => {
      const bed = testbed({ isn, ...options });
      run(bed);
      bed.checkGuard();
    });
  }
}
