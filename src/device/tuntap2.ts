/** Adapts what the package tuntap2 gives: a Duplex of whole packets. */

import type { Duplex } from 'node:stream';
import { REASON, type Reason } from '../base/reasons.ts';
import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import { CHECKSUM_UNVERIFIED } from '../wire/packet.ts';
import type { Device, DeviceListener } from './device.ts';
import { DeviceError } from './device-error.ts';
import { copyFrame, MAX_PACKET_LENGTH, PacketQueue } from './packet-queue.ts';

/** The part of tuntap2's interface that is used. */
export interface Tuntap2Interface extends Duplex {
  readonly name: string;
  mtu: number;
  /** CIDR of the kernel's own address. */
  ipv4: string;
  isUp: boolean;
  release(): void;
}

export interface Tuntap2Options {
  /** The kernel's own address and subnet. */
  readonly peer: string;
  /** Bytes. */
  readonly mtu: number;
}

/** Packets that wait for the stack before the stream is paused. */
const QUEUE_LENGTH = 256;

/**
 * Packets are copied both ways, because a stream keeps what it is given. The stream is paused while
 * the stack does not come to take what waits.
 */
export class Tuntap2Device implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly checksumOffload = false;
  readonly segmentationLimit = 0;
  writable = true;
  /** Chunks that are no packet, and frames sent while `writable` was false. */
  dropped = 0;

  private readonly stream: Tuntap2Interface;
  private readonly queue: PacketQueue;
  private listener: DeviceListener | null = null;
  private closed = false;

  /** Configures the interface and brings it up. */
  constructor(stream: Tuntap2Interface, options: Tuntap2Options) {
    stream.mtu = options.mtu;
    stream.ipv4 = options.peer;
    stream.isUp = true;
    this.stream = stream;
    this.name = stream.name;
    this.mtu = options.mtu;
    this.queue = new PacketQueue({ capacity: QUEUE_LENGTH, mtu: options.mtu });
  }

  attach(listener: DeviceListener): void {
    this.listener = listener;
    this.stream.on('data', (chunk: Uint8Array) => this.arrived(chunk));
    this.stream.on('drain', () => this.drained());
    this.stream.on('error', (error: Error) => this.gone(error));
    this.stream.on('close', () => this.gone(closedError(this.name)));
    this.stream.on('end', () => this.gone(closedError(this.name)));
  }

  receive(packet: Packet): boolean {
    if (this.queue.take(packet)) return true;
    this.queue.release();
    if (this.stream.isPaused()) this.stream.resume();
    return false;
  }

  send(frame: Frame): boolean {
    if (!this.writable || this.closed) {
      this.lost(REASON.DEVICE_QUEUE_FULL);
      return false;
    }
    const packet = new Uint8Array(frame.headerLength + frame.payloadLength + frame.wrappedLength);
    copyFrame(frame, packet);
    this.writable = this.stream.write(packet);
    return this.writable;
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    this.listener = null;
    this.queue.clear();
    this.stream.release();
    this.stream.destroy();
    return Promise.resolve();
  }

  private arrived(chunk: Uint8Array): void {
    if (this.listener === null) return;
    if (chunk.length === 0 || chunk.length > MAX_PACKET_LENGTH) {
      this.lost(REASON.DEVICE_ERROR);
      return;
    }
    if (!this.queue.pushBytes(chunk, 0, CHECKSUM_UNVERIFIED)) this.lost(REASON.DEVICE_QUEUE_FULL);
    if (this.queue.full) this.stream.pause();
    this.listener.readable();
  }

  private lost(reason: Reason): void {
    this.dropped++;
    this.listener?.lost?.(reason);
  }

  private drained(): void {
    if (this.listener === null || this.writable) return;
    this.writable = true;
    this.listener.writable();
  }

  private gone(error: Error): void {
    const listener = this.listener;
    this.listener = null;
    listener?.failed(error);
  }
}

function closedError(name: string): DeviceError {
  return new DeviceError(`the TUN interface ${name} is gone`, {
    code: 'ENODEV',
    errno: 19,
    syscall: 'read',
    cure: 'start again: tuntap2 closed it',
  });
}

/** As exported by the package: `new Tun()`. */
interface Tuntap2Module {
  readonly Tun: new () => Tuntap2Interface;
}

/** Held in a variable, because the package is optional and the compiler must not look for it. */
const PACKAGE: string = 'tuntap2';

function missing(): Error {
  const text = `the package ${PACKAGE} is not installed: install it beside fourwave, or use --device tun`;
  return Object.assign(new Error(text), { code: 'ERR_TUNTAP2_MISSING' });
}

function isTuntap2(module: unknown): module is Tuntap2Module {
  return typeof (module as Partial<Tuntap2Module> | null)?.Tun === 'function';
}

/**
 * Opens a TUN with the package tuntap2.
 *
 * @throws Error `ERR_TUNTAP2_MISSING` where it is not installed or is another package of that name
 */
export async function tuntap2(
  options: Tuntap2Options,
  load: () => Promise<unknown> = () => import(PACKAGE),
): Promise<Tuntap2Device> {
  let module: unknown;
  try {
    module = await load();
  } catch {
    throw missing();
  }
  const candidates = [module, (module as { default?: unknown }).default];
  const found = candidates.find(isTuntap2);
  if (found === undefined) throw missing();
  return new Tuntap2Device(new found.Tun(), options);
}
