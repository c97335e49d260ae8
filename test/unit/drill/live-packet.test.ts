/** What no line names is checked too: checksums, lengths, and the bytes of the streams. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp } from '../../../src/drill/build.ts';
import { Flow } from '../../../src/drill/flow.ts';
import { type LiveTcp, readLivePacket } from '../../../src/drill/live-packet.ts';
import { parseScript } from '../../../src/drill/parser.ts';
import type { TcpLine } from '../../../src/drill/script.ts';

const ADDRESSES = { local: '192.168.0.1', remote: '192.0.2.1' };

/** The packet of a line, as the peer would send it. */
function packetOf(line: string, flow = new Flow(8080, 53_000)): Uint8Array {
  const body = parseScript(`0 < ${line}`, 'a').events[0]?.body;
  return buildTcp((body as { packet: TcpLine }).packet, flow, ADDRESSES);
}

const WHOLE = 'P. 1:101(100) ack 5 win 229 urg 2 <mss 1460,nop,wscale 7,nop,nop,sack 5:9,253(4) = 0xabcd>';

test('what is built is read again, field by field', () => {
  const flow = new Flow(8080, 53_000);
  const live = readLivePacket(packetOf(WHOLE, flow), 7) as LiveTcp;
  assert.equal(live.protocol, 'tcp');
  assert.deepEqual(
    [
      live.time,
      live.source,
      live.destination,
      live.sourcePort,
      live.destinationPort,
      live.flags,
      live.win,
      live.urg,
    ],
    [7, '192.0.2.1', '192.168.0.1', 53_000, 8080, 'P.', 229, 2],
  );
  assert.equal(live.seq, flow.remoteSeq(1));
  assert.deepEqual(live.options, [
    { kind: 'mss', value: 1460 },
    { kind: 'nop' },
    { kind: 'wscale', value: 7 },
    { kind: 'nop' },
    { kind: 'nop' },
    { kind: 'sack', blocks: [[5, 9]] },
    { kind: 'other', code: 253, length: 4, data: 'abcd' },
  ]);
});

test('any bit that is not as it was makes the packet a broken one, or another', () => {
  const packet = packetOf(WHOLE);
  const before = JSON.stringify(readLivePacket(packet, 0));
  for (let bit = 0; bit < packet.length * 8; bit++) {
    const changed = packet.slice();
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    const read = readLivePacket(changed, 0);
    assert.notEqual(JSON.stringify(read), before, `bit ${bit}`);
    assert.equal(read.protocol, 'broken', `bit ${bit}`);
  }
  for (let length = 0; length < packet.length; length++) {
    assert.equal(readLivePacket(packet.slice(0, length), 0).protocol, 'broken', `${length} bytes`);
  }
});

test('a payload with a wrong byte, or at a wrong place, is told', () => {
  // What the stack would send: the peer's line, with the ends exchanged.
  const flow = new Flow(8080, 53_000);
  const syn = { ...(readLivePacket(packetOf('S 0:0(0) win 1'), 0) as LiveTcp), seq: 1000 };
  const script = (live: LiveTcp): TcpLine => flow.scriptLine(live, null, null, 0);
  script(syn);
  const good = { ...(readLivePacket(packetOf('. 51:151(100) ack 1 win 1'), 0) as LiveTcp), seq: 1051 };
  assert.equal(flow.wrongByte(good, script(good)), null);
  const moved = { ...good, seq: 1052 };
  assert.match(flow.wrongByte(moved, script(moved)) ?? '', /^byte 0 of its payload is not byte 51/);
  const payload = good.payload.slice();
  payload[7] = (payload[7] as number) ^ 1;
  const wrong = { ...good, payload };
  assert.match(flow.wrongByte(wrong, script(wrong)) ?? '', /^byte 7 of its payload is not byte 57/);
});
