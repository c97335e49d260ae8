/** Segments forged from the kernel's side, through a raw socket that root has left open. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

describe('inject --from outside', { skip: skipWithout('nc') }, () => {
  let stack: RunningStack;
  before(async () => {
    stack = await RunningStack.start('--allow-inject');
  });
  after(() => stack?.close());

  test('RFC 5961: a reset in the window is challenged, the exact one is believed', async () => {
    const client = stack.start('nc', STACK, '7');
    client.type('x\n');
    await eventually(
      () => client.text === 'x\n',
      () => client.text,
    );
    const [open] = await stack.ss(7);
    const inject = async (...what: string[]): Promise<void> => {
      const { code, stderr } = await stack.fourwave('inject', '--from', 'outside', ...what).end();
      assert.equal(code, 0, stderr);
    };
    await inject('rst', 'seq+10', 'on', String(open?.id));
    client.type('y\n');
    await eventually(
      () => client.text === 'x\ny\n',
      () => client.text,
    );
    await inject('rst', 'on', String(open?.id));
    await eventually(
      async () => (await stack.ss(7)).length === 0,
      () => 'the connection is still there',
    );
    const { stdout } = await stack.fourwave('log', '--level', 'core').end();
    const resets = stdout
      .toString()
      .split('\n')
      .filter((line) => / received RST /.test(line));
    assert.equal(resets.length, 2);
    await client.kill();
  });

  test('privileges are given up all the same: no capability is left', async () => {
    const { stdout } = await stack.run('cat', [`/proc/${stack.ready.pid}/status`]);
    assert.match(stdout.toString(), /CapEff:\t0{16}\n/);
  });
});
