/** A Linux TUN interface: the device behind which the kernel, and with it every real program, is. */

import { writeSync } from 'node:fs';
import { Arena } from '../base/arena.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import type { Device, DeviceListener } from './device.ts';
import { type DeviceContext, deviceError, explained } from './device-error.ts';
import { loadNative, type Native, type NativeTunRequest, TUN_F_CSUM, TUN_F_TSO4 } from './native.ts';
import { copyFrame, MAX_PACKET_LENGTH } from './packet-queue.ts';
import { parsePeer, refuseRoutedRange } from './routes.ts';
import type { SteeringKey } from './steering-key.ts';
import { RING_SIZE, TunQueue } from './tun-queue.ts';

export interface TunOptions {
  /** Name of the interface, or a pattern (`fw%d`) in which the kernel puts the first free number. */
  readonly name?: string;
  /** The kernel's own address on the interface and the subnet behind it. */
  readonly peer?: string;
  /** Bytes, 68 … 65,535. */
  readonly mtu?: number;
  /** Name under /run/netns, or a path, of the network namespace in which the interface is made. */
  readonly netns?: string | null;
  /** `auto`: the most that the kernel offers. `csum`: no super-packets. `off`: plain packets. */
  readonly offload?: 'auto' | 'csum' | 'off';
  /**
   * The kernel puts segments of one flow together before its TCP looks at them, as it does behind a network card
   * (GRO): less work for it where packets are plain, and `tcpdump` on the interface sees what was put together.
   * Where it cannot be had, {@link TunDescription.gathers} is false and nothing else changes.
   */
  readonly gro?: boolean;
  /** More than one makes a multi-queue interface. */
  readonly queues?: number;
  /** The key by which flows belong to queues (src/wire/steering.ts). */
  readonly steering?: SteeringKey | null;
  /** The kernel is asked to give each queue its flows. Default: yes, where there is a key. */
  readonly kernelSteers?: boolean;
}

/** What only root may open besides the TUN; see {@link TunDescription}. */
export interface PrivilegedExtras {
  /** A NETLINK_SOCK_DIAG socket in the interface's namespace. */
  readonly diagnosis?: boolean;
  /** A raw IP socket there, with which forged packets leave from the kernel's side. */
  readonly rawSocket?: boolean;
}

/** An open and configured interface as plain data: it survives a change of program and a socket. */
export interface TunDescription {
  readonly name: string;
  readonly peer: string;
  readonly mtu: number;
  readonly netns: string | null;
  /** Descriptors, one for each queue. */
  readonly queues: readonly number[];
  readonly vnetHeader: boolean;
  readonly gathers?: boolean;
  readonly offload: readonly ('csum' | 'tso4')[];
  /** Descriptor, or −1. */
  readonly diagnosis: number;
  /** Descriptor, or −1. */
  readonly raw: number;
  /** The key by which flows belong to queues. */
  readonly steering?: SteeringKey | null;
  /** The kernel has taken the steering program. */
  readonly steered?: boolean;
}

const OFFLOADS = {
  auto: [TUN_F_CSUM | TUN_F_TSO4, TUN_F_CSUM],
  csum: [TUN_F_CSUM],
  off: [],
} as const;
const MAX_QUEUES = 16;
/** Behind the rings, for the bytes of connections. */
const SPARE_MEMORY = 32 << 20;
const MIN_MTU = 68;
const EAGAIN = 11;
/** What writes to a TUN that was deleted fail with. */
const EBADFD = 77;

function namespaceFile(netns: string | null): string {
  if (netns === null) return '';
  return netns.includes('/') ? netns : `/run/netns/${netns}`;
}

const DEFAULTS = {
  name: 'fw0',
  peer: '10.9.0.1/24',
  mtu: 1500,
  netns: null,
  offload: 'auto',
  gro: false,
  queues: 1,
  steering: null,
  kernelSteers: true,
} as const;

function isIntegerWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** @throws RangeError or TypeError, one sentence */
function checkOptions(options: TunOptions): Required<TunOptions> {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all: Required<TunOptions> = { ...DEFAULTS, ...given };
  const { name, mtu, queues } = all;
  if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..') {
    throw new RangeError(`an interface cannot be called ${JSON.stringify(name)}`);
  }
  if (!isIntegerWithin(mtu, MIN_MTU, MAX_PACKET_LENGTH)) {
    throw new RangeError(`mtu must be between ${MIN_MTU} and ${MAX_PACKET_LENGTH}, not ${mtu}`);
  }
  if (!isIntegerWithin(queues, 1, MAX_QUEUES)) {
    throw new RangeError(`queues must be between 1 and ${MAX_QUEUES}, not ${queues}`);
  }
  if (!Object.hasOwn(OFFLOADS, all.offload)) {
    throw new TypeError(`offload must be 'auto', 'csum' or 'off', not ${JSON.stringify(all.offload)}`);
  }
  return all;
}

/**
 * Opens and configures the interface; it exists until its descriptors are closed. Needs CAP_NET_ADMIN.
 *
 * @throws DeviceError (what the machine refused), RangeError or TypeError (options that make no sense)
 */
export function openTun(
  options: TunOptions,
  extras: PrivilegedExtras = {},
  native: Native = loadNative(),
): TunDescription {
  const { name, peer, mtu, netns, offload, gro, queues, steering, kernelSteers } = checkOptions(options);
  const range = parsePeer(peer);
  const file = namespaceFile(netns);
  refuseRoutedRange(native, file, range, name);
  const request: NativeTunRequest = {
    name,
    netns: file,
    queues,
    vnetHeader: offload === 'off' ? 0 : 1,
    gather: gro ? 1 : 0,
    offloads: OFFLOADS[offload],
    address: range.address >>> 0,
    prefix: range.prefixLength,
    mtu,
    withDiagnosis: extras.diagnosis === true ? 1 : 0,
    withRawSocket: extras.rawSocket === true ? 1 : 0,
    ...steeringRequest(steering, kernelSteers),
  };
  try {
    const opened = native.openTun(request);
    return {
      ...{ name: opened.name, peer, mtu, netns, queues: opened.queues },
      ...{ vnetHeader: opened.vnetHeader === 1, gathers: opened.gathers === 1 },
      offload: offloadNames(opened.offload),
      diagnosis: opened.diagnosis,
      raw: opened.raw,
      ...{ steering, steered: opened.steered === 1 },
    };
  } catch (error) {
    throw explained(error, { tun: name, netns, peer, mtu });
  }
}

function steeringRequest(
  key: SteeringKey | null,
  wanted: boolean,
): Pick<NativeTunRequest, 'withSteering' | 'keyLow' | 'keyHigh'> {
  const { low, high } = key ?? { low: 0, high: 0 };
  return { withSteering: key !== null && wanted ? 1 : 0, keyLow: low, keyHigh: high };
}

function offloadNames(flags: number): ('csum' | 'tso4')[] {
  const names: ('csum' | 'tso4')[] = [];
  if ((flags & TUN_F_CSUM) !== 0) names.push('csum');
  if ((flags & TUN_F_TSO4) !== 0) names.push('tso4');
  return names;
}

/** The device over an open interface. It owns the queues' descriptors. */
export class TunDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  readonly gathers: boolean;
  readonly description: TunDescription;
  readonly arena: Arena;
  /** Set before {@link attach}: who has a core to spare calls {@link poll} all the time. */
  polled = false;
  /** False while a packet waits for the kernel to take it. */
  writable = true;
  /** Packets that the kernel refused, and those sent while `writable` was false. */
  dropped = 0;

  private readonly native: Native;
  private readonly queues: TunQueue[] = [];
  private listener: DeviceListener | null = null;
  /** The packet that was refused with EAGAIN. */
  private readonly pending = new Uint8Array(MAX_PACKET_LENGTH + 1);
  private pendingLength = 0;
  private closed = false;

  constructor(description: TunDescription, native: Native = loadNative()) {
    this.native = native;
    this.description = description;
    const rings = description.queues.length * RING_SIZE;
    this.arena = new Arena(rings + SPARE_MEMORY, rings);
    this.name = description.name;
    this.mtu = description.mtu;
    this.checksumOffload = description.offload.includes('csum');
    this.gathers = description.gathers === true;
    this.segmentationLimit = description.offload.includes('tso4') ? MAX_PACKET_LENGTH : 0;
  }

  /** Packets that came with a virtio header that makes no sense. */
  get malformed(): number {
    return this.queues.reduce((sum, queue) => sum + queue.malformed, 0);
  }

  attach(listener: DeviceListener): void {
    if (this.closed) return;
    this.listener = listener;
    const owner = {
      arrived: () => this.listener?.readable(),
      writable: () => this.flush(),
      lost: (reason: Reason) => this.listener?.lost?.(reason),
      died: (errno: number) => this.died(errno),
    };
    const { native, arena } = this;
    const setting = { native, arena, vnetHeader: this.description.vnetHeader, polled: this.polled, owner };
    this.description.queues.forEach((fd, index) => {
      this.queues.push(new TunQueue(setting, fd, index));
    });
  }

  receive(packet: Packet): boolean {
    for (let i = 0; i < this.queues.length; i++) {
      if ((this.queues[i] as TunQueue).take(packet)) return true;
    }
    return false;
  }

  send(frame: Frame): boolean {
    const queue = this.queues[0];
    if (queue === undefined || this.pendingLength > 0) {
      this.lost(REASON.DEVICE_QUEUE_FULL);
      return this.writable;
    }
    const errno = queue.write(frame);
    if (errno === 0) return true;
    if (errno !== EAGAIN) {
      // Lost, as on any wire. That the interface is gone comes from the event loop, outside of the turn.
      this.lost(REASON.DEVICE_ERROR);
      return true;
    }
    this.pendingLength = copyFrame(frame, this.pending);
    this.writable = false;
    queue.awaitWritable(true);
    return false;
  }

  /** Reads from the kernel without waiting for the event loop; true when packets wait in `receive`. */
  poll(): boolean {
    let found = false;
    for (let i = 0; i < this.queues.length; i++) {
      if ((this.queues[i] as TunQueue).poll()) found = true;
    }
    return found;
  }

  /** A NETLINK_SOCK_DIAG socket of the interface's namespace; -1 = none was opened. */
  get diagnosis(): number {
    return this.closed ? -1 : this.description.diagnosis;
  }

  /** A raw socket was opened with the interface: {@link sendFromKernel} works. */
  get canSendFromKernel(): boolean {
    return this.description.raw >= 0 && !this.closed;
  }

  /** A whole IP packet comes to us from the kernel, as if a program there had sent it. @throws Error of the write */
  sendFromKernel(packet: Uint8Array): void {
    writeSync(this.description.raw, packet);
  }

  /** Whether the device keeps the process alive (default: yes). */
  setReferenced(referenced: boolean): void {
    for (const queue of this.queues) queue.setReferenced(referenced);
  }

  /** The interface vanishes with its last descriptor, unless somebody made it persistent. */
  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    this.listener = null;
    this.pendingLength = 0;
    const { queues, diagnosis, raw } = this.description;
    for (const fd of [...queues.slice(this.queues.length), diagnosis, raw]) {
      if (fd >= 0) this.native.closeDescriptor(fd);
    }
    for (const queue of this.queues) queue.close();
    this.queues.length = 0;
    return Promise.resolve();
  }

  private flush(): void {
    const queue = this.queues[0] as TunQueue;
    if (this.pendingLength > 0) {
      const errno = queue.rewrite(this.pending, this.pendingLength);
      if (errno === EAGAIN) return;
      if (errno !== 0) this.lost(REASON.DEVICE_ERROR);
      this.pendingLength = 0;
    }
    queue.awaitWritable(false);
    this.writable = true;
    this.listener?.writable();
  }

  private lost(reason: Reason): void {
    this.dropped++;
    this.listener?.lost?.(reason);
  }

  private died(errno: number): void {
    const listener = this.listener;
    this.listener = null;
    listener?.failed(deviceError('read(tun)', errno === 0 ? EBADFD : errno, contextOf(this.description)));
  }
}

function contextOf(description: TunDescription): DeviceContext {
  return { tun: description.name, netns: description.netns, peer: description.peer, mtu: description.mtu };
}

/**
 * Makes a TUN interface and the device over it, at once.
 *
 * @throws DeviceError with `errno`, `code`, `syscall` and `cure`; RangeError, TypeError for the options
 */
export function tun(options: TunOptions = {}): TunDevice {
  const native = loadNative();
  return new TunDevice(openTun(options, {}, native), native);
}
