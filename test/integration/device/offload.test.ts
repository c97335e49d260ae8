/**
 * Offload against the real kernel: in each mode, and where the kernel refuses what is asked for, content arrives
 * whole and its checksums are right; and what the kernel makes of a super-packet is what we think it does.
 */

import assert from 'node:assert/strict';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { REASON } from '../../../src/base/reasons.ts';
import { loadNative, type Native, TUN_F_CSUM, TUN_F_TSO4 } from '../../../src/device/native.ts';
import { splitSuperPacket } from '../../../src/device/split-super-packet.ts';
import { openTun, TunDevice, type TunOptions } from '../../../src/device/tun.ts';
import { createStack, type NodeStack } from '../../../src/index.ts';
import { parseAddress } from '../../../src/wire/address.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { IPV4_DONT_FRAGMENT, writeIpv4Header } from '../../../src/wire/ipv4.ts';
import { CHECKSUM_UNVERIFIED, Packet } from '../../../src/wire/packet.ts';
import { ACK, CWR, FIN, PSH, URG } from '../../../src/wire/segment.ts';
import {
  endTcpHeader,
  FRAME_TCP_OPTIONS,
  TcpFields,
  writeTcpChecksum,
  writeTcpHeader,
} from '../../../src/wire/tcp-header.ts';
import { hasProgram, inNamespace, skip as noTun, runIn, until } from './support.ts';

const noCurl = !hasProgram('curl') && process.env['CI'] !== 'true' ? 'needs curl' : false;
const skip = noTun === false ? noCurl : noTun;

const SIZE = 1_500_001;
const CONTENT = randomFillSync(new Uint8Array(SIZE));
const HASH = createHash('sha256').update(CONTENT).digest('hex');

/** A kernel that knows no virtio header, or not all of the offloads. */
function poorer(change: { vnetHeader?: 0; known?: number }): Native {
  const native = loadNative();
  return {
    ...native,
    openTun: (request) =>
      native.openTun({
        ...request,
        vnetHeader: change.vnetHeader ?? request.vnetHeader,
        // A bit that no kernel has is refused as one that this kernel does not have.
        offloads: request.offloads.map((set) => ((set & ~(change.known ?? ~0)) === 0 ? set : 1 << 30)),
      }),
  };
}

interface Traffic {
  /** Super-packets that came and went. */
  received: number;
  sent: number;
  /** Packets that came with a sum that is not to be verified, and that left with one to be completed. */
  trusted: number;
  partial: number;
}

/** Looks at what passes `device`. */
function watched(device: TunDevice): Traffic {
  const traffic = { received: 0, sent: 0, trusted: 0, partial: 0 };
  const receive = device.receive.bind(device);
  const send = device.send.bind(device);
  device.receive = (packet) => {
    const taken = receive(packet);
    if (taken && packet.gsoSize > 0) traffic.received++;
    if (taken && packet.checksum !== CHECKSUM_UNVERIFIED) traffic.trusted++;
    return taken;
  };
  device.send = (frame) => {
    if (frame.gsoSize > 0) traffic.sent++;
    if (frame.needsChecksum) traffic.partial++;
    return send(frame);
  };
  return traffic;
}

/** An HTTP server on the stack: it hashes what it gets, and then gives what it has. */
async function serve(stack: NodeStack): Promise<void> {
  const http = createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Uint8Array) => hash.update(chunk));
    request.on('end', () => response.end(request.method === 'PUT' ? hash.digest('hex') : CONTENT));
  });
  const server = stack.net.createServer((socket) => void http.emit('connection', socket));
  await new Promise<void>((resolve) => server.listen(80, () => resolve()));
}

async function kernelErrors(netns: string): Promise<number[]> {
  const { output } = await runIn(netns, 'cat', '/proc/net/snmp');
  const [names = [], values = []] = output
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return ['InErrs', 'InCsumErrors'].map((name) => Number(values[names.indexOf(name)]));
}

interface Mode {
  readonly what: string;
  readonly options: TunOptions;
  readonly native?: () => Native;
  readonly vnetHeader: boolean;
  readonly offload: readonly string[];
}

const MODES: readonly Mode[] = [
  { what: '--offload auto', options: {}, vnetHeader: true, offload: ['csum', 'tso4'] },
  { what: '--offload csum', options: { offload: 'csum' }, vnetHeader: true, offload: ['csum'] },
  { what: '--offload off', options: { offload: 'off' }, vnetHeader: false, offload: [] },
  {
    what: 'auto, and the kernel refuses TUN_F_TSO4',
    options: {},
    native: () => poorer({ known: TUN_F_CSUM }),
    ...{ vnetHeader: true, offload: ['csum'] },
  },
  {
    what: 'auto, and the kernel refuses every offload',
    options: {},
    native: () => poorer({ known: 0 }),
    ...{ vnetHeader: true, offload: [] },
  },
  {
    what: 'auto, and the kernel refuses IFF_VNET_HDR',
    options: {},
    native: () => poorer({ vnetHeader: 0, known: TUN_F_CSUM | TUN_F_TSO4 }),
    ...{ vnetHeader: false, offload: [] },
  },
];

describe('curl up and down', { skip }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'fourwave-offload-'));
    writeFileSync(join(folder, 'content'), CONTENT);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const { what, options, native, vnetHeader, offload } of MODES) {
    test(what, () =>
      inNamespace(async (netns) => {
        const description = openTun({ netns, ...options }, {}, native?.() ?? loadNative());
        assert.deepEqual([description.vnetHeader, description.offload], [vnetHeader, offload]);
        const device = new TunDevice(description);
        const traffic = watched(device);
        const stack = await createStack({ device, address: '10.9.0.2' });
        try {
          await serve(stack);
          const up = await runIn(netns, 'curl', '-sS', '-T', join(folder, 'content'), 'http://10.9.0.2/');
          assert.equal(up.output, HASH);
          const down = await runIn(netns, 'sh', '-c', 'curl -sS http://10.9.0.2/ | sha256sum');
          assert.equal(down.output.split(' ')[0], HASH);
          assert.deepEqual(await kernelErrors(netns), [0, 0]);
          const { byReason } = stack.counters;
          assert.deepEqual(
            [byReason[REASON.TCP_CSUM], byReason[REASON.IP_CSUM], device.malformed],
            [0, 0, 0],
          );
          const { received, sent, trusted, partial } = traffic;
          const expected = [offload.includes('tso4'), offload.includes('csum')];
          assert.deepEqual([received > 0, trusted > 0], expected, JSON.stringify(traffic));
          assert.deepEqual([sent > 0, partial > 0], expected, JSON.stringify(traffic));
        } finally {
          await stack.close();
        }
      }),
    );
  }
});

/** Two interfaces with the kernel as the router between them: ours with offload, and a plain one. */
async function routed(
  work: (near: TunDevice, far: TunDevice) => Promise<void>,
  farMtu = 1500,
): Promise<void> {
  await inNamespace(async (netns) => {
    const forward = await runIn(netns, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    assert.equal(forward.code, 0);
    const near = new TunDevice(openTun({ netns, name: 'near' }));
    const plain = openTun({ netns, name: 'far', peer: '10.9.1.1/24', mtu: farMtu, offload: 'off' });
    // Who is behind it does not know how narrow it is.
    const far = new TunDevice({ ...plain, mtu: 1500 });
    try {
      await work(near, far);
    } finally {
      await near.close();
      await far.close();
    }
  });
}

const GSO_SIZE = 1000;
const NARROW = 900;
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

/** A super-packet with options, and the bytes that it holds. */
function superPacket(flags: number, length: number): { frame: Frame; bytes: Uint8Array } {
  const frame = new Frame();
  frame.source = parseAddress('10.9.0.2') as number;
  frame.destination = parseAddress('10.9.1.2') as number;
  const fields = new TcpFields();
  Object.assign(fields, {
    sourcePort: 80,
    destinationPort: 4000,
    seq: -500,
    ack: 77,
    flags,
    wnd: 1234,
    up: 9,
  });
  writeTcpHeader(frame, fields);
  frame.header.set(TIMESTAMPS, FRAME_TCP_OPTIONS);
  endTcpHeader(frame, FRAME_TCP_OPTIONS + TIMESTAMPS.length);
  frame.payload = CONTENT.subarray(0, length);
  frame.payloadView = new DataView(CONTENT.buffer, 0, length);
  frame.payloadLength = length;
  frame.gsoSize = GSO_SIZE;
  writeTcpChecksum(frame, true);
  writeIpv4Header(frame, frame.headerLength + length, 0, IPV4_DONT_FRAGMENT);
  const bytes = new Uint8Array(frame.headerLength + length);
  bytes.set(frame.header.subarray(0, frame.headerLength));
  bytes.set(frame.payload, frame.headerLength);
  return { frame, bytes };
}

/** Without what every router changes: time to live, and the IP header's sum. */
function behindARouter(packet: Uint8Array): string {
  const copy = packet.slice();
  copy[8] = 0;
  copy[10] = 0;
  copy[11] = 0;
  return Buffer.from(copy).toString('hex');
}

describe('the kernel as a router', { skip }, () => {
  test('cuts a super-packet as splitSuperPacket does: numbers, PSH and FIN last, CWR first, every sum', () =>
    routed(async (near, far) => {
      const came: Uint8Array[] = [];
      const packet = new Packet();
      far.attach({
        readable() {
          while (far.receive(packet)) came.push(packet.bytes.slice(packet.start, packet.end));
        },
        writable() {},
        failed() {},
      });
      near.attach({ readable() {}, writable() {}, failed() {} });
      for (const flags of [ACK, ACK | PSH, ACK | PSH | FIN, ACK | CWR, ACK | PSH | CWR, ACK | URG]) {
        for (const length of [GSO_SIZE + 1, 2 * GSO_SIZE, 5 * GSO_SIZE + 333, 60_000]) {
          const { frame, bytes } = superPacket(flags, length);
          came.length = 0;
          assert.equal(near.send(frame), true);
          const pieces = splitSuperPacket(bytes, GSO_SIZE);
          await until(() => came.length >= pieces.length, `${pieces.length} segments`);
          assert.deepEqual(
            came.map(behindARouter),
            pieces.map(behindARouter),
            `flags ${flags}, ${length} bytes`,
          );
        }
      }
      assert.equal(near.dropped, 0);
    }));

  test('tells of a narrower link behind it: super-packets shrink to it, and the content arrives (RFC 1191)', () =>
    routed(async (near, far) => {
      const traffic = watched(near);
      let largest = 0;
      const receive = far.receive.bind(far);
      far.receive = (packet) => {
        const taken = receive(packet);
        if (taken) largest = Math.max(largest, packet.end - packet.start);
        return taken;
      };
      const sender = await createStack({ device: near, address: '10.9.0.2' });
      const receiver = await createStack({ device: far, address: '10.9.1.2' });
      const hash = createHash('sha256');
      const received = new Promise<void>((resolve) => {
        const server = receiver.net.createServer((socket) => {
          socket.on('data', (chunk: Uint8Array) => hash.update(chunk));
          socket.on('end', () => {
            socket.end();
            resolve();
          });
        });
        server.listen(7, () => sender.net.connect(7, '10.9.1.2').end(Buffer.from(CONTENT)));
      });
      await received;
      assert.equal(hash.digest('hex'), HASH);
      assert.ok(largest <= NARROW && largest > NARROW - 100, `${largest} bytes`);
      assert.ok(traffic.sent > 5, `${traffic.sent} super-packets`);
      assert.equal(receiver.counters.byReason[REASON.TCP_CSUM], 0);
      await sender.close();
      await receiver.close();
    }, NARROW));
});
