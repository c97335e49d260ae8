import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const MEGABYTE = 1024 * 1024;
/** The bytes of `source` repeat with this period. */
const SOURCE_PERIOD = 251;

/** Sends `megabytes` to `sink`, through `echo` and back, and takes as many from `source`. */
async function transfer(stack: RunningStack, megabytes: number): Promise<void> {
  const bytes = megabytes * MEGABYTE;
  const before = await resent(stack);
  const sink = stack.start('nc', '-N', STACK, '5001');
  sink.child.stdin?.write(Buffer.alloc(bytes));
  let received = 0;
  await eventually(
    async () => {
      received = (await stack.ss(5001))[0]?.rcv?.nxt ?? 0;
      return received >= bytes + 1;
    },
    () => `sink at ${received}`,
    30_000,
  );
  // The SYN is the byte before the first.
  assert.equal(received, bytes + 1);
  sink.endInput();
  assert.equal((await sink.end()).code, 0);
  const echoed = await stack.sh(`head -c ${bytes} /dev/zero | nc -N ${STACK} 7 | cksum`);
  const expected = await stack.sh(`head -c ${bytes} /dev/zero | cksum`);
  assert.equal(echoed.stdout.toString(), expected.stdout.toString());
  const { stdout } = await stack.run('sh', ['-c', `nc -d ${STACK} 5002 | head -c ${bytes}`]);
  assert.equal(stdout.length, bytes);
  assert.ok(
    stdout.every((byte, index) => byte === index % SOURCE_PERIOD),
    'the pattern of source',
  );
  assert.equal(await stack.kernelCounter('InErrs'), 0);
  // The queue of the interface may overflow, since without offload it holds 500 packets; then TCP does its work.
  const again = (await resent(stack)) - before;
  const { stdout: dropped } = await stack.run('cat', ['/sys/class/net/fw0/statistics/tx_dropped']);
  assert.ok(again <= 0 || Number(dropped) > 0, `${again} segments were sent twice without a loss`);
}

/** Segments that the kernel sent again, at most: its loss probes, which may be new data, come when we are only slow. */
async function resent(stack: RunningStack): Promise<number> {
  return (await stack.kernelCounter('RetransSegs')) - (await stack.kernelCounter('TCPLossProbes'));
}

for (const offload of ['auto', 'off'] as const) {
  describe(`bulk, offload ${offload}`, { skip: skipWithout('nc') }, () => {
    let stack: RunningStack;
    before(async () => {
      stack = await RunningStack.start('--offload', offload);
    });
    after(() => stack?.close());

    test('sink, echo and source: every byte is there', () => transfer(stack, 50));

    test('10,000 connections by ab', { skip: skipWithout('ab') }, async () => {
      const { code, stdout } = await stack.run('ab', ['-q', '-n', '10000', '-c', '50', `http://${STACK}/`]);
      const text = stdout.toString();
      assert.equal(code, 0, text);
      assert.match(text, /^Complete requests: +10000$/m);
      assert.match(text, /^Failed requests: +0$/m);
      assert.doesNotMatch(text, /Non-2xx/);
    });
  });
}

describe('a kernel without an option', { skip: skipWithout('nc') }, () => {
  for (const [sysctl, option, absent] of [
    ['tcp_timestamps', 'timestamps', false],
    ['tcp_sack', 'sack', false],
    ['tcp_window_scaling', 'wscale', null],
  ] as const) {
    test(`${sysctl}=0`, async () => {
      const stack = await RunningStack.start();
      try {
        const { code } = await stack.run('sh', ['-c', `echo 0 > /proc/sys/net/ipv4/${sysctl}`]);
        assert.equal(code, 0);
        const client = stack.start('nc', STACK, '7');
        await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
        const options = (await stack.ss(7))[0]?.options;
        assert.equal(options?.[option], absent);
        await client.kill();
        await transfer(stack, 10);
      } finally {
        await stack.close();
      }
    });
  }
});
