/** Plays the rows of the matrix on stacks that they share. */

import { after, describe, test } from 'node:test';
import { skipWithout } from '../../support/running-stack.ts';
import { Payloads } from './payloads.ts';
import { Rig } from './rig.ts';
import { LINKS, type Row, rows, stackOf } from './rows.ts';
import { TRAFFIC } from './tools.ts';

const skip = skipWithout(
  ...['nc', 'ncat', 'socat', 'curl', 'ab', 'wrk', 'ssh', 'sshd', 'ssh-keygen', 'iperf3', 'bash', 'sysctl'],
);

/** Rows that share a stack; one that fails leaves the next a new one. */
function playAll(name: string, group: readonly Row[], payloads: Payloads): void {
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

/** The rows on clean links or on bad ones, so many stacks at a time. */
export function playRows(title: string, links: 'clean' | 'bad', concurrency = 1): void {
  const groups = new Map<string, Row[]>();
  for (const row of rows()) {
    if ((LINKS[row.link] === null) !== (links === 'clean')) continue;
    groups.set(stackOf(row), [...(groups.get(stackOf(row)) ?? []), row]);
  }
  const payloads = new Payloads();
  after(() => payloads.remove());
  describe(title, { skip, concurrency }, () => {
    for (const [name, group] of groups) playAll(name, group, payloads);
  });
}
