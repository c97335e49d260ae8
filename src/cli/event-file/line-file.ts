/** A big file of lines, of which only those that are asked for are read. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { missing, unusable } from '../errors.ts';

const NEWLINE = 10;
/** Bytes of one read where many are wanted, and where one line is. */
const CHUNK = 1 << 20;
const GLANCE = 1 << 13;

/** One line without its end. */
export interface Line {
  readonly offset: number;
  /** Where the next line begins. */
  readonly end: number;
  readonly bytes: Buffer;
}

export class LineFile {
  readonly path: string;
  /** Bytes in it when it was opened: what is written later is not seen. */
  readonly size: number;
  /** Bytes that were read so far, some of them more than once. */
  bytesRead = 0;
  private readonly descriptor: number;

  /** @throws CliError when there is no such file */
  constructor(path: string) {
    this.path = path;
    try {
      this.descriptor = openSync(path, 'r');
    } catch (error) {
      throw unusable(`the file ${path} cannot be read`, error, 'name a file that "up --log" has written');
    }
    const about = fstatSync(this.descriptor);
    this.size = about.size;
    if (about.isFile()) return;
    this.close();
    throw missing(`${path} is no file that can be read at any place: copy it into one`);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /** The lines that begin at or after `offset`, where one begins, and before `end`. */
  *lines(offset: number, end = this.size): Generator<Line> {
    let at = offset;
    let length = GLANCE;
    while (at < end) {
      const bytes = this.read(at, length);
      let start = 0;
      for (let stop = bytes.indexOf(NEWLINE); stop >= 0; stop = bytes.indexOf(NEWLINE, start)) {
        yield { offset: at + start, end: at + stop + 1, bytes: bytes.subarray(start, stop) };
        start = stop + 1;
        if (at + start >= end) return;
      }
      if (at + bytes.length >= this.size) {
        if (start < bytes.length) yield { offset: at + start, end: this.size, bytes: bytes.subarray(start) };
        return;
      }
      // A line that is longer than what was read is read again, with more.
      length = start === 0 || length < CHUNK ? 4 * length : CHUNK;
      at += start;
    }
  }

  /** The lines before `offset`, where one begins: the last one first. */
  *linesBefore(offset: number): Generator<Line> {
    let end = offset;
    let length = GLANCE;
    while (end > 0) {
      const at = Math.max(0, end - length);
      const bytes = this.read(at, end - at);
      // The end of the line before is not a line.
      let stop = bytes.length;
      for (;;) {
        const start = stop < 2 ? -1 : bytes.lastIndexOf(NEWLINE, stop - 2);
        if (start < 0 && at > 0) break;
        const text = bytes[stop - 1] === NEWLINE ? stop - 1 : stop;
        yield { offset: at + start + 1, end: at + stop, bytes: bytes.subarray(start + 1, text) };
        stop = start + 1;
        if (stop === 0) return;
      }
      length = stop === bytes.length || length < CHUNK ? 4 * length : CHUNK;
      end = at + stop;
    }
  }

  /** Where the first line begins that does not begin before `offset`. */
  lineStart(offset: number): number {
    if (offset === 0) return 0;
    for (let at = offset - 1, length = GLANCE; at < this.size; at += length, length = CHUNK) {
      const found = this.read(at, length).indexOf(NEWLINE);
      if (found >= 0) return at + found + 1;
    }
    return this.size;
  }

  /** The lines with this text in them that begin in `[offset, end)`, where one begins. */
  *having(text: string, offset: number, end = this.size): Generator<Line> {
    const wanted = Buffer.from(text);
    let length = CHUNK;
    for (let at = offset; at < end; ) {
      const bytes = this.read(at, length);
      const last = at + bytes.length >= this.size;
      // What is behind the last end of a line is read again, with more.
      const whole = last ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1;
      let next = 0;
      for (let found = bytes.indexOf(wanted); found >= 0; found = bytes.indexOf(wanted, next)) {
        const start = bytes.lastIndexOf(NEWLINE, found) + 1;
        if (start >= whole || at + start >= end) break;
        const newline = bytes.indexOf(NEWLINE, found);
        const stop = newline < 0 ? bytes.length : newline;
        next = Math.min(bytes.length, stop + 1);
        yield { offset: at + start, end: at + next, bytes: bytes.subarray(start, stop) };
      }
      if (last) return;
      length = whole === 0 ? 4 * length : CHUNK;
      at += whole;
    }
  }

  /** The lines with this text in them before `offset`, where one begins: the last one first. */
  *havingBefore(text: string, offset: number): Generator<Line> {
    const wanted = Buffer.from(text);
    for (let end = offset; end > 0; ) {
      const at = Math.max(0, end - CHUNK);
      const bytes = this.read(at, end - at);
      const found = bytes.lastIndexOf(wanted);
      if (found >= 0) {
        const line = this.around(at + found);
        yield line;
        end = line.offset;
      } else if (at === 0) return;
      else end = at + wanted.length - 1;
    }
  }

  /** The line that the byte at `offset` is in. */
  private around(offset: number): Line {
    let start = 0;
    for (let at = offset, length = GLANCE; at > 0; length = CHUNK) {
      const from = Math.max(0, at - length);
      const found = this.read(from, at - from).lastIndexOf(NEWLINE);
      start = from + found + 1;
      if (found >= 0) break;
      at = from;
    }
    return this.lines(start).next().value as Line;
  }

  private read(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.size - at)));
    let done = 0;
    while (done < bytes.length) {
      const got = readSync(this.descriptor, bytes, done, bytes.length - done, at + done);
      if (got === 0) break;
      done += got;
    }
    this.bytesRead += done;
    return bytes.subarray(0, done);
  }
}
