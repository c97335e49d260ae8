/** What to send next in recovery without RACK: RFC 6675 §4, NextSeg. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SackSender } from '../rfc8985-9937/support.ts';

const BY_COUNT = { rack: 'off', tlp: 'off', prr: 'off', frto: 'off' };

test('SB-03, RFC 6675 §4 rules 1 to 4: lost, new, then not yet lost below SACKed data, then the last once', () => {
  const sender = new SackSender(BY_COUNT);
  sender.flight(12);
  // 0 is lost by the count; 4 and 6 lie below SACKed data, but nothing says yet that they are lost.
  sender.ack(0, [1, 4], [5, 6], [7, 8]);
  const first = sender.sent();
  assert.equal(first[0], 0, 'rule 1');
  assert.ok(!first.includes(4) || first.indexOf(4) > 0);
  // The pipe empties: rule 3 brings what is between, each once.
  sender.ack(0, [1, 4], [5, 6], [7, 11]);
  const later = [...first, ...sender.sent()];
  assert.deepEqual(
    later.filter((segment) => segment === 4 || segment === 6),
    [4, 6],
    'rules 1 and 3: each once',
  );
  assert.ok(!later.includes(11), 'rule 4: not before the first retransmission has arrived');
  sender.ack(4, [5, 6], [7, 11]);
  assert.deepEqual(sender.sent(), [11], 'rule 4: the last, once');
  sender.ack(6, [7, 11]);
  assert.ok(!sender.sent().includes(11));
});

test('SB-03, RFC 6675 §4 rule 2: while there is new data, nothing is sent on suspicion', () => {
  const sender = new SackSender(BY_COUNT);
  sender.flight(12);
  sender.app.write(20 * sender.size);
  sender.bed.peer.sent();
  sender.ack(0, [1, 4], [5, 6], [7, 11]);
  const sent = sender.sent();
  assert.ok(!sent.includes(11), `${sent}`);
});
