import assert from 'node:assert/strict';
import { createHash, randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const MEGABYTE = 1024 * 1024;
const SITE = `http://${STACK}`;

/** What `/big` sends: blocks of 64 KiB, each with the same pattern from its start. */
function big(kilobytes: number): string {
  const block = Uint8Array.from({ length: 65_536 }, (_, index) => 0x21 + (index % 93));
  const hash = createHash('sha256');
  for (let left = kilobytes * 1024; left > 0; left -= block.length) hash.update(block.subarray(0, left));
  return hash.digest('hex');
}

/** A file of random bytes for uploads; its path and its SHA-256. */
function upload(stack: RunningStack, megabytes: number): { path: string; sum: string } {
  const bytes = randomFillSync(Buffer.alloc(megabytes * MEGABYTE));
  const path = join(stack.folder, 'upload');
  writeFileSync(path, bytes);
  return { path, sum: createHash('sha256').update(bytes).digest('hex') };
}

async function bothWays(stack: RunningStack, megabytes: number): Promise<void> {
  const { path, sum } = upload(stack, megabytes);
  const sent = await stack.run('curl', ['-sS', '-T', path, `${SITE}/upload`]);
  assert.deepEqual([sent.code, sent.stdout.toString(), sent.stderr], [0, sum, '']);
  const fetched = await stack.sh(`curl -sS '${SITE}/big?kb=${megabytes * 1024}' | sha256sum`);
  assert.deepEqual([fetched.stdout.toString().split(' ')[0], fetched.stderr], [big(megabytes * 1024), '']);
}

for (const offload of ['auto', 'off'] as const) {
  describe(`curl, offload ${offload}`, { skip: skipWithout('curl', 'sha256sum') }, () => {
    let stack: RunningStack;
    before(async () => {
      stack = await RunningStack.start('--offload', offload);
    });
    after(() => stack?.close());

    test('GET shows the connection from inside', async () => {
      const { code, stdout } = await stack.run('curl', ['-sSi', `${SITE}/`]);
      assert.equal(code, 0);
      assert.match(stdout.toString(), /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(
        stdout.toString(),
        /from +10\.9\.0\.1:\d+\n +to +10\.9\.0\.2:80\n[\s\S]*LISTEN → SYN-RECEIVED → ESTABLISHED/,
      );
    });

    test('two pages come over one connection', async () => {
      const format = '%{num_connects} %{response_code} %{size_download};';
      const page = ['-o', '/dev/null', `${SITE}/`, '-o', '/dev/null', `${SITE}/big?kb=3`];
      const { stdout } = await stack.run('curl', ['-sS', '-w', format, ...page]);
      assert.match(stdout.toString(), /^1 200 \d{4};0 200 3072;$/);
    });

    test('Connection: close: the stack closes without being asked', async () => {
      const { code, stdout } = await stack.run('curl', [
        '-sSi',
        '-H',
        'Connection: close',
        `${SITE}/chunked`,
      ]);
      assert.equal(code, 0);
      assert.match(stdout.toString(), /\r\nConnection: close\r\n/i);
      assert.match(stdout.toString(), /first chunk\nsecond chunk\nthird and last chunk\n$/);
      await eventually(
        // curl may close when the last chunk comes, before it sees our FIN: then both were first.
        async () =>
          (await stack.ss(80)).some(
            ({ state, closedFirst }) =>
              state === 'TIME-WAIT' && (closedFirst === 'us' || closedFirst === 'both'),
          ),
        () => 'TIME-WAIT on our side',
      );
    });

    test('100 MB arrive unharmed both ways', () => bothWays(stack, 100));

    test('eight transfers at once', async () => {
      const urls = Array.from({ length: 8 }, (_, index) => `${SITE}/big?kb=${1024 + index}`);
      const { stdout } = await stack.run('curl', [
        '-sS',
        '--parallel',
        '--parallel-immediate',
        '-w',
        '%{response_code} %{size_download}\n',
        ...urls.flatMap((url) => ['-o', '/dev/null', url]),
      ]);
      assert.deepEqual(
        stdout.toString().trim().split('\n').sort(),
        urls.map((_, index) => `200 ${(1024 + index) * 1024}`),
      );
    });

    test('nothing was corrupt', async () => {
      assert.equal(await stack.kernelCounter('InErrs'), 0);
      assert.equal(stack.up.running, true);
    });
  });
}

const READY = { auto: ['csum', 'tso4'], csum: ['csum'], off: [] };

describe('curl, other MTUs, and the ready line’s offload', { skip: skipWithout('curl', 'sha256sum') }, () => {
  for (const [mtu, offload] of [
    [1500, 'csum'],
    [576, 'off'],
    [576, 'auto'],
    [9000, 'off'],
    [9000, 'auto'],
  ] as const) {
    test(`MTU ${mtu}, offload ${offload}`, async () => {
      const stack = await RunningStack.start('--offload', offload, '--mtu', String(mtu));
      try {
        assert.equal(stack.ready.mtu, mtu);
        assert.deepEqual(stack.ready.offload, READY[offload]);
        await bothWays(stack, mtu === 1500 ? 2 : 10);
        const client = stack.start('nc', STACK, '7');
        await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
        const [record] = await stack.ss(7);
        assert.equal(record?.options?.mss, mtu - 40);
        assert.equal(await stack.kernelCounter('InCsumErrors'), 0);
        await client.kill();
      } finally {
        await stack.close();
      }
    });
  }
});
