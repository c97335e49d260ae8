import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

for (const args of [[], ['--offload', 'off'], ['--offload', 'off', '--mtu', '576']]) {
  describe(`ping, up ${args.join(' ')}`, { skip: skipWithout('ping') }, () => {
    let stack: RunningStack;
    before(async () => {
      stack = await RunningStack.start(...args);
    });
    after(() => stack?.close());

    for (const [size, count] of [
      [56, 5],
      [0, 3],
      [1472, 3],
      [1473, 3],
      [60_000, 3],
      // 65,535 with its headers: nothing larger exists.
      [65_507, 2],
    ] as const) {
      test(`${size} bytes`, async () => {
        const { code, stdout } = await stack.run('ping', [
          '-c',
          String(count),
          '-i',
          '0.1',
          '-W',
          '5',
          '-s',
          String(size),
          STACK,
        ]);
        const text = stdout.toString();
        assert.equal(code, 0, text);
        assert.match(text, new RegExp(`${count} packets transmitted, ${count} received, 0% packet loss`));
        assert.match(text, new RegExp(`^${size + 8} bytes from ${STACK}: icmp_seq=1 ttl=\\d+`, 'm'));
        assert.doesNotMatch(text, /wrong data|DUP|corrupt/);
      });
    }

    test('an address of the subnet that is not ours stays silent', async () => {
      const { code } = await stack.run('ping', ['-c', '2', '-i', '0.1', '-W', '1', '10.9.0.77']);
      assert.equal(code, 1);
    });
  });
}
