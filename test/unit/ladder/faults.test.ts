/** What rules really do, as the ladder draws it: our stack behind the fault layer, a peer, a virtual clock. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventLine } from '../../../src/cli/render/event.ts';
import { drawLadder } from '../../../src/cli/render/ladder.ts';
import { SHUT_WR } from '../../../src/posix/constants.ts';
import { FaultyWorld, MS, SECOND } from '../faults/support.ts';

/** Data both ways, and a close by the peer. */
function talk(world: FaultyWorld): void {
  const { theirs, ours } = world.open();
  world.client.write(theirs, new Uint8Array(100));
  world.run(500 * MS);
  world.server.read(ours, new Uint8Array(200));
  world.server.write(ours, new Uint8Array(200));
  world.run(SECOND);
  world.client.read(theirs, new Uint8Array(200));
  world.client.shutdown(theirs, SHUT_WR);
  world.run(SECOND);
}

/** Its lines, without names of connections and bars. */
function drawn(rules: readonly string[], act: (world: FaultyWorld) => void = talk): string {
  const world = new FaultyWorld({ rules });
  act(world);
  const events = world.ours.eventsSince(0, 100_000) as readonly EventLine[];
  return drawLadder(events, { width: 100, connections: new Set(['c1']) }).join('\n');
}

const cases: [string, string[], RegExp[]][] = [
  [
    'a segment of the peer that is lost, and comes again',
    ['drop in where data times 1'],
    [/─ PSH,ACK 1:101 .* ✗/, /lost by rule#1/, /─ ↻ PSH,ACK 1:101 .*▶/],
  ],
  [
    'a segment of ours that is delayed: what goes again in the meantime, and its arrival',
    ['delay out where data 300ms times 1'],
    [
      /⧗─* PSH,ACK 1:201/,
      /delayed by rule#1 for 300ms/,
      /tlp fires ◀/,
      /◀─* ↻ PSH,ACK 1:201/,
      /◀─* ⧗ PSH,ACK 1:201/,
    ],
  ],
  [
    'a segment of the peer that is delayed',
    ['delay in where data 50ms times 1'],
    [/─ PSH,ACK 1:101 .*⧗/, /delayed by rule#1 for 50ms/, /─ ⧗ PSH,ACK 1:101 .*▶/],
  ],
  [
    'copies either way',
    ['dup both where data after 20ms'],
    [
      /─ PSH,ACK 1:101 /,
      /copied by rule#1, to arrive after 20ms/,
      /─ ⧉ PSH,ACK 1:101 .*▷/,
      /◀─* ⧉ PSH,ACK 1:201/,
    ],
  ],
  [
    'a broken checksum',
    ['corrupt in where data times 1 seed 3'],
    [/─ ≠ PSH,ACK 1:101 .*▷/, /rejected: TCP_CSUM/],
  ],
  [
    'a changed field',
    ['mutate in where fin set win=0'],
    [/─ ± FIN,ACK 101:102 .*win 0 .*▶/, /changed by rule#1/],
  ],
];

for (const [title, rules, patterns] of cases) {
  test(title, () => {
    const text = drawn(rules);
    let rest = text;
    for (const pattern of patterns) {
      const place = rest.search(pattern);
      assert.ok(place >= 0, `no ${pattern} in\n${text}`);
      rest = rest.slice(place + 1);
    }
  });
}

test('a FIN that is held is drawn where it is sent, and where it is released', () => {
  const text = drawn(['hold in where fin as f1'], (world) => {
    talk(world);
    world.faults.add('release f1');
    world.run(SECOND);
  });
  assert.match(text, /─ ‖ FIN,ACK 101:102 .*⧗[\s\S]*─ ‖ FIN,ACK 101:102 .*▶│ CLOSE-WAIT[\s\S]*released/);
});

test('a forged RST is flagged, and refused with a challenge', () => {
  const text = drawn([], (world) => {
    world.open();
    world.faults.add('inject rst on c1 seq+5');
    world.run(SECOND);
  });
  assert.match(
    text,
    /─ ⚑ RST 6 .*▷[\s\S]*injected: inject[\s\S]*rejected: TCP_RST_CHALLENGE[\s\S]*challenge-ack ─/,
  );
});
