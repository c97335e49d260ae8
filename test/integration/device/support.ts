/** A network namespace for one test, programs in it, and a responder that needs no stack. */

import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { completeChecksum } from '../../../src/device/complete-checksum.ts';
import { type TunDevice, type TunOptions, tun } from '../../../src/device/tun.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { CHECKSUM_PARTIAL, Packet } from '../../../src/wire/packet.ts';

function obstacle(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  if (!existsSync(new URL('../../../build/fourwave.node', import.meta.url)))
    return 'the native addon is not built';
  return false;
}

/** Why the tests of this folder cannot run here; under CI they must. */
export const skip = process.env['CI'] === 'true' ? false : obstacle();

let made = 0;

/** `tun()` in the test's namespace; the device is closed when the test ends. */
export type Open = (options?: TunOptions) => TunDevice;

/** Makes a namespace, runs `work` in it, and takes everything away again whatever happens. */
export async function inNamespace(work: (netns: string, open: Open) => Promise<void> | void): Promise<void> {
  const netns = `fwtest-${process.pid}-${made++}`;
  const devices: TunDevice[] = [];
  ip('netns', 'add', netns);
  try {
    await work(netns, (options = {}) => {
      const device = tun({ netns, ...options });
      devices.push(device);
      return device;
    });
  } finally {
    for (const device of devices) await device.close();
    ip('netns', 'del', netns);
  }
}

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a program in the namespace; its output, and null for the code when it was killed. */
export function runIn(
  netns: string,
  command: string,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('ip', ['netns', 'exec', netns, command, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** Sends datagrams of these sizes to the stack's side and prints the sizes of what comes back. */
const UDP_CLIENT = `
  const socket = require('dgram').createSocket('udp4');
  const sizes = process.argv.slice(1).map(Number);
  let back = 0;
  socket.on('message', (m) => {
    const good = m.every((byte, i) => byte === ((i * 7) & 255));
    console.log(good ? m.length : 'corrupt');
    if (++back === sizes.length) socket.close();
  });
  for (const size of sizes) socket.send(Uint8Array.from({ length: size }, (_, i) => (i * 7) & 255), 7, '10.9.0.2');
  setTimeout(() => process.exit(1), 5000).unref();
`;

/** What came back of datagrams of these sizes; fails when not all did. */
export async function exchange(netns: string, ...sizes: number[]): Promise<number[]> {
  const { output } = await runIn(netns, process.execPath, '-e', UDP_CLIENT, ...sizes.map(String));
  return output.split('\n').filter(Boolean).map(Number);
}

const IP_SOURCE = 12;
const ICMP = 1;
const UDP = 17;

/**
 * Sends each UDP datagram and each echo request back: exchanging addresses and ports leaves every
 * checksum as it was, once it is complete.
 */
export function answer(device: TunDevice): { packets: number; failures: Error[]; readonly largest: number } {
  const packet = new Packet();
  const frame = new Frame();
  const seen = { packets: 0, failures: [] as Error[], largest: 0 };
  const reply = (): void => {
    const bytes = packet.bytes.slice(packet.start, packet.end);
    const protocol = bytes[9];
    if (bytes[0] !== 0x45 || (protocol !== ICMP && protocol !== UDP)) return;
    seen.packets++;
    seen.largest = Math.max(seen.largest, bytes.length);
    if (packet.checksum === CHECKSUM_PARTIAL) completeChecksum(bytes);
    swap(bytes, IP_SOURCE, 4);
    if (protocol === UDP) swap(bytes, 20, 2);
    else answerEcho(bytes);
    frame.header.set(bytes.subarray(0, 28));
    frame.headerLength = 28;
    frame.payload = bytes;
    frame.payloadStart = 28;
    frame.payloadLength = bytes.length - 28;
    device.send(frame);
  };
  device.attach({
    readable() {
      while (device.receive(packet)) reply();
    },
    writable() {},
    failed: (error) => seen.failures.push(error),
  });
  return seen;
}

function swap(bytes: Uint8Array, at: number, length: number): void {
  const first = bytes.slice(at, at + length);
  bytes.copyWithin(at, at + length, at + 2 * length);
  bytes.set(first, at + length);
}

/** Request 8 becomes reply 0: the sum loses 0x0800, its complement gains it. RFC 1624 §3. */
function answerEcho(bytes: Uint8Array): void {
  bytes[20] = 0;
  const view = new DataView(bytes.buffer);
  const sum = view.getUint16(22) + 0x0800;
  view.setUint16(22, sum > 0xffff ? (sum & 0xffff) + 1 : sum);
}

export function hasProgram(name: string): boolean {
  for (const folder of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/bin', '/usr/bin']) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      // Not there.
    }
  }
  return false;
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${what} did not happen within 5 s`);
}
