/** The recording of `--record`: what enters the stack, written down while it runs. */

import type { FaultTape } from '../../faults/fault-device.ts';
import { TapedRecorder } from '../../replay/taped-recorder.ts';
import { formatSize } from '../../stack/config-values.ts';
import { systemClock } from '../../stack/driver.ts';
import { RecordingTape } from '../../stack/tape.ts';
import { version } from '../version.ts';
import { ByteFile } from './byte-file.ts';
import type { UpOptions } from './options.ts';

/** Bytes that may wait for the disk. */
const MOST_WAITING = 64 * 1024 * 1024;
/** How often what there is goes to the disk, ms: as much is lost when the program is killed. */
const FLUSH_EVERY = 200;

export class Recording implements FaultTape {
  readonly tape: RecordingTape;
  /** The event log of the run. */
  readonly recorder: TapedRecorder;
  private readonly file: ByteFile;
  private readonly timer: NodeJS.Timeout;

  private constructor(file: ByteFile, options: UpOptions, cap: number, say: (sentence: string) => void) {
    this.file = file;
    this.tape = new RecordingTape({
      ...{ cap, version: version(), date: new Date().toISOString() },
      ...{ faults: options.fault, seed: options.seed },
      sink: (bytes) => this.write(bytes),
    });
    this.tape.onFull = () =>
      say(
        `the recording ${options.record} is full (${formatSize(cap)}): it holds the run up to here, and the ` +
          'stack goes on; --record-max makes room for more',
      );
    this.recorder = new TapedRecorder(this.tape, { clock: systemClock });
    this.timer = setInterval(() => this.tape.flush(), FLUSH_EVERY);
    this.timer.unref();
  }

  /** @throws CliError when the file cannot be opened */
  static async open(path: string, options: UpOptions, say: (sentence: string) => void): Promise<Recording> {
    // Payload, ports and secrets are in it.
    const file = await ByteFile.open({ path, what: 'the recording', option: '--record', mode: 0o600 });
    file.onFailure = say;
    return new Recording(file, options, options.recordMax, say);
  }

  offTheWire(bytes: Uint8Array): void {
    this.tape.offTheWire(systemClock.now, bytes);
  }

  fromRules(): void {
    this.tape.fromRules();
  }

  /** Resolves to whether the file has all that was meant for it, up to the cap. */
  async close(): Promise<boolean> {
    clearInterval(this.timer);
    this.tape.end();
    await this.file.close();
    return !this.file.incomplete;
  }

  /** A recording has no gaps: where the disk is too slow it ends. */
  private write(bytes: Uint8Array): void {
    if (this.file.waiting > MOST_WAITING) this.file.giveUp('the disk is too slow');
    else this.file.write(bytes);
  }
}
