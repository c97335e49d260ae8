/**
 * Real programs over clean and bad links, at several MTUs, with a kernel that leaves one option out:
 * every two values of these meet in some row. FOURWAVE_FULL=1 plays every row there is.
 */

import { after, describe, test } from 'node:test';
import { skipWithout } from '../../support/running-stack.ts';
import { Payloads } from './payloads.ts';
import { Rig } from './rig.ts';
import { type Row, rows, stackOf } from './rows.ts';
import { TRAFFIC } from './tools.ts';

const skip = skipWithout(
  ...['nc', 'ncat', 'socat', 'curl', 'ab', 'wrk', 'ssh', 'sshd', 'ssh-keygen', 'iperf3', 'bash', 'sysctl'],
);

const payloads = new Payloads();
after(() => payloads.remove());

const groups = new Map<string, Row[]>();
for (const row of rows()) groups.set(stackOf(row), [...(groups.get(stackOf(row)) ?? []), row]);

/** Rows that share a stack; one that fails leaves the next a new one. */
function playAll(name: string, group: readonly Row[]): void {
  describe(name, { concurrency: 1 }, () => {
    let rig: Rig | null = null;
    after(() => rig?.close());
    for (const row of group) {
      test(`${row.tool}, ${row.link}, MTU ${row.mtu}, ${row.kernel}`, async () => {
        try {
          rig ??= await Rig.start(row, payloads);
          await rig.play(row, TRAFFIC[row.tool]);
        } catch (error) {
          await rig?.close();
          rig = null;
          throw error;
        }
      });
    }
  });
}

describe('interop on clean links', { skip }, () => {
  for (const [name, group] of groups) if (!name.startsWith('impaired')) playAll(name, group);
});

// They wait for timeouts most of the time.
describe('interop on bad links', { skip, concurrency: 4 }, () => {
  for (const [name, group] of groups) if (name.startsWith('impaired')) playAll(name, group);
});
