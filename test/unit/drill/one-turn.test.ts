/** What a script gives to one turn: the stack answers all of it at once, and nothing ran before. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from '../../../src/drill/interpreter.ts';
import { parseScript } from '../../../src/drill/parser.ts';

const ACCEPTED = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
+.1 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
`;

function failure(script: string): string | null {
  return runScript(parseScript(ACCEPTED + script, 'a.pkt')).failure?.message ?? null;
}

test('data and the reply that it causes in the same turn make one packet', () => {
  const inside =
    '+0 < P. 1:101(100) ack 1 win 65535\n+0 read(4, ..., 100) = 100\n+0 write(4, ..., 50) = 50\n';
  const answer = '+0 > P. 1:51(50) ack 101\n';
  assert.equal(failure(`+.1 \`: one turn\`\n${inside}+0 \`: turn over\`\n${answer}`), null);
  assert.match(failure(`${inside}${answer}`) ?? 'it passed', /differs in flags/);
});

test('a timer that is due waits for the turn, and what has come is looked at first', () => {
  const sent = '+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n';
  const late = '+2 `: one turn`\n+0 < . 1:1(0) ack 101 win 65535\n+0 `: turn over`\n';
  const next = '+.1 write(4, ..., 10) = 10\n+0 > P. 101:111(10) ack 1\n';
  assert.equal(failure(`${sent}${late}${next}`), null, 'the acknowledgment spares the time-out');
  const asleep = '+2 < . 1:1(0) ack 101 win 65535\n';
  assert.match(failure(`${sent}${asleep}${next}`) ?? 'it passed', /differs in sequence numbers/);
});

test('what a call in a turn does not do as the script says is told with its line', () => {
  const message = failure('+.1 `: one turn`\n+0 read(4, ..., 100) = 100\n+0 `: turn over`\n');
  assert.match(message ?? 'it passed', /read waits/);
});
