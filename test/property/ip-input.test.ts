import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Frame, IP_HEADER_LENGTH } from '../../src/wire/frame.ts';
import { address, Harness, OWN, PEER, packetOf } from '../unit/ip/harness.ts';

test('RA-04, RFC 815 §3: any payload cut anywhere, in any order, with duplicates, arrives once and whole', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 3, max: 60 }), { maxLength: 10 });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 481, maxLength: 900 }),
      cuts,
      fc.infiniteStream(fc.nat()),
      (payload, at, order) => {
        payload[12] = 0x50;
        const edges = [0, ...at.map((unit) => 8 * unit).sort((a, b) => a - b), payload.length];
        const parts = edges.slice(1).map((end, i) => {
          const offset = edges[i] as number;
          return packetOf({
            id: 3,
            offset,
            mf: end < payload.length,
            payload: payload.subarray(offset, end),
          });
        });
        const harness = new Harness();
        const waiting = [...parts];
        while (waiting.length > 0) {
          const index = (order.next().value as number) % waiting.length;
          const [packet] = waiting.splice(index, 1);
          harness.receive(packet as Uint8Array);
          if (waiting.length > 0 && (order.next().value as number) % 3 === 0)
            harness.receive(packet as Uint8Array);
        }
        assert.equal(harness.delivered.length, 1);
        assert.deepEqual(harness.delivered[0]?.payload, payload);
        assert.equal(harness.ip.nextDeadline, Infinity);
      },
    ),
    { numRuns: 500 },
  );
});

test('no bytes throw, and each packet is delivered, kept, answered or counted as dropped', () => {
  const harness = new Harness();
  const header = fc.record({
    protocol: fc.constantFrom(1, 4, 6, 17, 132),
    id: fc.nat(3),
    offset: fc.nat(8191).map((unit) => (unit % 5 === 0 ? 0 : 8 * (unit % 12))),
    mf: fc.boolean(),
    options: fc.uint8Array({ maxLength: 10 }).map((bytes) => (bytes.length % 3 === 0 ? [...bytes] : [])),
    payload: fc.uint8Array({ maxLength: 120 }),
  });
  const input = fc.oneof(fc.uint8Array({ maxLength: 200 }), header.map(packetOf));
  fc.assert(
    fc.property(input, fc.nat(2_000_000), (bytes, pause) => {
      const before = harness.counters.byReason.reduce((a, b) => a + b) + harness.delivered.length;
      const told = harness.errors.length;
      harness.receive(bytes);
      const after = harness.counters.byReason.reduce((a, b) => a + b) + harness.delivered.length;
      assert.ok(after + harness.errors.length > before + told);
      harness.clock.now += pause;
      harness.turn();
    }),
    { numRuns: 5000 },
  );
});

test('RFC 791 §3.2: what our output cuts, our input puts together', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 5000 }),
      fc.nat(4999),
      fc.integer({ min: 68, max: 1500 }),
      (ring, start, mtu) => {
        const frame = new Frame();
        frame.source = address(OWN);
        frame.destination = address(PEER);
        frame.protocol = 132;
        frame.headerLength = IP_HEADER_LENGTH;
        frame.dontFragment = false;
        frame.payload = ring;
        frame.payloadStart = start % ring.length;
        frame.payloadLength = ring.length - frame.payloadStart;
        frame.wrappedLength = frame.payloadStart;
        const sender = new Harness({ mtu });
        sender.ip.send(frame);
        const receiver = new Harness({ address: [`${PEER}/24`] });
        const received: Uint8Array[] = [];
        receiver.ip.register(132, {
          receive: (packet, ip) => received.push(packet.bytes.slice(ip.payloadStart, ip.payloadEnd)),
          icmpError: () => assert.fail('no error was sent'),
        });
        for (const packet of sender.sent) receiver.receive(packet);
        const sent = [...ring.subarray(frame.payloadStart), ...ring.subarray(0, frame.payloadStart)];
        assert.deepEqual(received, [Uint8Array.from(sent)]);
      },
    ),
    { numRuns: 300 },
  );
});
