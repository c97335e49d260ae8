/** A binary file that is written in the background, in whole pieces, as long as the disk takes them. */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonFor, unusable } from '../errors.ts';

/** A pipe is opened without waiting for its reader. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;
/** How often a pipe that is full is tried again, ms. */
const RETRY = 50;

export interface ByteFileOptions {
  readonly path: string;
  /** `the capture`, for messages. */
  readonly what: string;
  /** `--pcapng`, for messages. */
  readonly option: string;
  /** Who may read it. */
  readonly mode: number;
}

export class ByteFile {
  /** Called once, with a sentence, when the file takes no more. */
  onFailure: (sentence: string) => void = () => {};
  /** Something that was meant for the file is not in it. */
  incomplete = false;

  private readonly options: ByteFileOptions;
  private readonly handle: FileHandle;
  private parts: Uint8Array[] = [];
  private pump: Promise<void> | null = null;
  /** Bytes of whole pieces in the file. */
  private whole = 0;
  private closing = false;
  /** Bytes that wait for the disk. */
  waiting = 0;

  private constructor(options: ByteFileOptions, handle: FileHandle) {
    this.options = options;
    this.handle = handle;
  }

  /** @throws CliError */
  static async open(options: ByteFileOptions): Promise<ByteFile> {
    try {
      const handle = await open(options.path, FLAGS, options.mode);
      // A file that was there keeps its rights otherwise.
      if ((await handle.stat()).isFile()) await handle.chmod(options.mode);
      return new ByteFile(options, handle);
    } catch (error) {
      const { what, path, option } = options;
      throw unusable(`${what} ${path} cannot be written`, error, `choose another file with ${option}`);
    }
  }

  /** One piece: a file that fails ends behind the last whole one. */
  write(piece: Uint8Array): void {
    if (this.incomplete || piece.length === 0) return;
    this.parts.push(piece);
    this.waiting += piece.length;
    this.pump ??= this.drain();
  }

  /** Takes no more. `reason` completes a sentence. */
  giveUp(reason: string): void {
    if (this.incomplete) return;
    this.incomplete = true;
    this.parts = [];
    this.tell(reason);
  }

  /** Resolves when all that can be written is. */
  async close(): Promise<void> {
    this.closing = true;
    await this.pump;
    await this.handle.close().catch(() => {});
  }

  /** Never rejects. */
  private async drain(): Promise<void> {
    try {
      for (let piece = this.parts.shift(); piece !== undefined; piece = this.parts.shift()) {
        for (let done = 0; done < piece.length; ) done += await this.writeSome(piece, done);
        this.waiting -= piece.length;
        this.whole += piece.length;
      }
    } catch (error) {
      await this.fail(error);
    }
    this.pump = null;
  }

  private async writeSome(bytes: Uint8Array, from: number): Promise<number> {
    try {
      return (await this.handle.write(bytes, from)).bytesWritten;
    } catch (error) {
      // The reader of a pipe takes its time; at the end it is not waited for.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || this.closing) throw error;
      await sleep(RETRY);
      return 0;
    }
  }

  /** What was written of a piece is taken back, where the file is one that can be cut. */
  private async fail(error: unknown): Promise<void> {
    this.incomplete = true;
    this.parts = [];
    this.waiting = 0;
    await this.handle.truncate(this.whole).catch(() => {});
    this.tell(reasonFor(error));
  }

  private tell(reason: string): void {
    const { what, path } = this.options;
    this.onFailure(`${what} ${path} ends here, ${reason}: the stack goes on without it`);
  }
}
