/** `gro`: the kernel puts segments together before its TCP looks at them, where it lets us ask for it. */

import assert from 'node:assert/strict';
import { createHash, randomFillSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { openTun, TunDevice, type TunOptions } from '../../../src/device/tun.ts';
import { createStack } from '../../../src/index.ts';
import { hasProgram, inNamespace, skip as noTun, runIn } from './support.ts';

const noProgram = ['nc', 'setpriv'].find((name) => !hasProgram(name));
const skip = noTun === false && process.env['CI'] !== 'true' && noProgram ? `needs ${noProgram}` : noTun;

const CONTENT = randomFillSync(new Uint8Array(1_500_001));
const HASH = createHash('sha256').update(CONTENT).digest('hex');
const TUN = new URL('../../../dist/device/tun.js', import.meta.url).href;

/** Packets that have reached the kernel's IP, put together or not. */
async function received(netns: string): Promise<number> {
  const { output } = await runIn(netns, 'cat', '/proc/net/snmp');
  const [names = [], values = []] = output
    .split('\n')
    .filter((line) => line.startsWith('Ip:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('InReceives')]);
}

/** Segments that we send for each packet that the kernel's IP sees, while `nc` reads the content. */
async function segmentsForEach(netns: string, options: TunOptions): Promise<number> {
  const description = openTun({ netns, offload: 'off', ...options });
  assert.equal(description.gathers, options.gro === true);
  const stack = await createStack({ device: new TunDevice(description), address: '10.9.0.2' });
  try {
    const server = stack.net.createServer((socket) => void socket.end(CONTENT));
    await new Promise<void>((resolve) => server.listen(7, () => resolve()));
    const before = await received(netns);
    const { output } = await runIn(netns, 'sh', '-c', 'nc -d 10.9.0.2 7 | sha256sum');
    assert.equal(output.split(' ')[0], HASH);
    return stack.counters.segmentsSent / ((await received(netns)) - before);
  } finally {
    await stack.close();
  }
}

describe('gro', { skip }, () => {
  test('the kernel sees several segments as one packet; without it each as its own', () =>
    inNamespace(async (netns) => {
      const apart = await segmentsForEach(netns, {});
      const together = await segmentsForEach(netns, { gro: true });
      assert.ok(apart < 1.1, `${apart} segments a packet`);
      assert.ok(together > 3, `${together} segments a packet`);
    }));

  test('is set for this interface of this namespace, in one queue or in several', () =>
    inNamespace(async (netns, open) => {
      open({ gro: true, queues: 2 });
      open({ name: 'fw1', peer: '10.9.1.1/24' });
      const { output } = await runIn(netns, 'sh', '-c', 'cat /sys/class/net/fw?/gro_flush_timeout');
      assert.deepEqual(output.trim().split('\n'), ['10000000', '0']);
    }));

  test('who may not mount has the interface without it', () =>
    inNamespace(async (netns) => {
      const program = `
        const { openTun } = await import(${JSON.stringify(TUN)});
        const { name, gathers, queues } = openTun({ gro: true, name: 'fw%d', queues: 2 });
        console.log(JSON.stringify({ name, gathers, queues: queues.length }));`;
      const mayNot = ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin'];
      const node = [process.execPath, '--input-type=module', '-e', program];
      const { output } = await runIn(netns, ...(mayNot as [string, ...string[]]), ...node);
      assert.deepEqual(JSON.parse(output), { name: 'fw0', gathers: false, queues: 2 });
    }));
});
