/** Explicit congestion notification with the kernel: EC-01, EC-04 to EC-07, in both roles and both directions. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ImpairedStack } from '../../support/impaired-stack.ts';
import type { Vitals } from '../../support/impaired-up.ts';
import { eventually, STACK, skipWithout } from '../../support/running-stack.ts';

const MEGABYTE = 1024 * 1024;
const PORT = 9300;

/** How often we were told to be slower. */
const reductions = ({ stats }: Vitals): number =>
  stats.reasons.find(({ name }) => name === 'TCP_ECN_REDUCTION')?.count ?? 0;

describe('ECN with the kernel, over a link that marks one packet in 25', {
  skip: skipWithout('nc'),
}, () => {
  let stack: ImpairedStack;
  before(async () => {
    stack = await ImpairedStack.begin({
      impairments: { delay: 500, mark: 0.04 },
      config: { ecn: 'on' },
      forward: PORT,
    });
    // Not BBR, which does not heed marks.
    const script = 'cd /proc/sys/net/ipv4 && echo 1 > tcp_ecn && echo reno > tcp_congestion_control';
    assert.equal((await stack.sh(script)).code, 0);
  });
  after(() => stack?.close());

  /** What `ss` says about the kernel's connections that match. */
  const kernelSees = async (filter: string): Promise<string> =>
    (await stack.run('ss', ['-tinoH', ...filter.split(' ')])).stdout.toString();

  test('the kernel asks: marks on what it sends and on what it gets make both ends slower, and every byte arrives', async () => {
    const data = randomBytes(MEGABYTE);
    const client = stack.start('nc', STACK, '7');
    client.child.stdin?.write(data);
    await eventually(
      () => client.stdout.length >= data.length,
      () => `${client.stdout.length} bytes came back`,
      30_000,
    );
    assert.ok(client.stdout.equals(data));

    const [record] = await stack.ss(7);
    assert.equal(record?.options?.ecn, true);
    const kernel = await kernelSees(`dst ${STACK} dport = 7`);
    assert.match(kernel, /\becn\b.*\becnseen\b/);
    // It has left slow start, and without a loss.
    assert.match(kernel, /\bssthresh:\d+/);
    assert.ok((await stack.kernelCounter('TCPDeliveredCE')) > 0, 'our ECE has reached it');
    const vitals = await stack.vitals();
    assert.ok(vitals.link && vitals.link.inbound.marked > 5 && vitals.link.outbound.marked > 5);
    assert.ok(reductions(vitals) > 0, 'and its ECE us');

    await client.kill();
  });

  test('we ask: the kernel agrees, echoes, and is told by CWR', async () => {
    const data = randomBytes(MEGABYTE);
    const first = reductions(await stack.vitals());
    const server = stack.start('nc', '-l', stack.kernel, String(PORT));
    await eventually(
      async () => (await kernelSees(`-l sport = ${PORT}`)) !== '',
      () => 'nc listens',
    );
    const client = stack.start('nc', STACK, String(PORT));
    client.child.stdin?.write(data);
    await eventually(
      () => server.stdout.length >= data.length,
      () => `${server.stdout.length} bytes`,
      30_000,
    );
    assert.ok(server.stdout.equals(data));
    // The file is written in the background, and the answer comes before its last bytes.
    await eventually(
      () => readFileSync(join(stack.folder, '0-up')).equals(data),
      () => 'the file is not what was sent',
    );
    assert.match(await kernelSees(`src ${stack.kernel} sport = ${PORT}`), /\becn\b.*\becnseen\b/);
    const vitals = await stack.vitals();
    assert.ok(reductions(vitals) > first);
    assert.equal(vitals.guarded, null);
    await client.kill();
    await server.kill();
  });
});
