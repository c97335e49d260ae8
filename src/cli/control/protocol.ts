/**
 * What `up` and the other commands say to each other: one JSON object a line over a unix socket.
 *
 * A client sends one request and reads until `done` or `error`. Commands that carry a stream of
 * bytes (connect, listen) go on with `data` and `end` lines in both directions; the sockets' own
 * flow control is the backpressure.
 */

import type { Readable, Writable } from 'node:stream';

export interface Request {
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export type Message =
  | { readonly result: unknown }
  | { readonly event: unknown }
  /** Base64. */
  | { readonly data: string }
  /** The end of stdin; `fin`: and of our half of the connection. */
  | { readonly end: true; readonly fin: boolean }
  | { readonly done: true }
  /** Says nothing: it fails when nobody is there any more. */
  | { readonly alive: true }
  | { readonly error: { readonly exit: number; readonly message: string } };

/** Of a request line; a data line fits too. */
export const MAX_REQUEST = 256 * 1024;
/** Of an answer: a big table of connections is long. */
export const MAX_ANSWER = 256 * 1024 * 1024;
/** Bytes in one `data` line. */
export const DATA_CHUNK = 32 * 1024;

/**
 * The objects in a stream, one a line.
 * @throws Error when a line is longer than `limit` bytes or no JSON object
 */
export async function* messages(stream: Readable, limit: number): AsyncGenerator<Record<string, unknown>> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    let rest = chunk as Buffer;
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      if (length + at > limit) throw new Error(`a message is longer than ${limit} bytes`);
      parts.push(rest.subarray(0, at));
      yield parseObject(Buffer.concat(parts).toString());
      rest = rest.subarray(at + 1);
      parts = [];
      length = 0;
    }
    parts.push(rest);
    length += rest.length;
    if (length > limit) throw new Error(`a message is longer than ${limit} bytes`);
  }
}

function parseObject(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('a message is no object');
  return value as Record<string, unknown>;
}

export function encode(message: Message | Request): string {
  return `${JSON.stringify(message)}\n`;
}

/** Resolves when a full stream takes more again, or is closed. */
export function roomIn(stream: Writable): Promise<void> {
  if (!stream.writableNeedDrain || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      stream.removeListener('drain', settle);
      stream.removeListener('close', settle);
      resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  });
}
