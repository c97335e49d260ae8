/** A listener whose program does not accept, with the kernel at the other end. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { NO_TIMESTAMPS, PORT } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';

/** B's listener, as ss counts: connections that wait for accept(), and how many may. */
async function queueOf(scene: Scene): Promise<[number, number]> {
  if (scene.B.kind === 'stack') {
    const [record] = scene.stack.connections();
    assert.ok(record !== undefined && record.state === 'LISTEN' && 'acceptQueue' in record);
    return [record.acceptQueue as number, record.backlog as number];
  }
  const { stdout } = await scene.namespace.run('ss', ['-ltnH']);
  const [, waiting, most] = stdout.toString().trim().split(/\s+/).map(Number);
  // The kernel lets one more wait than listen() and ss say.
  return [waiting as number, (most as number) + 1];
}

describe('a full accept queue', () => {
  ladder(
    '[ladder 33]: a client beyond the backlog hears nothing until the program accepts',
    NO_TIMESTAMPS,
    async (scene) => {
      const listening = await scene.B.listen(PORT, { backlog: 0 });
      await scene.A.connect(PORT);
      await scene.expect(`
        A>B SYN 0
        B>A SYN,ACK 0 ack 1
        A>B ACK 1 ack 1`);
      // A backlog of none lets one wait, on both sides.
      assert.deepEqual(await queueOf(scene), [1, 1]);
      const second = scene.A.connect(PORT);
      await scene.expect('A>B SYN 0', 200);
      await listening.accept();
      assert.deepEqual(await queueOf(scene), [0, 1]);
      await second;
      await scene.expect(`
        A>B SYN 0 after 600..2000
        B>A SYN,ACK 0 ack 1
        A>B ACK 1 ack 1`);
      await listening.accept();
      await scene.agree();
    },
  );
});
