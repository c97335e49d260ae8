import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { RunningStack, skipWithout } from '../../support/running-stack.ts';

const SERVICES = {
  echo: 7,
  discard: 9,
  daytime: 13,
  chargen: 19,
  http: 80,
  late: 2001,
  leaky: 2002,
  rude: 2003,
  slow: 2004,
  ka: 2005,
  abort: 2006,
  heartbeat: 2007,
  stuck: 2008,
  sink: 5001,
  source: 5002,
};

describe('fourwave up', { skip: skipWithout('nc') }, () => {
  test('is soon ready, says so in one line, ends at once on SIGTERM, and starts again', async () => {
    const stack = await RunningStack.start();
    try {
      for (let round = 0; round < 2; round++) {
        const { ready } = stack;
        assert.ok(stack.readyAfter < 5000, `ready after ${stack.readyAfter} ms`);
        assert.deepEqual(
          { ...ready, services: Object.fromEntries(ready.services.map(({ name, port }) => [name, port])) },
          {
            event: 'ready',
            tun: 'fw0',
            netns: stack.name,
            address: ['10.9.0.2'],
            peer: '10.9.0.1/24',
            mtu: 1500,
            offload: ['csum', 'tso4'],
            queues: 1,
            steering: null,
            services: SERVICES,
            control: ready.control,
            inspector: null,
            pid: stack.up.child.pid,
            uid: ready.uid,
          },
        );
        assert.ok(ready.control.endsWith(`/${stack.name}-fw0.sock`), ready.control);
        assert.equal((await stack.run('nc', ['-N', '10.9.0.2', '7'], 'hello')).stdout.toString(), 'hello');
        assert.match(stack.ip('-br', 'link'), /^fw0 /m);

        const idle = stack.start('nc', '10.9.0.2', '7');
        await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
        const { code, took, stdout } = await stack.stopUp();
        assert.equal(code, 0);
        assert.ok(took < 1000, `SIGTERM took ${took} ms`);
        assert.equal(stdout.toString().trim().split('\n').length, 1, 'nothing else on stdout');
        assert.doesNotMatch(stack.ip('-br', 'link'), /fw0/);
        assert.equal(existsSync(ready.control), false, 'the control socket is gone');
        await idle.kill();
        if (round === 0) await stack.startUp();
      }
    } finally {
      await stack.close();
    }
  });

  test('the reset of its connections reaches the peers before the interface goes', async () => {
    const stack = await RunningStack.start('--offload', 'off');
    try {
      const client = stack.start('nc', '10.9.0.2', '7');
      await stack.bothBecome(7, 'ESTABLISHED', 'ESTAB');
      const resets = await stack.kernelCounter('EstabResets');
      await stack.stopUp();
      assert.equal(await stack.kernelCounter('EstabResets'), resets + 1);
      await client.end(5000);
      assert.equal(stack.ready.offload.length, 0);
    } finally {
      await stack.close();
    }
  });
});
