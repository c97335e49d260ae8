/** The addon under native/, as TypeScript sees it. Nothing else loads it. */

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DeviceError } from './device-error.ts';

/** A packet descriptor joined to the event loop; opaque. */
export type Port = object;

/** `watch`: tell when packets wait. */
export const WATCH_READABLE = 1;
/** `watch`: tell when `write` may succeed again. */
export const WATCH_WRITABLE = 2;

// The numbers that travel in the mail, see native/port.h.
export const MAIL_HEADER_LENGTH = 0;
export const MAIL_PAYLOAD_START = 1;
export const MAIL_PAYLOAD_LENGTH = 2;
export const MAIL_WRAPPED_LENGTH = 3;
/** Two numbers for each packet of a batch: start of its IP header in the ring, length. */
export const MAIL_PACKETS = 4;
export const BATCH = 64;
export const MAIL_LENGTH = MAIL_PACKETS + 2 * BATCH;

/** TUN_F_CSUM: packets may come and go with partial checksums. */
export const TUN_F_CSUM = 1;
/** TUN_F_TSO4: TCP super-packets too. */
export const TUN_F_TSO4 = 2;

export interface NativeTunRequest {
  readonly name: string;
  /** File of the namespace; '' = the present one. */
  readonly netns: string;
  readonly queues: number;
  readonly vnetHeader: 0 | 1;
  /** The kernel puts together segments of a flow before it looks at them. */
  readonly gather: 0 | 1;
  /** Tried in order. */
  readonly offloads: readonly number[];
  /** The kernel's own address as an unsigned number. */
  readonly address: number;
  readonly prefix: number;
  readonly mtu: number;
  readonly withDiagnosis: 0 | 1;
  readonly withRawSocket: 0 | 1;
  /** Try to load a program with this key that chooses the queue of each packet. */
  readonly withSteering: 0 | 1;
  readonly keyLow: number;
  readonly keyHigh: number;
}

export interface NativeTun {
  readonly name: string;
  readonly queues: number[];
  readonly vnetHeader: 0 | 1;
  readonly gathers: 0 | 1;
  readonly offload: number;
  /** −1 = not asked for. */
  readonly diagnosis: number;
  readonly raw: number;
  /** The kernel has taken the steering program. */
  readonly steered: 0 | 1;
}

/** Functions throw Errors with `errno` (positive) and `syscall`; see {@link explained}. */
export interface Native {
  /** Opens and configures in a thread that enters the namespace; no other thread does. */
  openTun(request: NativeTunRequest): NativeTun;
  /** /proc/net/route of a namespace. */
  readRoutes(netns: string): string;
  /** The queue that a steering program with this key chooses for each packet: for tests. */
  testSteering(
    key: { keyLow: number; keyHigh: number; queues: number },
    packets: readonly Uint8Array[],
  ): number[];

  /**
   * Takes over the descriptor, watches it for reading and calls back with the number of packets of
   * a batch, 0 for "writable", or a negative errno, after which it watches no more.
   */
  attach(
    fd: number,
    vnetHeader: 0 | 1,
    ring: Uint8Array,
    mail: Int32Array,
    callback: (value: number) => void,
  ): Port;
  /** Reads a batch now: packets, 0, or a negative errno. */
  readBatch(port: Port): number;
  /** Where the headers of packets are from now on. */
  setHeader(port: Port, header: Uint8Array): void;
  /** Writes the packet that the mail describes: 0 or errno. */
  write(port: Port, payload: Uint8Array): number;
  /** Sets what to watch for; 0 = nothing. */
  watch(port: Port, events: number): number;
  /** Whether the port keeps the event loop alive. */
  setReferenced(port: Port, referenced: 0 | 1): void;
  /** Closes the descriptor. Idempotent. */
  closePort(port: Port): void;

  /** Of the calling thread: groups, gid, bounding set, uid, all capabilities, no_new_privs. −1 = keep. */
  dropPrivileges(identity: { uid: number; gid: number; groups: readonly number[] }): void;
  /** execve with these descriptors and 0, 1, 2 kept open: every thread starts anew. Returns only to throw. */
  execProgram(
    path: string,
    argv: readonly string[],
    environment: readonly string[],
    kept: readonly number[],
  ): never;

  /** Two connected ends that keep message boundaries (SOCK_SEQPACKET), non-blocking. */
  socketPair(): [number, number];
  /** SCM_RIGHTS; `text` up to 4 KB. */
  sendDescriptors(socket: number, text: string, fds: readonly number[]): void;
  /** Does not wait: `text` is empty when nothing has come. */
  receiveDescriptors(socket: number): { text: string; fds: number[] };
  /** Of a descriptor that no port has taken over. */
  closeDescriptor(fd: number): void;
}

/** `src/device` and `dist/device` lie equally deep. */
const ADDON = fileURLToPath(new URL('../../build/fourwave.node', import.meta.url));

/** @throws DeviceError where it is not built or cannot be */
export function loadNative(): Native {
  try {
    return createRequire(import.meta.url)(ADDON) as Native;
  } catch (error) {
    const built = (error as { code?: string }).code !== 'MODULE_NOT_FOUND';
    throw new DeviceError(built ? 'the native addon does not load' : 'the native addon is not built', {
      code: 'ENOSYS',
      errno: 38,
      syscall: 'dlopen(fourwave.node)',
      cure: 'run scripts/setup on Linux with a C++ compiler; everything that needs no TUN works without it',
    });
  }
}
