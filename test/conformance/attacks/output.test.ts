/** What leaves the stack by accident: old memory on the wire, floods in the log. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EventLog } from '../../../src/cli/up/event-log.ts';
import { LogFile } from '../../../src/cli/up/log-file.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { slowdown } from '../../support/budget.ts';
import { type Testbed, testbed } from '../../support/peer.ts';
import { onesSum } from '../../support/segment.ts';

const SOURCES = fileURLToPath(new URL('../../../src/', import.meta.url));
const SECRET = 0x5a;

test('N09: memory that nobody has cleared is asked for where every byte of it is written, and nowhere else', () => {
  const users = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => /allocUnsafe|new Buffer\(/.test(readFileSync(join(SOURCES, file), 'utf8')));
  // Its one use is filled to the last byte by the engine before anybody sees it (N08's test reads it).
  assert.deepEqual(users, ['net/connection.ts']);
});

function echoRequest(length: number, claimed = length): Uint8Array {
  const packet = new Uint8Array(28 + length).fill(SECRET, 28);
  const view = new DataView(packet.buffer);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2, 8]);
  view.setUint16(2, 28 + claimed);
  view.setUint16(10, ~onesSum(packet.subarray(0, 20)) & 0xffff);
  view.setUint16(22, ~onesSum(packet.subarray(20, 28 + claimed)) & 0xffff);
  return packet;
}

/** Everything in the stack that is used again has held bytes of the secret. */
function soak(bed: Testbed): void {
  const secret = new Uint8Array(60_000).fill(SECRET);
  const first = bed.newPeer();
  const app = first.handshake('passive', { tsVal: SECRET * 0x01010101, sackPermitted: true });
  first.send({ flags: 'PA', data: secret.subarray(0, 1400) });
  first.send({ flags: 'PA', seq: 3001, data: secret.subarray(0, 1400) });
  app.write(secret);
  for (let i = 0; i < 60 && app.tcb.unacked > 0; i++) {
    first.ack();
    bed.advance(10);
  }
  bed.inject(echoRequest(1400));
  first.send({ flags: 'R' });
  bed.takeOthers();
}

/** The longest run of the secret in a packet. */
function longestRun(packet: Uint8Array): number {
  let longest = 0;
  let run = 0;
  for (const byte of packet) {
    run = byte === SECRET ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

test('N09: no packet holds what another one did: SYN,ACKs, resets, ACKs, probes, echoes, ICMP errors', () => {
  const bed = testbed({ config: { synQueue: 1 } });
  bed.listen(7);
  soak(bed);
  const from = bed.packets.length;
  for (let i = 0; i < 3; i++) bed.newPeer().send({ flags: 'S', options: { mss: 1460, wscale: 7 } });
  bed.peer.send({ flags: 'A', destinationPort: 9 });
  const app = bed.newPeer().handshake('passive', { tsVal: 7, sackPermitted: true });
  const peer = bed.newPeer();
  const other = peer.handshake('passive', { wnd: 0 });
  bed.stack.tcp.setKeepAlive(app.tcb, { on: true, idle: 1_000_000, interval: 1_000_000, count: 3 });
  other.write(new Uint8Array(100).fill(1));
  peer.send({ flags: 'A', seq: 5001, data: 3 });
  bed.advance(20_000);
  bed.inject(echoRequest(0));
  bed.inject(echoRequest(1400, 3));
  const unknown = bed.peer.build({ flags: 'S' });
  unknown[9] = 200;
  new DataView(unknown.buffer).setUint16(10, 0);
  new DataView(unknown.buffer).setUint16(10, ~onesSum(unknown.subarray(0, 20)) & 0xffff);
  bed.inject(unknown);
  const sent = bed.packets.slice(from);
  const others = bed.takeOthers();
  assert.ok(sent.length > 12 && others.length === 3, `${sent.length} packets, ${others.length} of ICMP`);
  for (const packet of sent) assert.ok(longestRun(packet) <= 3, `${packet}`);
});

/** Ten kinds of bad packets, over and over. */
function badPackets(bed: Testbed): Uint8Array[] {
  const { peer } = bed;
  return [
    peer.build({ flags: 'PA', seq: 1, data: 10, checksumError: 1 }),
    peer.build({ flags: 'S', seq: 0, destinationPort: 9 }),
    peer.build({ flags: 'PA', seq: 900_000, data: 10 }),
    peer.build({ flags: 'R', seq: 500 }),
    peer.build({ flags: 'PA', seq: 1, ack: 77_777, data: 10 }),
    peer.build({ flags: 'S', seq: 0, source: '127.0.0.1' }),
    peer.build({ flags: 'A', seq: 1, dataOffset: 3 }),
    peer.build({ flags: '', seq: 1 }),
    peer.build({ flags: 'A', seq: 1, rawOptions: [8, 0, 0, 0] }),
    new Uint8Array(5),
  ];
}

test('N12: a hundred thousand bad packets write nothing anywhere, and the recorder keeps no more than its rings', () => {
  let bed = testbed();
  const recorder = new TraceRecorder({ clock: bed.clock });
  bed = testbed({ trace: recorder });
  bed.peer.handshake('passive');
  const packets = badPackets(bed);
  const written: unknown[] = [];
  const streams = [process.stdout, process.stderr];
  const real = streams.map((stream) => stream.write);
  for (const stream of streams) stream.write = ((chunk: unknown) => written.push(chunk) > 0) as never;
  try {
    for (let i = 0; i < 100_000; i++) bed.inject(packets[i % packets.length] as Uint8Array);
  } finally {
    streams.forEach((stream, i) => {
      stream.write = real[i] as typeof stream.write;
    });
  }
  bed.checkGuard();
  assert.deepEqual(written, []);
  assert.ok(recorder.last > 100_000);
  const kept = recorder.eventsSince(0, Infinity).length;
  assert.ok(kept <= 8192 + 1024 + 2 * 128 * 256, `${kept} events`);
  assert.ok(kept < 12_000, `${kept} events of one connection and of none`);
});

test('N12: what is written down about a bad packet costs a small multiple of dropping it', () => {
  const flood = (recorded: boolean): (() => void) => {
    let bed = testbed();
    if (recorded) bed = testbed({ trace: new TraceRecorder({ clock: bed.clock }) });
    bed.peer.handshake('passive');
    const packets = badPackets(bed);
    bed.device.onPacket(null);
    return () => {
      for (let i = 0; i < 20_000; i++) bed.inject(packets[i % packets.length] as Uint8Array);
    };
  };
  const ratio = slowdown(flood(false), flood(true));
  assert.ok(ratio < 10, `${ratio.toFixed(1)} times`);
});

/** What was written down in a turn becomes lines when it is over. */
async function nextTurns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('N12: a log file that is too slow loses events and says how many', async () => {
  let bed = testbed();
  const recorder = new TraceRecorder({ clock: bed.clock });
  bed = testbed({ trace: recorder });
  bed.peer.handshake('passive');
  const lines: string[] = [];
  const file = { full: false, incomplete: false, write: (line: string) => lines.push(line), close() {} };
  const log = new EventLog(file as unknown as LogFile);
  recorder.onEvent = () => log.add(recorder.latest as LogEvent);
  const packets = badPackets(bed);
  bed.inject(packets[0] as Uint8Array);
  await nextTurns();
  const before = lines.length;
  assert.ok(before > 0);
  // The disk takes nothing any more.
  file.full = true;
  const last = recorder.last;
  for (let i = 0; i < 1000; i++) bed.inject(packets[i % packets.length] as Uint8Array);
  await nextTurns();
  assert.equal(lines.length, before);
  const lost = recorder.last - last;
  file.full = false;
  bed.inject(packets[0] as Uint8Array);
  await nextTurns();
  const note = JSON.parse(lines[before] as string) as { ev: string; data: { events: number } };
  assert.deepEqual([note.ev, note.data.events], ['log:lost', lost]);
});

test('N12: what waits for a log file that nobody reads has a bound', { timeout: 20_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = await LogFile.open(join(folder, 'log'));
  // Nothing is written before the event loop turns.
  const line = 'x'.repeat(1_000_000);
  let lines = 0;
  for (; !log.full; lines++) log.write(line);
  assert.ok(lines >= 1 && lines <= 70, `${lines} million characters wait`);
  await log.close();
});
