/** Closes that one end never finishes: a program that forgets close, a peer that is gone; the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { connect, historyOf } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually } from '../support/running-stack.ts';

/** How many connections of each end are in which state. */
async function census(scene: Scene): Promise<{ ours: string; kernels: string }> {
  const count = (states: readonly string[]): string =>
    [...new Set(states)].map((state) => `${states.filter((one) => one === state).length} ${state}`).join();
  return {
    ours: count(scene.connections().map(({ state }) => state)),
    kernels: count((await scene.kernelSockets()).map(({ state }) => state)),
  };
}

describe('CLOSE-WAIT', () => {
  // Nothing on earth ends CLOSE-WAIT but the program; FIN-WAIT-2 of the other end is ended by a timer
  // there, once its program has closed: ours is set by finWait2, the kernel's by tcp_fin_timeout.
  ladder(
    'B20 B51: a server that forgets close collects CLOSE-WAIT, one for each client that has long gone',
    { config: { finWait2: '1s' }, sysctl: { 'net.ipv4.tcp_fin_timeout': 1 } },
    async (scene) => {
      const listening = await scene.B.listen(1234);
      const kept = [];
      for (let i = 0; i < 3; i++) {
        const a = await scene.A.connect(1234);
        kept.push(await listening.accept());
        await a.close();
      }
      const ends = (ours: string, kernels: string) => async (): Promise<boolean> => {
        const now = await census(scene);
        const [a, b] = scene.A.kind === 'stack' ? [now.ours, now.kernels] : [now.kernels, now.ours];
        return a === ours && b === kernels;
      };
      await eventually(ends('3 FIN-WAIT-2', '3 CLOSE-WAIT'), () => 'all half closed');
      await scene.agree();
      // The kernel rounds a second up to two.
      await eventually(ends('', '3 CLOSE-WAIT'), () => 'A has given up');
      if (scene.A.kind === 'stack') assert.ok(historyOf(scene, 'fin-wait-2').includes('fired'));
      else
        assert.deepEqual(
          scene.connections().map(({ timers }) => timers),
          [[], [], []],
        );
      // The server's close comes too late: nobody knows the connection any more.
      scene.skip();
      await kept[0]?.close();
      await scene.expect(`
        B>A FIN,ACK 1 ack 2
        A>B RST 2`);
      await eventually(ends('', '2 CLOSE-WAIT'), () => 'one less');
    },
  );

  ladder(
    'B20 B21 B51: the ACK of a FIN needs no application; what it has not read is still there',
    {},
    async (scene) => {
      const { a, b } = await connect(scene);
      await a.send('0123456789');
      await a.shutdown();
      await scene.expect(
        `
        A>B ACK 1:11 ack 1
        ? B>A ACK 1 ack 11
        A>B FIN,ACK 11 ack 1
        ? B>A ACK 1 ack 11
        B>A ACK 1 ack 12`,
        100,
      );
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      await scene.agree();
      assert.equal(await b.receive(), '0123456789');
      assert.equal(await b.receive(), '');
    },
  );
});

describe('a FIN that nobody answers', () => {
  ladder(
    'B49: the program has gone, the peer too: the FIN is sent again a bounded number of times, and then no more',
    { config: { 'retries.orphan': 2 }, sysctl: { 'net.ipv4.tcp_orphan_retries': 2 } },
    async (scene) => {
      const { a } = await connect(scene);
      scene.cut();
      await a.close();
      // The first again may be a loss probe, which is no timeout. Distances double.
      await scene.expect(
        `
        A>B FIN,ACK 1 ack 1 LOST
        A>B FIN,ACK 1 ack 1 LOST after 120..900
        A>B FIN,ACK 1 ack 1 LOST after 120..1200
        ? A>B FIN,ACK 1 ack 1 LOST after 250..1800`,
        0,
      );
      await scene.states('CLOSED', 'ESTABLISHED');
      await scene.agree({ halfOpen: true });
      if (scene.A.kind === 'stack') {
        assert.equal(historyOf(scene, 'rto').filter((what) => what === 'fired').length, 3);
        assert.deepEqual(scene.watch.states.slice(-2), ['FIN-WAIT-1', 'CLOSED']);
      }
    },
  );
});
