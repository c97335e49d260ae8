/**
 * A million connections, each opened, closed by us first and left in TIME-WAIT: packet by packet,
 * three segments in and three out for each, through IP, the eight checks, the accept queue and the
 * output. What is spared is the far end's arithmetic: our ISN is fixed (`lab.isn`), so that the
 * peer's three segments are a template with its address and port written into it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import type { Device, DeviceListener } from '../../src/device/device.ts';
import { Stack } from '../../src/stack/stack.ts';
import type { Listener } from '../../src/tcp/listener.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { CHECKSUM_VALID, type Packet } from '../../src/wire/packet.ts';

const RECORDS = 1_000_000;
const LIMIT_BYTES = 100e6;
const ISS = 1_000_000;
const IRS = 5000;
const STACK_ADDRESS = 0x0a090002;
/** 10.10.0.0 and on, sixty thousand ports each. */
const FIRST_PEER = 0x0a0a0000;
const PORTS = 60_000;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** The peers of all connections. Checksums count as verified, as a TUN with offloads has it. */
class ManyPeers implements Device {
  readonly name = 'peers';
  readonly mtu = 1500;
  readonly checksumOffload = true;
  readonly segmentationLimit = 0;
  readonly writable = true;
  /** Segments of the stack by their control bits. */
  readonly sent = new Map<number, number>();
  private readonly bytes = new Uint8Array(40);
  private readonly view = new DataView(this.bytes.buffer);
  private listener: DeviceListener | null = null;
  private next = 0;
  private end = 0;
  private step = 0;

  constructor() {
    this.view.setUint32(0, 0x45000028);
    this.view.setUint16(8, 0x4006);
    this.view.setUint32(16, STACK_ADDRESS);
    this.view.setUint16(22, 7);
    this.view.setUint16(34, 65_535);
  }

  attach(listener: DeviceListener): void {
    this.listener = listener;
  }

  /** The SYN, the ACK and the FIN of the connections from `first` to `end`, all SYNs first. */
  open(first: number, end: number): void {
    for (this.step = 0; this.step < 3; this.step++) {
      this.next = first;
      this.end = end;
      this.listener?.readable();
    }
  }

  /** The FIN of one connection once more. */
  repeatFin(index: number): void {
    this.step = 2;
    this.next = index;
    this.end = index + 1;
    this.listener?.readable();
  }

  receive(packet: Packet): boolean {
    if (this.next === this.end) return false;
    this.write(this.next++);
    packet.bytes = this.bytes;
    packet.view = this.view;
    packet.start = 0;
    packet.end = 40;
    packet.gsoSize = 0;
    packet.checksum = CHECKSUM_VALID;
    return true;
  }

  send(frame: Frame): boolean {
    const flags = frame.header[33] as number;
    this.sent.set(flags, (this.sent.get(flags) ?? 0) + 1);
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private write(index: number): void {
    const { view, step } = this;
    view.setUint32(12, FIRST_PEER + Math.floor(index / PORTS));
    view.setUint16(10, 0);
    let sum = 0;
    for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
    sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    view.setUint16(20, 1024 + (index % PORTS));
    view.setUint32(24, step === 0 ? IRS : IRS + 1);
    view.setUint32(28, step === 0 ? 0 : ISS + step);
    view.setUint16(32, 0x5000 | ([SYN, ACK, FIN | ACK][step] as number));
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is left when nothing more is given back: buffers are freed by a thread of V8's, which takes its time. */
async function memory(): Promise<number> {
  let least = Infinity;
  for (let unchanged = 0; unchanged < 3; ) {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const now = heapUsed + arrayBuffers;
    unchanged = now < least - 100_000 ? 0 : unchanged + 1;
    least = Math.min(least, now);
    await sleep(50);
  }
  return least;
}

test('TW-06, C13: a million TIME-WAIT records in one stack, under 100 MB, at a flat cost', async () => {
  const clock = new VirtualClock(1_000_000_000);
  const device = new ManyPeers();
  const stack = new Stack({
    device,
    address: '10.9.0.2/8',
    clock,
    random: new SeededRandom(1),
    config: { 'timeWait.max': 2_000_000, 'lab.isn': 'fixed', msl: '30s' },
  });
  const owner = {
    connectionsWaiting(listener: Listener): void {
      for (;;) {
        const tcb = stack.tcp.accept(listener, { connectionEvents: () => undefined });
        if (tcb === null) return;
        stack.tcp.close(tcb);
      }
    },
  };
  stack.tcp.listen({ address: 0, port: 7, backlog: 512 }, owner);

  let opened = 0;
  const openUpTo = (count: number): void => {
    while (opened < count) {
      const end = Math.min(count, opened + 200);
      device.open(opened, end);
      opened = end;
      clock.advanceBy(100);
    }
  };
  openUpTo(1000);
  const base = await memory();
  const marks = [RECORDS / 4, RECORDS / 2, RECORDS];
  const perRecord: number[] = [];
  for (const count of marks) {
    openUpTo(count);
    assert.equal(stack.tcp.stats.timeWait, count);
    assert.equal(stack.tcp.stats.connections, 0);
    perRecord.push(((await memory()) - base) / count);
  }
  const most = Math.max(...perRecord);
  const least = Math.min(...perRecord);
  assert.ok(most * RECORDS < LIMIT_BYTES, `${(most * RECORDS) / 1e6} MB for a million records`);
  assert.ok(most < 1.1 * least, `bytes for each record: ${perRecord.map(Math.round).join(', ')}`);
  assert.equal(device.sent.get(SYN | ACK), RECORDS);
  assert.equal(device.sent.get(FIN | ACK), RECORDS);
  assert.equal(device.sent.get(ACK), RECORDS);
  assert.equal(device.sent.get(RST) ?? 0, 0);
  assert.equal(stack.guarded, null);

  // The crowd changes nothing for one of them: its FIN again earns an ACK and another 2 MSL.
  device.repeatFin(RECORDS / 2);
  assert.equal(device.sent.get(ACK), RECORDS + 1);

  // They all leave in their order, the restarted one last.
  clock.advanceBy(60_000_000 - 1);
  assert.equal(stack.tcp.stats.timeWait, 1);
  clock.advanceBy(1);
  assert.equal(stack.tcp.stats.timeWait, 0);
  assert.equal(stack.tcp.stats.flows, 0);
});
