/** The device of a replay: it gives the packets of the tape and compares what is sent. */

import type { Device, DeviceListener } from '../device/device.ts';
import type { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, CHECKSUM_VALID, type Packet } from '../wire/packet.ts';
import { PacketDigest } from './packet-digest.ts';
import type { Replay, ReplayOptions } from './replay.ts';
import * as format from './tape-format.ts';
import type { RecordedRun } from './tape-header.ts';

/** A recorded packet that came, as the device gave it. */
export function loadPacket(packet: Packet, entry: Uint8Array): void {
  const body = entry.slice();
  const view = new DataView(body.buffer);
  packet.setMemory(body, view);
  packet.gsoSize = view.getUint16(0);
  const state = body[2];
  packet.checksum = state === 1 ? CHECKSUM_PARTIAL : state === 2 ? CHECKSUM_VALID : CHECKSUM_UNVERIFIED;
  packet.start = 3;
  packet.end = body.length;
}

/** Gives the packets of the tape, compares what is sent, and blocks where the device did. */
export class ReplayDevice implements Device {
  readonly name = 'replay';
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  readonly loopsBack: boolean;
  private open = true;
  private readonly player: Replay;
  private readonly options: ReplayOptions;
  private readonly digest = new PacketDigest();

  constructor(player: Replay, run: RecordedRun, options: ReplayOptions) {
    this.player = player;
    this.options = options;
    this.mtu = run.mtu;
    this.checksumOffload = run.checksumOffload;
    this.segmentationLimit = run.segmentationLimit;
    this.loopsBack = run.loopsBack;
  }

  get writable(): boolean {
    this.look();
    return this.open;
  }

  attach(_listener: DeviceListener): void {}

  receive(packet: Packet): boolean {
    const { player } = this;
    while (player.next() === format.ENTRY_WIRE || player.next() === format.ENTRY_FROM_RULES) {
      player.expect(player.next());
    }
    if (player.next() !== format.ENTRY_PACKET) return false;
    const body = player.expect(format.ENTRY_PACKET);
    if (body === null || body.length < 3) return false;
    loadPacket(packet, body);
    this.options.onArrival?.(packet);
    return true;
  }

  send(frame: Frame): boolean {
    const { player, digest } = this;
    if (player.over) return true;
    player.packets++;
    digest.of(frame);
    const packet = digest.packet;
    const body = player.expect(format.ENTRY_SENT);
    if (player.over) return true;
    if (body !== null) this.compare(body, packet);
    if (!player.over) this.options.onPacket?.(packet.slice());
    if (player.next() !== format.ENTRY_BLOCKED) return true;
    player.expect(format.ENTRY_BLOCKED);
    this.open = false;
    return false;
  }

  private compare(body: Uint8Array, packet: Uint8Array): void {
    const { player, digest } = this;
    if (body.length < 12) throw new format.RecordingError('has a packet without a digest');
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    const length = view.getUint32(0);
    const recorded = body.slice(12);
    if (length !== packet.length)
      player.fail(
        `packet ${player.packets} is ${packet.length} bytes long and was ${length}`,
        recorded,
        packet.slice(),
      );
    else if (view.getInt32(4) !== digest.digest[0] || view.getInt32(8) !== digest.digest[1])
      player.fail(`packet ${player.packets} has other bytes`, recorded, packet.slice());
  }

  /** What looking at the device found out then. */
  look(): void {
    const code = this.player.next();
    if (code !== format.ENTRY_OPEN && code !== format.ENTRY_SHUT) return;
    this.player.expect(code);
    this.open = code === format.ENTRY_OPEN;
  }

  unblock(): void {
    this.player.expect(format.ENTRY_WRITABLE);
    this.open = true;
  }

  async close(): Promise<void> {}
}
