/** What a student types first: nc at one end, Ctrl-D and Ctrl-C; our stack at the other. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { KERNEL } from '../support/ladder/ends.ts';
import { HANDSHAKE } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually, type Program, STACK } from '../support/running-stack.ts';

// OpenBSD's nc; the flavours differ (study.md 1.3).
const NC = 'nc.openbsd';

/** `nc -l` in the namespace, once it listens. */
async function netcatServer(scene: Scene): Promise<Program> {
  const server = scene.namespace.start(NC, '-l', KERNEL, '1234');
  await eventually(
    async () => (await scene.namespace.run('ss', ['-tlnH'])).stdout.includes(':1234'),
    () => `nc -l: ${server.stderr}`,
  );
  return server;
}

describe('nc', () => {
  ladder(
    'B12 B31 B56 B57 [ladder 1]: Ctrl-D in nc -N: FIN; our server closes at its end of stream: three waves',
    { roles: ['kernel'] },
    async (scene) => {
      const listening = await scene.B.listen(1234);
      const nc = scene.namespace.start(NC, '-N', STACK, '1234');
      const b = await listening.accept();
      nc.type('hi\n');
      assert.equal(await b.receive(), 'hi\n');
      await scene.expect(`${HANDSHAKE}
        A>B ACK 1:4 ack 1
        B>A ACK 1 ack 4`);
      await b.send('yo\n');
      await scene.expect(`
        B>A ACK 1:4 ack 4
        A>B ACK 4 ack 4`);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      const closing = b.receive().then(async (end) => {
        assert.equal(end, '');
        await b.close();
      });
      nc.endInput();
      await closing;
      await scene.expect(`
        A>B FIN,ACK 4 ack 4
        B>A FIN,ACK 4 ack 5
        A>B ACK 5 ack 5`);
      assert.equal((await nc.end()).stdout.toString(), 'yo\n');
      await scene.states('TIME-WAIT', 'CLOSED');
      // B57: what the student sees in netstat -o or ss -o.
      const [line] = await scene.kernelSockets();
      assert.match(`${line?.timer} ${line?.timerLeft}`, /^timewait 5\dsec$/);
      await scene.agree();
    },
  );

  ladder(
    'B12 B13 B31 B56 [ladder 1]: our end closes first: nc -l closes at once: three waves, TIME-WAIT with us',
    { roles: ['stack'] },
    async (scene) => {
      const server = await netcatServer(scene);
      const a = await scene.A.connect(1234);
      await a.send('hi\n');
      await eventually(
        () => server.text === 'hi\n',
        () => 'hi',
      );
      server.type('yo\n');
      assert.equal(await a.receive(), 'yo\n');
      await scene.expect(`${HANDSHAKE}
        A>B ACK 1:4 ack 1
        B>A ACK 1 ack 4
        B>A ACK 1:4 ack 4
        A>B ACK 4 ack 4`);
      await a.shutdown();
      await scene.expect(`
        A>B FIN,ACK 4 ack 4
        B>A FIN,ACK 4 ack 5
        A>B ACK 5 ack 5`);
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.agree();
      assert.equal((await server.end()).code, 0);
    },
  );

  ladder(
    'B15 B56 [ladder 2]: Ctrl-D in nc without -N: nothing on the wire; Ctrl-C: the close',
    { roles: ['kernel'] },
    async (scene) => {
      const listening = await scene.B.listen(1234);
      const nc = scene.namespace.start(NC, STACK, '1234');
      const b = await listening.accept();
      await scene.expect(HANDSHAKE);
      nc.endInput();
      await scene.expect('', 300);
      await scene.states('ESTABLISHED', 'ESTABLISHED');
      await scene.agree();
      const closing = b.receive().then(async (end) => {
        assert.equal(end, '');
        await b.close();
      });
      nc.signal('SIGINT');
      await closing;
      await scene.expect(`
        A>B FIN,ACK 1 ack 1
        B>A FIN,ACK 1 ack 2
        A>B ACK 2 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
      await scene.agree();
    },
  );

  ladder(
    'B13 B20 B51 B56 [ladder 3]: our server closes first: nc stays in CLOSE-WAIT until Ctrl-C, our end in FIN-WAIT-2',
    { roles: ['kernel'] },
    async (scene) => {
      const listening = await scene.B.listen(1234);
      const nc = scene.namespace.start(NC, STACK, '1234');
      const b = await listening.accept();
      await scene.expect(HANDSHAKE);
      await b.close();
      await scene.expect(
        `
        B>A FIN,ACK 1 ack 1
        A>B ACK 1 ack 2`,
        300,
      );
      await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
      await scene.agree();
      assert.ok(nc.running);
      nc.signal('SIGINT');
      await scene.expect(`
        A>B FIN,ACK 1 ack 2
        B>A ACK 2 ack 2`);
      await scene.states('CLOSED', 'TIME-WAIT');
      await scene.agree();
    },
  );

  ladder(
    'B13 B46 B56 [ladder 3]: Ctrl-C in nc -l: the kernel in FIN-WAIT-2 with a timewait timer; nc -l again at once',
    { roles: ['stack'] },
    async (scene) => {
      const server = await netcatServer(scene);
      const a = await scene.A.connect(1234);
      await scene.expect(HANDSHAKE);
      server.signal('SIGINT');
      await scene.expect(
        `
        B>A FIN,ACK 1 ack 1
        A>B ACK 1 ack 2`,
        100,
      );
      await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
      await scene.agree();
      const [line] = await scene.kernelSockets();
      assert.match(`${line?.timer} ${line?.timerLeft}`, /^timewait 5\dsec$/);
      assert.equal(await a.receive(), '', 'the application is told');
      // nc sets SO_REUSEADDR, so it never shows the error that B46 is about.
      const again = await netcatServer(scene);
      assert.ok(again.running, again.stderr);
      await a.close();
      await scene.expect(`
        A>B FIN,ACK 1 ack 2
        B>A ACK 2 ack 2`);
      await scene.states('CLOSED', 'TIME-WAIT');
      await scene.agree();
    },
  );
});
