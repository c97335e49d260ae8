/** The stack under test on a virtual clock, and the packets that it has sent. */

import { SeededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Offload } from '../device/memory-link.ts';
import { type PacketDevice, packetDevice, type SentPacketInfo } from '../device/packet-device.ts';
import { splitSuperPacket } from '../device/split-super-packet.ts';
import { createPosix, type Posix } from '../posix/posix.ts';
import { Stack, type StackOptions } from '../stack/stack.ts';
import { type LivePacket, readLivePacket } from './live-packet.ts';
import { OneTurn } from './one-turn.ts';
import type { Setting } from './script.ts';

/** Where the script's zero lies on the stack's clock: it has been up for a while. */
const ZERO = 1_000_000_000;
const SEED = 1;
/** `192.168.0.1/16`: the remote end is in another network. */
const PREFIX = 16;

/** Who wants to know that something may have changed. */
export interface Watcher {
  ask(): void;
  /** µs of the script at which it wants to be asked in any case, or Infinity. */
  deadline(): number;
}

/** What the script does not say itself. */
export interface Surroundings {
  /** What the device does for the stack; `off` unless told. The packets of the script stay those of the wire. */
  readonly offload?: Offload;
  /** Hears every event of the stack, which is on this clock. */
  readonly trace?: (clock: VirtualClock) => NonNullable<StackOptions['trace']>;
}

export class World {
  readonly stack: Stack;
  readonly posix: Posix;
  /** What was sent and no line has named yet. */
  readonly sent: LivePacket[] = [];
  /** Collects what one turn is to take. */
  readonly turn = new OneTurn();
  private readonly clock = new VirtualClock(ZERO);
  private readonly device: PacketDevice;
  private readonly watcher: Watcher;

  constructor(setting: Setting, { offload, trace }: Surroundings, watcher: Watcher) {
    this.watcher = watcher;
    this.device = packetDevice({ mtu: setting.mtu, offload: offload ?? 'off' });
    this.device.onPacket((bytes, info) => this.noteSent(bytes, info));
    this.stack = new Stack({
      device: this.device,
      address: `${setting.localAddress}/${PREFIX}`,
      clock: this.clock,
      random: new SeededRandom(SEED),
      profile: setting.profile,
      config: setting.config,
      trace: trace?.(this.clock) ?? null,
      record: this.turn,
    });
    this.posix = createPosix(this.stack);
  }

  /** µs of the script. */
  get now(): number {
    return this.clock.now - ZERO;
  }

  /** Scripts speak of the wire: a super-packet is its segments, as the device would have cut it. */
  private noteSent(bytes: Uint8Array, { gsoSize }: SentPacketInfo): void {
    const whole = readLivePacket(bytes, this.now);
    if (gsoSize === 0 || whole.protocol === 'broken') {
      this.sent.push(whole);
      return;
    }
    for (const piece of splitSuperPacket(bytes, gsoSize)) this.sent.push(readLivePacket(piece, this.now));
  }

  inject(packet: Uint8Array): void {
    // A line is one segment, however long.
    const arrive = (): unknown => this.device.inject(packet, { gsoSize: 0 });
    if (this.turn.collecting) {
      this.turn.arrives(arrive);
      return;
    }
    arrive();
    this.watcher.ask();
  }

  /** Time passes and nothing runs. */
  sleepUntil(time: number): void {
    this.clock.now = Math.max(this.clock.now, time + ZERO);
  }

  /** The turn that takes what has been collected. */
  runTurn(): void {
    this.turn.end(() => this.stack.runTurn());
    this.stack.settle();
    this.watcher.ask();
  }

  /** Lets time pass, stopping wherever the stack has something to do, until `stop` says so or it is `time`. */
  advanceTo(time: number, stop: () => boolean = () => false): void {
    while (!stop()) {
      const next = Math.min(this.clock.nextDeadline(), time + ZERO, this.watcher.deadline() + ZERO);
      this.clock.advanceTo(Math.max(next, this.clock.now));
      this.watcher.ask();
      if (this.now >= time) return;
    }
  }

  async close(): Promise<void> {
    await this.stack.close();
  }
}
