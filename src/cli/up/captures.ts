/** Who captures the packets of a running stack: the file of `--pcapng`, and `fourwave capture`. */

import { Capture, type CaptureOptions, VANTAGES, type Vantage } from '../../capture/capture.ts';
import type { FaultDevice } from '../../faults/fault-device.ts';
import { systemClock } from '../../stack/driver.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import type { PacketTap, TapDirection } from '../../trace/packet-tap.ts';
import type { Handler } from '../control/server.ts';
import { version } from '../version.ts';
import { ByteFile } from './byte-file.ts';
import type { EventFeed } from './event-feed.ts';
import type { UpOptions } from './options.ts';

/** Packets in one message or write. */
const BATCH = 256;
/** Bytes that may wait for the disk; packets beyond are left out, and counted. */
const MOST_WAITING = 64 * 1024 * 1024;

const LEGEND =
  'Comments of a packet: changes of state; timers; the verdict or why it was sent, with the number of the ' +
  'event ("fourwave why N"); the fault rule that hit it.';

/** One reader of the packets. */
interface Reader {
  readonly capture: Capture;
  /** The turn's packets are complete. */
  readonly ready: () => void;
}

export class Captures {
  private readonly device: FaultDevice;
  private readonly feed: EventFeed;
  private readonly about: CaptureOptions;
  private readonly readers = new Set<Reader>();
  private readonly listener = (event: LogEvent): void => {
    for (const { capture } of this.readers) capture.event(event);
  };
  private file: ByteFile | null = null;
  private readonly ended = new AbortController();
  /** Conversations that have not sent their last packets yet. */
  private readonly conversations = new Set<Promise<void>>();

  constructor(device: FaultDevice, feed: EventFeed, options: UpOptions) {
    this.device = device;
    this.feed = feed;
    this.about = captureOptions(device.name, options);
  }

  /** @throws CliError when the file cannot be opened */
  async writeTo(path: string, onFailure: (sentence: string) => void): Promise<void> {
    const what = { what: 'the capture', option: '--pcapng', mode: 0o600 };
    const file = await ByteFile.open({ path, ...what });
    file.onFailure = onFailure;
    this.file = file;
    const reader = this.add((capture) => {
      if (file.incomplete) this.remove(reader);
      if (file.waiting <= MOST_WAITING) file.write(capture.take(Number.POSITIVE_INFINITY));
    });
    file.write(reader.capture.header);
  }

  /** What `fourwave capture` asks for: `data` until nobody listens or the stack ends. */
  get handler(): Handler {
    return async (conversation) => {
      const done = this.converse(
        (bytes) => conversation.send({ data: Buffer.from(bytes).toString('base64') }),
        vantageOf(conversation.arguments['vantage']),
        AbortSignal.any([conversation.signal, this.ended.signal]),
      );
      this.conversations.add(done);
      await done.finally(() => this.conversations.delete(done));
    };
  }

  /** Resolves to whether the file, if any, has all that was meant for it. */
  async close(): Promise<boolean> {
    for (const { capture, ready } of this.readers) {
      capture.settle();
      ready();
    }
    await this.end();
    this.device.tap = null;
    this.readers.clear();
    await this.file?.close();
    return this.file?.incomplete !== true;
  }

  /** Those who listen get what is left. */
  async end(): Promise<void> {
    this.ended.abort();
    await Promise.allSettled(this.conversations);
  }

  private async converse(
    send: (bytes: Uint8Array) => Promise<void>,
    vantage: Vantage,
    signal: AbortSignal,
  ): Promise<void> {
    let wake: () => void = () => {};
    const reader = this.add(() => wake(), vantage);
    const { capture } = reader;
    const woken = (): Promise<void> => new Promise((resolve) => (wake = resolve));
    signal.addEventListener('abort', () => wake());
    try {
      await send(capture.header);
      for (;;) {
        const bytes = capture.take(BATCH);
        if (bytes.length > 0) await send(bytes);
        else if (signal.aborted) return;
        else await woken();
      }
    } finally {
      this.remove(reader);
    }
  }

  private add(ready: (capture: Capture) => void, vantage: Vantage = 'wire'): Reader {
    const capture = new Capture({ ...this.about, vantage });
    const reader = { capture, ready: () => ready(capture) };
    capture.onPacket = () =>
      setImmediate(() => {
        capture.settle();
        reader.ready();
      });
    this.readers.add(reader);
    this.rewire();
    return reader;
  }

  private remove(reader: Reader): void {
    this.readers.delete(reader);
    this.rewire();
  }

  /** Without a reader nothing is tapped. */
  private rewire(): void {
    const taps = [...this.readers].map(({ capture }) => capture);
    this.device.tap = taps.length === 0 ? null : taps.length === 1 ? (taps[0] as Capture) : new TeeTap(taps);
    this.feed.listener = taps.length === 0 ? null : this.listener;
  }
}

/** Of a client whose command has checked it. */
function vantageOf(given: unknown): Vantage {
  return VANTAGES.find((vantage) => vantage === given) ?? 'wire';
}

/** Several captures at a time. */
class TeeTap implements PacketTap {
  private readonly taps: readonly PacketTap[];

  constructor(taps: readonly PacketTap[]) {
    this.taps = taps;
  }

  passes(direction: TapDirection, bytes: Uint8Array, gsoSize: number): void {
    for (const tap of this.taps) tap.passes(direction, bytes, gsoSize);
  }
  enters(direction: TapDirection, bytes: Uint8Array): void {
    for (const tap of this.taps) tap.enters(direction, bytes);
  }
  met(): void {
    for (const tap of this.taps) tap.met();
  }
  leaves(direction: TapDirection, bytes: Uint8Array): void {
    for (const tap of this.taps) tap.leaves(direction, bytes);
  }
}

function captureOptions(wire: string, options: UpOptions): CaptureOptions {
  const now = (): number => systemClock.now;
  const faults = options.fault.length === 0 ? '' : ` Faults: ${options.fault.join('; ')}.`;
  const config = Object.entries({ profile: options.profile, ...options.config }).map(
    ([key, value]) => `${key}=${value}`,
  );
  return {
    now,
    epoch: BigInt(Date.now()) * 1_000_000n - BigInt(Math.round(now() * 1000)),
    application: `fourwave ${version()}`,
    comment: `fourwave up --tun ${wire}, ${config.join(' ')}.${faults} ${LEGEND}`,
    wire,
    names: [
      ...options.address.map((address) => [address, 'stack'] as const),
      [options.peer.address, 'kernel'],
    ],
  };
}
