/** http, port 80: as much of HTTP/1.1 as the labs ask for. */

import { encode } from '../text.ts';
import type { End, EndHandler } from './end.ts';
import type { ProgramWorld } from './services.ts';

interface Request {
  readonly method: string;
  readonly path: string;
  /** HTTP/1.0, or `Connection: close`. */
  readonly closes: boolean;
  /** Bytes of its body. */
  readonly body: number;
}

const KILOBYTE = 1024;
const BLOCK = Uint8Array.from({ length: 64 * KILOBYTE }, (_, index) => 0x21 + (index % 93));
const SLOW_LINES = 10;
const PAUSE = 500;
const CHUNKS = ['first chunk\n', 'second chunk\n', 'third and last chunk\n'];
const HEAD_END = '\r\n\r\n';

/** One connection: requests are answered one after the other. */
export function http(world: ProgramWorld): EndHandler {
  const connection = new HttpConnection(world);
  return {
    data: (end, bytes) => connection.take(end, bytes),
    writable: (end) => connection.pump(end),
    ended: (end) => connection.peerEnded(end),
  };
}

class HttpConnection {
  private readonly world: ProgramWorld;
  private text = '';
  private skip = 0;
  private busy = false;
  private over = false;
  private left = 0;
  private closes = false;
  /** After the body of an upload. */
  private pending: Request | null = null;

  constructor(world: ProgramWorld) {
    this.world = world;
  }

  take(end: End, bytes: Uint8Array): void {
    const skipped = Math.min(this.skip, bytes.length);
    this.skip -= skipped;
    for (const byte of bytes.subarray(skipped)) this.text += String.fromCharCode(byte);
    this.next(end);
  }

  peerEnded(end: End): void {
    this.over = true;
    if (!this.busy) end.close();
  }

  /** Goes on with a long body. */
  pump(end: End): void {
    while (this.left > 0 && end.queued === 0 && end.error === '') {
      const part = BLOCK.subarray(0, Math.min(this.left, BLOCK.length));
      this.left -= part.length;
      end.write(part);
      if (this.left === 0) this.answered(end);
    }
  }

  private next(end: End): void {
    if (this.busy) return;
    if (this.pending !== null) {
      if (this.skip === 0) this.answer(end, this.pending);
      return;
    }
    const head = this.text.indexOf(HEAD_END);
    if (head < 0) return;
    const request = parse(this.text.slice(0, head));
    const rest = this.text.length - head - HEAD_END.length;
    this.text = this.text.slice(head + HEAD_END.length + Math.min(rest, request.body));
    this.skip = Math.max(0, request.body - rest);
    if (this.skip > 0) this.pending = request;
    else this.answer(end, request);
  }

  private answer(end: End, request: Request): void {
    this.pending = null;
    this.busy = true;
    this.closes = request.closes;
    const [path = '/', query = ''] = request.path.split('?');
    const think = this.world.options.think ?? 0;
    if (think > 0) this.world.after(think, () => this.route(end, path, query));
    else this.route(end, path, query);
  }

  private route(end: End, path: string, query: string): void {
    if (path === '/big') this.big(end, Number(/kb=(\d+)/.exec(query)?.[1] ?? 1000) * KILOBYTE);
    else if (path === '/slow') this.slow(end);
    else if (path === '/chunked') this.chunked(end);
    else if (path === '/upload') this.page(end, 'thank you\n');
    else if (path === '/close') {
      this.closes = true;
      this.page(end, 'The server closes first: look for TIME-WAIT on its side.\n');
    } else if (path === '/') this.page(end, 'This is a connection, seen from inside the stack.\n');
    else this.page(end, 'no such page\n', '404 Not Found');
  }

  private head(end: End, fields: string, status = '200 OK'): void {
    const connection = this.closes ? 'close' : 'keep-alive';
    end.write(encode(`HTTP/1.1 ${status}\r\n${fields}Connection: ${connection}\r\n\r\n`));
  }

  private page(end: End, body: string, status?: string): void {
    const connection = this.closes ? 'close' : 'keep-alive';
    const fields = `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n`;
    // One write, as Node's server does: head and body in one segment.
    end.write(encode(`HTTP/1.1 ${status ?? '200 OK'}\r\n${fields}Connection: ${connection}\r\n\r\n${body}`));
    this.answered(end);
  }

  private big(end: End, bytes: number): void {
    this.head(end, `Content-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n`);
    this.left = bytes;
    if (bytes === 0) this.answered(end);
    else this.pump(end);
  }

  private slow(end: End): void {
    const lines = Array.from({ length: SLOW_LINES }, (_, index) => `line ${index + 1} of ${SLOW_LINES}\n`);
    this.head(end, `Content-Type: text/plain\r\nContent-Length: ${lines.join('').length}\r\n`);
    this.drip(end, lines);
  }

  private chunked(end: End): void {
    this.head(end, 'Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n');
    const chunks = CHUNKS.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    this.drip(end, [...chunks, '0\r\n\r\n']);
  }

  private drip(end: End, parts: readonly string[]): void {
    const [first, ...others] = parts;
    if (end.closed || end.error !== '') return;
    if (first === undefined) {
      this.answered(end);
      return;
    }
    end.write(encode(first));
    this.world.after(PAUSE, () => this.drip(end, others));
  }

  private answered(end: End): void {
    this.busy = false;
    if (this.over) end.close();
    else if (this.closes) end.shutdown();
    else this.next(end);
  }
}

function parse(head: string): Request {
  const [first = '', ...lines] = head.split('\r\n');
  const [method = 'GET', path = '/', version = 'HTTP/1.0'] = first.split(' ');
  const fields = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const connection = fields.get('connection')?.toLowerCase() ?? '';
  const closes = version === 'HTTP/1.0' ? connection !== 'keep-alive' : connection === 'close';
  return { method, path, closes, body: Number(fields.get('content-length') ?? 0) };
}
