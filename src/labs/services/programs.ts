/** The programs behind S's ports: what each does with a connection. */

import { encode } from '../text.ts';
import type { End, EndHandler } from './end.ts';
import { http } from './http.ts';
import type { ProgramWorld, ServiceProgram } from './services.ts';

export const DEFAULT_BACKLOG = 128;

const LINE_LENGTH = 72;
const FIRST_PRINTABLE = 0x20;
const PRINTABLES = 95;
/** RFC 864: lines of 72 characters, each beginning one further. */
const CHARGEN = encode(
  Array.from({ length: PRINTABLES }, (_, line) =>
    String.fromCharCode(
      ...Array.from({ length: LINE_LENGTH }, (_, column) => FIRST_PRINTABLE + ((line + column) % PRINTABLES)),
      0x0d,
      0x0a,
    ),
  ).join(''),
);
const SOURCE = Uint8Array.from({ length: 64_256 }, (_, index) => index % 251);
/** Bytes that a flood keeps waiting for room in the socket. */
const AHEAD = 131_072;

/** The day on which every simulated daytime is asked. */
const DAYTIME = 'Sat, 21 Nov 2026 12:00:00 GMT\r\n';
const GREETING = `I say "ping" every 2 s; any line from you is an answer. After 3 without one I close.
Try: while sleep 1; do echo pong; done | nc 10.9.0.2 2007   and stop that nc with kill -STOP.
`;

/** What comes faster than it goes is left in the socket. */
const echo = ({ options, after }: ProgramWorld): EndHandler => ({
  data(end, bytes) {
    end.write(bytes);
    if (end.queued > 0) end.pause();
  },
  writable: (end) => end.resume(),
  ended(end) {
    const { think = 0 } = options;
    if (think === 0) end.close();
    else after(think, () => end.close());
  },
});

const closing = (): EndHandler => ({ ended: (end) => end.close() });

function answerLate(world: ProgramWorld): EndHandler {
  let received = 0;
  return {
    data(_end, bytes) {
      received += bytes.length;
    },
    ended(end) {
      world.after(world.options.think ?? 1000, () => {
        end.write(encode(`I have your FIN and ${received} bytes before it.\n`));
        end.write(encode('You can send no more; I still can.\n'));
        end.write(encode('Now I close too.\n'));
        end.close();
      });
    },
  };
}

const leaky = ({ options }: ProgramWorld): EndHandler => ({
  ended(end) {
    if (options.fixed === true) end.close();
  },
});

const SIPS = 250;

/** Reads `rate` bytes a second, four times a second. */
function readSlowly(end: End, { after, options }: ProgramWorld): void {
  const { rate = 8192 } = options;
  if (rate === 0) return;
  const step = (): void => {
    if (end.closed) return;
    end.read(Math.max(1, Math.floor((rate * SIPS) / 1000)));
    after(SIPS, step);
  };
  after(SIPS, step);
}

function keepAlive(end: End, { posix, options }: ProgramWorld): void {
  const { idle = 2000, interval = 1000, count = 3 } = options.keepAlive ?? {};
  posix.setsockopt(end.fd, 'SOL_SOCKET', 'SO_KEEPALIVE', 1);
  posix.setsockopt(end.fd, 'IPPROTO_TCP', 'TCP_KEEPIDLE', Math.max(1, idle / 1000));
  posix.setsockopt(end.fd, 'IPPROTO_TCP', 'TCP_KEEPINTVL', Math.max(1, interval / 1000));
  posix.setsockopt(end.fd, 'IPPROTO_TCP', 'TCP_KEEPCNT', count);
}

const LIMIT = 3;

function heartbeat({ options, after }: ProgramWorld, end: End): () => void {
  let unanswered = 0;
  const { interval = 2000 } = options;
  const beat = (): void => {
    if (end.closed || end.ended || end.error !== '') return;
    if (unanswered === LIMIT) {
      end.write(encode(`no answer to ${LIMIT} pings: closing\n`));
      end.shutdown();
      return;
    }
    unanswered++;
    end.write(encode('ping\n'));
    after(interval, beat);
  };
  after(interval, beat);
  return () => {
    unanswered = 0;
  };
}

const heart = (): EndHandler & { answered(): void } => {
  const handler = {
    answered: (): void => {},
    data: (): void => handler.answered(),
    ended: (end: End): void => end.close(),
  };
  return handler;
};

const flood = (chunk: Uint8Array): EndHandler => ({
  writable(end) {
    while (end.queued < AHEAD && !end.closed && end.error === '') end.write(chunk);
  },
});

/** All of them. What is opened is seen before the first byte is read. */
export const PROGRAMS: readonly ServiceProgram[] = [
  { name: 'echo', port: 7, serve: echo },
  { name: 'discard', port: 9, serve: closing },
  {
    name: 'daytime',
    port: 13,
    serve: closing,
    opened(end) {
      end.write(encode(DAYTIME));
      end.shutdown();
    },
  },
  { name: 'chargen', port: 19, serve: () => flood(CHARGEN) },
  { name: 'http', port: 80, serve: http },
  { name: 'late', port: 2001, serve: answerLate },
  { name: 'leaky', port: 2002, serve: leaky },
  // Closed before anything is read: that makes it a reset.
  { name: 'rude', port: 2003, serve: () => ({ waiting: (end) => end.release() }), paused: true },
  { name: 'slow', port: 2004, serve: closing, paused: true, opened: readSlowly },
  { name: 'ka', port: 2005, serve: echo, opened: keepAlive },
  { name: 'abort', port: 2006, serve: () => ({}), opened: (end) => end.abort() },
  {
    name: 'heartbeat',
    port: 2007,
    serve: heart,
    opened(end, world, handler) {
      keepAlive(end, world);
      end.write(encode(GREETING));
      (handler as ReturnType<typeof heart>).answered = heartbeat(world, end);
    },
  },
  { name: 'stuck', port: 2008, serve: null, backlog: 1 },
  { name: 'sink', port: 5001, serve: closing },
  { name: 'source', port: 5002, serve: () => flood(SOURCE) },
];
