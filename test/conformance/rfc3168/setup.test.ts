/** Who agrees on ECN, RFC 3168 §6.1.1: in both roles, with every pattern of ECE and CWR. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../../support/application.ts';
import { type Peer, type Testbed, testbed } from '../../support/peer.ts';
import { CE, ECT_0, ecnOf, NOT_ECT } from './ecn-bed.ts';

const PATTERNS = ['', 'E', 'C', 'EC'] as const;
const MODES = ['off', 'server', 'on'] as const;

/** New data of ours is ECN-capable, and a mark is echoed: both, or neither. */
function assertAgreed(bed: Testbed, peer: Peer, app: Application, agreed: boolean, what: string): void {
  peer.sent();
  app.write(100);
  peer.expect({ length: 100, flags: 'PA', tos: agreed ? ECT_0 : NOT_ECT });
  peer.ack();
  peer.send({ flags: 'PA', data: 10, tos: CE });
  bed.advance(100);
  const echoed = peer.sent().some(({ flags }) => flags.includes('E'));
  assert.equal(echoed, agreed, what);
  const [record] = bed.connections();
  assert.equal(record?.options?.ecn, agreed, what);
}

for (const ecn of MODES) {
  test(`EC-01, EC-02: as a server, ecn ${ecn}: only a SYN with ECE and CWR is answered with ECE, and never with CWR or ECT`, () => {
    for (const pattern of PATTERNS) {
      const bed = testbed({ config: { ecn } });
      bed.listen(7);
      const agreed = ecn !== 'off' && pattern === 'EC';
      bed.peer.send({ flags: `S${pattern}`, options: { mss: 1460 } });
      bed.peer.expect({ flags: agreed ? 'SAE' : 'SA', ack: 1, tos: 0 });
      bed.peer.send({ flags: 'A' });
      assertAgreed(bed, bed.peer, bed.accepted[0] as Application, agreed, `SYN with ${pattern}`);
    }
  });

  test(`EC-01, EC-02: as a client, ecn ${ecn}: only a SYN,ACK with ECE alone agrees, not one that reflects CWR too`, () => {
    for (const pattern of PATTERNS) {
      const bed = testbed({ config: { ecn } });
      const app = bed.connect(bed.peer);
      bed.peer.expect({ flags: ecn === 'on' ? 'SEC' : 'S', tos: 0 });
      bed.peer.send({ flags: `SA${pattern}`, options: { mss: 1460 } });
      bed.peer.expect({ flags: 'A', seq: 1, tos: 0 });
      assertAgreed(bed, bed.peer, app, ecn === 'on' && pattern === 'E', `SYN,ACK with ${pattern}`);
    }
  });
}

test('EC-01: a handshake across: neither SYN,ACK claims what the SYNs did not settle', () => {
  const bed = testbed({ config: { ecn: 'on' } });
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'SEC' });
  bed.peer.send({ flags: 'SEC', options: { mss: 1460 } });
  bed.peer.expect({ flags: 'SA', tos: 0 });
  bed.peer.send({ flags: 'A' });
  assert.equal(app.state, 'ESTABLISHED');
  app.write(100);
  bed.peer.expect({ length: 100, flags: 'PA', tos: NOT_ECT });
});

test('EC-03: a SYN that is not answered goes again without ECE and CWR', () => {
  const bed = testbed({ config: { ecn: 'on' } });
  bed.connect(bed.peer);
  bed.advance(40_000);
  const flags = bed.peer.sent().map((syn) => syn.flags);
  assert.ok(flags.length >= 5);
  assert.deepEqual(flags, ['SEC', ...new Array<string>(flags.length - 1).fill('S')]);
});

test('EC-03, RFC 3168 §6.1.1: after a SYN without ECE and CWR no answer makes our data ECN-capable', () => {
  for (const pattern of PATTERNS) {
    const bed = testbed({ config: { ecn: 'on' } });
    const app = bed.connect(bed.peer);
    bed.advance(1000);
    bed.peer.expect({ flags: 'SEC' });
    bed.peer.expect({ flags: 'S' });
    bed.peer.send({ flags: `SA${pattern}`, options: { mss: 1460 } });
    bed.peer.expect({ flags: 'A', tos: 0 });
    app.write(100);
    bed.peer.expect({ length: 100, flags: 'PA', tos: NOT_ECT });
  }
});

test('EC-03: the late answer to the first SYN agrees, if it comes before the second', () => {
  const bed = testbed({ config: { ecn: 'on' } });
  const app = bed.connect(bed.peer);
  bed.advance(990);
  bed.peer.expect({ flags: 'SEC' });
  bed.peer.send({ flags: 'SAE', options: { mss: 1460 } });
  assertAgreed(bed, bed.peer, app, true, 'late');
});

test('EC-03: a reset for the SYN is final, as any refusal is: there is no second SYN', () => {
  const bed = testbed({ config: { ecn: 'on' } });
  const app = bed.connect(bed.peer);
  bed.peer.expect({ flags: 'SEC' });
  bed.peer.send({ flags: 'RA' });
  assert.equal(app.error, 'ECONNREFUSED');
  bed.advance(60_000);
  bed.peer.expectNothing();
});

test('EC-01: a SYN,ACK that is sent again still has ECE, and what it says holds', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'SEC', options: { mss: 1460 } });
  bed.advance(3000);
  const answers = bed.peer.sent();
  assert.equal(answers.length, 3);
  for (const answer of answers) assert.deepEqual([answer.flags, answer.tos], ['SAE', 0]);
  bed.peer.send({ flags: 'A' });
  assertAgreed(bed, bed.peer, bed.accepted[0] as Application, true, 'repeated');
});

test('RFC 3168 §6.1.1: a peer that has also sent a SYN without ECE and CWR gets no ECN-capable data', () => {
  const bed = testbed();
  bed.listen(7);
  bed.peer.send({ flags: 'SEC', seq: 0, options: { mss: 1460 } });
  bed.advance(500);
  bed.peer.send({ flags: 'S', seq: 0, options: { mss: 1460 } });
  bed.peer.send({ flags: 'A', seq: 1 });
  bed.peer.sent();
  const [app] = bed.accepted;
  assert.ok(app);
  app.write(100);
  bed.peer.expect({ length: 100, flags: 'PA', tos: NOT_ECT });
});

test('RFC 3168 §6.1.1: who has sent a SYN with ECE and CWR, and got a SYN,ACK with ECE, echoes marks, though his second SYN was plain', () => {
  const bed = testbed({ config: { ecn: 'on' } });
  bed.connect(bed.peer);
  bed.advance(1000);
  bed.peer.send({ flags: 'SAE', options: { mss: 1460 } });
  bed.peer.sent();
  bed.peer.send({ flags: 'PA', data: 100, tos: CE });
  bed.advance(100);
  bed.peer.expect({ flags: 'AE', ack: 101, tos: NOT_ECT });
});

test('EC-10: neither ECT nor CE on SYN, ACK or data makes a connection what its SYNs did not', () => {
  for (const tos of [1, 2, 3]) {
    const bed = testbed({ config: { ecn: 'on' } });
    bed.listen(7);
    bed.peer.send({ flags: 'S', tos, options: { mss: 1460 } });
    bed.peer.expect({ flags: 'SA', tos: 0 });
    bed.peer.send({ flags: 'A', tos });
    bed.peer.send({ flags: 'PA', data: 10, tos });
    assertAgreed(bed, bed.peer, bed.accepted[0] as Application, false, `TOS ${tos}`);
  }
});

/** A listener that answers with cookies. */
function crowded(ecn: string): Testbed {
  const bed = testbed({ config: { synCookies: 'always', ecn } });
  bed.listen(7);
  return bed;
}

test('EC-01, SF-03: a SYN cookie keeps ECN in the timestamp, whatever else it keeps there', () => {
  for (const sackPermitted of [true, false]) {
    for (const wscale of [undefined, 0, 14]) {
      for (const pattern of PATTERNS) {
        const bed = crowded('server');
        const { peer } = bed;
        peer.timestamps = true;
        const options = {
          mss: 1460,
          sackPermitted,
          ...(wscale === undefined ? {} : { wscale }),
        };
        peer.send({ flags: `S${pattern}`, options });
        peer.expect({ flags: pattern === 'EC' ? 'SAE' : 'SA', tos: 0 });
        assert.equal(bed.stack.tcp.stats.synReceived, 0, 'nothing is kept');
        peer.send({ flags: 'A' });
        const app = bed.accepted[0] as Application;
        assert.equal(app.tcb.handshake.sackAgreed, sackPermitted);
        assert.equal(app.tcb.snd.shift, wscale ?? 0);
        assertAgreed(bed, peer, app, pattern === 'EC', `SYN with ${pattern}`);
      }
    }
  }
});

test('EC-01, SF-03: a SYN cookie without timestamps, or with ECN off, does not claim it', () => {
  for (const [ecn, timestamps] of [
    ['server', false],
    ['off', true],
  ] as const) {
    const bed = crowded(ecn);
    const { peer } = bed;
    peer.timestamps = timestamps;
    peer.send({ flags: 'SEC', options: { mss: 1460 } });
    peer.expect({ flags: 'SA', tos: 0 });
    peer.send({ flags: 'A' });
    assertAgreed(bed, peer, bed.accepted[0] as Application, false, ecn);
  }
});

test('RFC 3168 §5, RFC 2474 §3: the user chooses the DSCP, and TCP the ECN field', () => {
  for (const [tos, agreed] of [
    [0xb8, true],
    [0xbb, true],
    [0xbb, false],
    [0xff, true],
    [0xff, false],
  ] as const) {
    const dscp = tos & ~3;
    const bed = testbed({ config: { tos } });
    bed.listen(7);
    bed.peer.send({ flags: agreed ? 'SEC' : 'S', options: { mss: 1460 } });
    bed.peer.expect({ tos: dscp });
    bed.peer.send({ flags: 'A' });
    const app = bed.accepted[0] as Application;
    for (const change of [null, 0x13]) {
      if (change !== null) app.call((tcb) => bed.stack.tcp.setTos(tcb, change));
      const own = change === null ? dscp : change & ~3;
      app.write(100);
      bed.peer.expect({ length: 100, tos: own | (agreed ? ECT_0 : NOT_ECT) });
      bed.peer.ack();
      bed.peer.send({ flags: 'PA', data: 10 });
      bed.advance(100);
      bed.peer.expect({ length: 0, tos: own });
    }
    app.abort();
    const reset = bed.peer.expect({ flags: 'RA' });
    assert.equal(ecnOf(reset), NOT_ECT);
  }
});
