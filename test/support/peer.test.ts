import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from './pattern.ts';
import { EDGE_ISNS, testbed } from './peer.ts';

for (const kind of ['passive', 'active'] as const) {
  for (const isn of EDGE_ISNS) {
    test(`the scripted peer opens, talks and closes: ${kind}, ISN ${isn}`, () => {
      const bed = testbed({ isn });
      const app = bed.peer.handshake(kind);
      assert.equal(app.state, 'ESTABLISHED');
      bed.peer.send({ flags: 'PA', data: 10 });
      bed.advance(50);
      bed.peer.expect({ flags: 'A', seq: 1, ack: 11, length: 0 });
      assert.deepEqual(app.received, pattern(0, 10));
      app.write(5);
      assert.deepEqual(bed.peer.expect({ flags: 'PA', seq: 1, ack: 11, length: 5 }).payload, pattern(0, 5));
      bed.peer.send({ flags: 'FA' });
      bed.advance(50);
      bed.peer.expect({ flags: 'A', seq: 6, ack: 12 });
      app.close();
      bed.peer.expect({ flags: 'FA', seq: 6, ack: 12 });
      bed.peer.ack();
      assert.deepEqual(bed.connections(), []);
      bed.expectSilence();
    });
  }
}

test('a batch is one turn', () => {
  const bed = testbed();
  bed.peer.handshake('passive');
  const turns = bed.stack.counters.turns;
  bed.batch(() => {
    for (let i = 0; i < 5; i++) bed.peer.send({ flags: 'PA', data: 100 });
  });
  assert.equal(bed.stack.counters.turns, turns + 1);
  assert.ok(bed.peer.sent().some(({ ack }) => ack === 501));
});
