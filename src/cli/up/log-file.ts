/** The file behind `--log`: whole lines, written in the background, as long as the disk takes them. */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonFor, unusable } from '../errors.ts';

/** Characters that may wait for the disk; what comes beyond is counted, not kept. */
const MOST_WAITING = 64 * 1024 * 1024;
/** Lines in one write. */
const BATCH = 1000;
/** How often a pipe that is full is tried again, ms. */
const RETRY = 50;
const NEWLINE = 10;

/** A pipe is opened without waiting for its reader. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

export class LogFile {
  /** Called once, with a sentence, when the file takes no more. */
  onFailure: (sentence: string) => void = () => {};
  /** Something that was meant for the file is not in it. */
  incomplete = false;

  private readonly path: string;
  private readonly handle: FileHandle;
  private waiting: string[] = [];
  private waitingLength = 0;
  private pump: Promise<void> | null = null;
  /** Bytes of whole lines in the file. */
  private whole = 0;
  private closing = false;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  /** @throws CliError */
  static async open(path: string): Promise<LogFile> {
    try {
      return new LogFile(path, await open(path, FLAGS));
    } catch (error) {
      throw unusable(`the log ${path} cannot be written`, error, 'choose another file with --log');
    }
  }

  /** Whether the disk is so late that lines have to be left out. */
  get full(): boolean {
    return this.waitingLength > MOST_WAITING;
  }

  /** One line, without its end. */
  write(line: string): void {
    if (this.incomplete) return;
    this.waiting.push(line);
    this.waitingLength += line.length;
    this.pump ??= this.drain();
  }

  /** Resolves when all that can be written is. */
  async close(): Promise<void> {
    this.closing = true;
    await this.pump;
    await this.handle.close().catch(() => {});
  }

  /** Never rejects. */
  private async drain(): Promise<void> {
    // The lines of one turn go together.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.waiting.length > 0) {
        const lines = this.waiting.splice(0, BATCH);
        for (const line of lines) this.waitingLength -= line.length;
        await this.writeAll(Buffer.from(`${lines.join('\n')}\n`));
      }
    } catch (error) {
      await this.fail(error);
    }
    this.pump = null;
  }

  private async writeAll(bytes: Buffer): Promise<void> {
    const start = this.whole;
    for (let done = 0; done < bytes.length; ) {
      done += await this.writeSome(bytes, done);
      this.whole = start + (done === 0 ? 0 : bytes.lastIndexOf(NEWLINE, done - 1) + 1);
    }
  }

  private async writeSome(bytes: Buffer, from: number): Promise<number> {
    try {
      return (await this.handle.write(bytes, from)).bytesWritten;
    } catch (error) {
      // The reader of a pipe takes its time; at the end it is not waited for.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || this.closing) throw error;
      await sleep(RETRY);
      return 0;
    }
  }

  /** What was written of a line is taken back, where the file is one that can be cut. */
  private async fail(error: unknown): Promise<void> {
    this.incomplete = true;
    this.waiting = [];
    this.waitingLength = 0;
    await this.handle.truncate(this.whole).catch(() => {});
    this.onFailure(`the log ${this.path} ends here, ${reasonFor(error)}: the stack goes on without it`);
  }
}
