// A process that carries two transfers at a time through the same mishaps: between the kernel and
// Fourwave, and between the kernel and the kernel in another namespace. It is told what to do by messages.

import { execFileSync } from 'node:child_process';
import { createStack, tun } from '../../../dist/index.js';
import { ImpairedDevice } from '../../../dist/sim/index.js';
import { Frame } from '../../../dist/wire/frame.js';
import { Packet } from '../../../dist/wire/packet.js';
import { impairmentsOf, SINK_PORT, secondsOf } from './recovery-cells.js';
import { Watch } from './recovery-watch.js';
import { RealTimeline } from './timeline.js';

const CHUNK = Buffer.alloc(1 << 16);
const MTU = 1500;
const SLAB_PART = 20;
/** How long a handshake may take, ms. */
const PATIENCE = 60_000;

/** A device in front of another one; sees what passes. */
class Tap {
  checksumOffload = false;
  segmentationLimit = 0;

  constructor(inner, { received = null, sent = null }) {
    this.inner = inner;
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.received = received;
    this.sent = sent;
  }

  get writable() {
    return this.inner.writable;
  }

  attach(listener) {
    this.inner.attach(listener);
  }

  receive(packet) {
    if (!this.inner.receive(packet)) return false;
    this.received?.(packet.bytes.subarray(packet.start, packet.end));
    return true;
  }

  poll() {
    return this.inner.poll?.() ?? false;
  }

  send(frame) {
    this.sent?.(frame.payload);
    return this.inner.send(frame);
  }

  close() {
    return this.inner.close();
  }
}

/** Two devices joined. */
function join(a, b) {
  const packet = new Packet();
  const frame = new Frame();
  const pump = (from, to) => {
    while (from.receive(packet)) {
      const bytes = packet.bytes.slice(packet.start, packet.end);
      frame.clearPayload();
      frame.headerLength = SLAB_PART;
      frame.header.set(bytes.subarray(0, SLAB_PART));
      frame.payload = bytes;
      frame.payloadView = new DataView(bytes.buffer);
      frame.payloadStart = SLAB_PART;
      frame.payloadLength = bytes.length - SLAB_PART;
      to.send(frame);
    }
  };
  const listen = (from, to) => ({
    readable: () => pump(from, to),
    writable: () => {},
    failed: (error) => {
      throw error;
    },
  });
  a.attach(listen(a, b));
  b.attach(listen(b, a));
  return { close: () => Promise.all([a.close(), b.close()]) };
}

/** The near end's interface behind the impaired link, watched. */
function openLink({ job, netns, address, name, watch }) {
  const { cell, seed } = job;
  const toFar = cell.direction === 'to';
  const timeline = new RealTimeline();
  const near = tun({ name, netns, peer: `${address}/24`, mtu: MTU, offload: 'off' });
  setCongestion(netns, near.name, address, cell.congestion);
  // The impaired device's own frames carry the whole packet as their payload.
  const behind = toFar ? near : new Tap(near, { sent: (bytes) => watch.arrived(bytes) });
  const impaired = new ImpairedDevice(behind, { timeline, impairments: impairmentsOf(cell), seed });
  impaired.onPacket = (bytes, direction) => {
    if ((direction === 'in') === toFar) watch.sent(bytes);
  };
  const device = toFar ? new Tap(impaired, { received: (bytes) => watch.arrived(bytes) }) : impaired;
  return { device, timeline, impaired };
}

/** By the route, which asks nobody whether that congestion control is allowed. */
function setCongestion(netns, name, address, congestion) {
  const subnet = address.replace(/\d+$/, '0/24');
  const route = ['route', 'replace', subnet, 'dev', name, 'src', address, 'congctl', congestion];
  execFileSync('ip', ['-n', netns, ...route]);
}

function fill(socket) {
  const write = () => {
    while (socket.writable && socket.write(CHUNK));
  };
  socket
    .on('connect', write)
    .on('drain', write)
    .on('error', () => {});
}

const tell = (task) => process.send(task);

async function fourwave(job, watch) {
  const { near, lane, cell, slot } = job;
  const [nearAddress, ours] = [`10.9.${lane}.1`, `10.9.${lane}.2`];
  const link = openLink({ job, netns: near, address: nearAddress, name: `fwu${slot}`, watch });
  const own = cell.congestion === 'bbr' ? {} : { congestion: cell.congestion };
  const config = { ...own, ...job.config };
  const stack = await createStack({ device: link.device, address: ours, config });
  const id = `fourwave-${slot}`;
  if (cell.direction === 'to') {
    const server = stack.net.createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise((resolve) => server.listen(SINK_PORT, resolve));
    tell({ end: 'near', task: 'send', id, host: ours });
  } else fill(stack.net.connect({ port: SINK_PORT, host: nearAddress }));
  return async () => {
    if (cell.direction === 'to') tell({ end: 'near', task: 'stop', id });
    await stack.close();
    link.timeline.stop();
  };
}

async function kernel(job, watch) {
  const { near, far, lane, cell, slot } = job;
  const [nearAddress, farAddress] = [`10.9.${lane + 1}.1`, `10.9.${lane + 1}.2`];
  const link = openLink({ job, netns: near, address: nearAddress, name: `fwk${slot}`, watch });
  const farTun = tun({ name: `fwf${slot}`, netns: far, peer: `${farAddress}/24`, mtu: MTU, offload: 'off' });
  setCongestion(far, farTun.name, farAddress, cell.congestion);
  const joined = join(link.device, farTun);
  const id = `kernel-${slot}`;
  const [end, host] = cell.direction === 'to' ? ['near', farAddress] : ['far', nearAddress];
  tell({ end, task: 'send', id, host });
  return async () => {
    tell({ end, task: 'stop', id });
    link.timeline.stop();
    await joined.close();
  };
}

async function measure(job, subject) {
  const watch = new Watch();
  const close = await subject(job, watch);
  const milliseconds = secondsOf(job.cell) * 1000;
  const asked = performance.now();
  await new Promise((resolve, reject) => {
    const look = () => {
      const now = performance.now();
      if (watch.begun >= 0 && now > watch.begun + milliseconds) resolve();
      else if (watch.begun < 0 && now > asked + PATIENCE) reject(new Error('no data came'));
      else setTimeout(look, 100);
    };
    look();
  });
  await close();
  return watch.result(milliseconds);
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (job) => {
  const [ours, theirs] = await Promise.all([measure(job, fourwave), measure(job, kernel)]);
  process.send({ done: true, ours, theirs });
});
process.send({ ready: true });
