/** What the stack needs of a network device. TUN, memory link, loopback, simulator: all are this. */

import type { Arena } from '../base/arena.ts';
import type { Reason } from '../base/reasons.ts';
import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';

/** The stack's side: the device calls these to ask for a turn; they only mark and schedule. */
export interface DeviceListener {
  /** Packets wait in `receive`. The turn may run inside this call. */
  readable(): void;
  /** `send` takes packets again after it had returned false. */
  writable(): void;
  /** A packet was lost on the way in or out: DEVICE_QUEUE_FULL or DEVICE_ERROR. */
  lost?(reason: Reason): void;
  /** The device is gone (deleted, broken). It will not call again. */
  failed(error: Error): void;
}

export interface Device {
  /** Interface name as people know it, e.g. `fw0`. */
  readonly name: string;
  /** Largest IP packet on the wire, bytes. */
  readonly mtu: number;
  /** Frames with `needsChecksum` are taken. */
  readonly checksumOffload: boolean;
  /** Largest super-packet (IP header included, bytes) that `send` takes; 0 = none above the MTU. */
  readonly segmentationLimit: number;
  /** Who receives puts segments together until one has PSH: the last of each burst should have it. */
  readonly gathers?: boolean;
  /** What is sent comes back: packets from our own addresses are to be taken. */
  readonly loopsBack?: boolean;
  /**
   * Where `receive` points to, with room to spare: whose connections live in it copy their bytes for less.
   * A packet in it stays as it is until `poll`, or the turn's end.
   */
  readonly arena?: Arena | undefined;
  /** False after `send` returned false, until `DeviceListener.writable`. */
  readonly writable: boolean;

  /** Called once, before anything else. */
  attach(listener: DeviceListener): void;
  /**
   * Points `packet` at the next received packet; false when none waits. The memory is valid until
   * the next `receive` that returns false, or the turn's end.
   */
  receive(packet: Packet): boolean;
  /** Looks for packets without waiting to be told; true when `receive` has some. */
  poll?(): boolean;
  /**
   * Sends one frame or copies it. Always takes the frame; false means "this was the last for now",
   * and the caller waits for `writable`.
   */
  send(frame: Frame): boolean;
  /** Releases everything. Idempotent. */
  close(): Promise<void>;
}
