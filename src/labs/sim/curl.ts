/** curl, as far as labs need it: one connection, several URLs, uploads, --local-port, -m. */

import { PosixError } from '../../posix/index.ts';
import { dial, End } from '../services/end.ts';
import { encode } from '../text.ts';
import { type Machine, messageOf, SimProgram } from './program.ts';

interface Transfer {
  readonly port: number;
  readonly path: string;
}

interface Wishes {
  readonly transfers: readonly Transfer[];
  readonly method: string;
  readonly body: Uint8Array;
  readonly headers: readonly string[];
  readonly localPort: number | null;
  /** Seconds. */
  readonly most: number | null;
  readonly http10: boolean;
  readonly quiet: boolean;
}

const HEAD_END = '\r\n\r\n';
const OPERATION_TIMED_OUT = 28;
const COULD_NOT_CONNECT = 7;
const RECEIVE_FAILED = 56;
const CUT_SHORT = 18;

const WITH_VALUE = new Set(['-o', '-H', '-X', '-T', '-d', '--data', '-m', '--max-time', '--local-port']);

/** @throws RangeError for what no lab has needed yet */
function wishesOf(args: readonly string[]): Wishes {
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  const urls: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (WITH_VALUE.has(arg)) values.set(arg, [...(values.get(arg) ?? []), args[++i] ?? '']);
    else if (arg.startsWith('-')) flags.add(arg);
    else urls.push(arg);
  }
  const one = (...names: string[]): string | null =>
    names.flatMap((name) => values.get(name) ?? []).at(-1) ?? null;
  const number = (...names: string[]): number | null => {
    const text = one(...names);
    return text === null ? null : Number.parseInt(text, 10);
  };
  return {
    transfers: urls.map(transferOf),
    method: one('-X') ?? methodOf(values),
    body: encode(one('-T', '-d', '--data') ?? ''),
    headers: values.get('-H') ?? [],
    localPort: number('--local-port'),
    most: number('-m', '--max-time'),
    http10: flags.has('-0') || flags.has('--http1.0'),
    quiet: values.has('-o'),
  };
}

function methodOf(values: ReadonlyMap<string, readonly string[]>): string {
  if (values.has('-T')) return 'PUT';
  return values.has('-d') || values.has('--data') ? 'POST' : 'GET';
}

function transferOf(url: string): Transfer {
  const match = /^(?:http:\/\/)?[\d.]+(?::(\d+))?(\/.*)?$/.exec(url);
  if (match === null) throw new RangeError(`the simulated curl does not understand ${JSON.stringify(url)}`);
  return { port: Number(match[1] ?? 80), path: match[2] ?? '/' };
}

export class Curl extends SimProgram {
  private readonly wishes: Wishes;
  private readonly left: Transfer[];
  private socket: End | null = null;
  private head = '';
  private inBody = false;
  /** Bytes of the body to come; null: until the end. */
  private body: number | null = null;
  private chunks: ChunkReader | null = null;
  private closes = false;

  constructor(name: string, args: readonly string[], machine: Machine) {
    super(name, `curl ${args.join(' ')}`, machine);
    this.wishes = wishesOf(args);
    this.left = [...this.wishes.transfers];
    const { most } = this.wishes;
    if (most !== null) machine.after(most * 1000, () => this.end(OPERATION_TIMED_OUT));
    this.next();
  }

  protected takeInput(): void {}
  protected takeEnd(): void {}

  protected release(): void {
    this.socket?.release();
  }

  protected freeze(on: boolean): void {
    if (on) this.socket?.pause();
    else this.socket?.resume();
  }

  private next(): void {
    const transfer = this.left.shift();
    if (transfer === undefined) {
      this.end(0);
      return;
    }
    this.head = '';
    this.inBody = false;
    this.chunks = null;
    if (this.socket === null || this.socket.closed || this.closes) this.open(transfer.port);
    this.socket?.write(encode(this.request(transfer)));
    this.socket?.write(this.wishes.body);
  }

  private open(port: number): void {
    const { posix, peer, address } = this.machine;
    this.socket?.release();
    this.closes = false;
    const { localPort } = this.wishes;
    try {
      const from = localPort === null ? {} : { from: { address, port: localPort } };
      const fd = dial(posix, { to: { address: peer, port }, ...from });
      const end: End = new End(
        posix,
        fd,
        {
          data: (_end, bytes) => this.take(bytes),
          ended: () => this.ended(),
          failed: (_end, code) => this.failed(code),
        },
        { connected: false, wake: this.machine.wake },
      );
      this.socket = end;
      end.start();
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      this.say(`curl: (${COULD_NOT_CONNECT}) ${messageOf(error)}`);
      this.end(COULD_NOT_CONNECT);
    }
  }

  private request({ path }: Transfer): string {
    const { method, body, headers, http10 } = this.wishes;
    const lines = [
      `${method} ${path} HTTP/${http10 ? '1.0' : '1.1'}`,
      `Host: ${this.machine.peer}`,
      'User-Agent: curl/8.14.1',
      'Accept: */*',
      ...(body.length > 0 ? [`Content-Length: ${body.length}`] : []),
      ...headers,
    ];
    return lines.join('\r\n') + HEAD_END;
  }

  private take(bytes: Uint8Array): void {
    if (this.inBody) {
      this.takeBody(bytes);
      return;
    }
    const before = this.head.length;
    this.head += String.fromCharCode(...bytes.subarray(0, 8192));
    const end = this.head.indexOf(HEAD_END);
    if (end < 0) return;
    this.readHead(this.head.slice(0, end));
    this.inBody = true;
    this.takeBody(bytes.subarray(end + HEAD_END.length - before));
  }

  private readHead(head: string): void {
    const field = (name: string): string | null =>
      new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1]?.trim() ?? null;
    const length = field('Content-Length');
    this.body = length === null ? null : Number(length);
    if (field('Transfer-Encoding') === 'chunked') this.chunks = new ChunkReader();
    this.closes = field('Connection') === 'close' || this.wishes.http10;
  }

  private takeBody(bytes: Uint8Array): void {
    if (this.chunks !== null) {
      for (const part of this.chunks.take(bytes)) this.show(part);
      if (this.chunks.over) this.next();
      return;
    }
    this.show(bytes);
    if (this.body === null) return;
    this.body -= bytes.length;
    if (this.body <= 0) this.next();
  }

  private show(bytes: Uint8Array): void {
    if (this.wishes.quiet) this.bytes += bytes.length;
    else this.print(bytes);
  }

  private ended(): void {
    if (this.exit !== null) return;
    if (this.inBody && this.body === null && this.chunks === null) this.next();
    else this.end(this.inBody ? CUT_SHORT : 52);
  }

  private failed(code: string): void {
    const opening = this.socket?.connected === false;
    const exit = opening ? (code === 'ETIMEDOUT' ? OPERATION_TIMED_OUT : COULD_NOT_CONNECT) : RECEIVE_FAILED;
    this.say(`curl: (${exit}) ${messageOf(code)}`);
    this.end(exit);
  }
}

/** Chunked transfer coding, byte by byte. */
class ChunkReader {
  over = false;
  private line = '';
  private left = 0;
  private inChunk = false;

  take(bytes: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length && !this.over; ) {
      if (this.inChunk) {
        const part = bytes.subarray(at, at + this.left);
        parts.push(part);
        at += part.length;
        this.left -= part.length;
        this.inChunk = this.left > 0;
      } else at = this.readSize(bytes, at);
    }
    return parts;
  }

  private readSize(bytes: Uint8Array, at: number): number {
    const byte = bytes[at] as number;
    this.line += String.fromCharCode(byte);
    if (byte !== 0x0a) return at + 1;
    const size = this.line.trim();
    this.line = '';
    if (size === '') return at + 1;
    this.left = Number.parseInt(size, 16);
    this.inChunk = this.left > 0;
    this.over = this.left === 0;
    return at + 1;
  }
}
