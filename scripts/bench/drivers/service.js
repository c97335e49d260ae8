// What all servers of `npm run bench` have in common: ports, what they answer, and how they are asked.

import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

export const PORT = {
  echo: 7,
  sink: 5001,
  source: 5002,
  churn: 5004,
  checkedSink: 5011,
  http: 8080,
};

/** Position n of every stream holds n % PERIOD. */
export const PERIOD = 251;

/** Whole periods: what follows a chunk is the same chunk again. */
export const CHUNK = Buffer.from(Uint8Array.from({ length: PERIOD * 1024 }, (_, index) => index % PERIOD));

export const CHURN_ANSWER = CHUNK.subarray(0, 64);
export const HELLO = 'hello, world\n';
export const HTTP_ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Length: ${HELLO.length}\r\n\r\n${HELLO}`,
  'latin1',
);

/** Counts bytes that are what and where they should be. */
export class Checker {
  right = 0;

  take(bytes, start = 0, end = bytes.length) {
    for (let i = start; i < end; i++) if (bytes[i] === this.right % PERIOD) this.right++;
  }
}

/** V8's profiler; null while it is off. */
let session = null;

function profile(interval) {
  session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval });
  session.post('Profiler.start');
}

function profiled(path) {
  session.post('Profiler.stop', (_error, result) => writeFileSync(path, JSON.stringify(result.profile)));
  session.disconnect();
}

function collect() {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
}

const WORDS = { collect, profile: (interval) => profile(Number(interval)), profiled, report() {} };

/**
 * Every line on standard input is answered with what `describe` gives, and the process's processor time.
 * `collect` throws garbage away first, so that memory can be looked at. The end of standard input ends the server.
 */
export function obey(describe = () => ({})) {
  process.stdin.setEncoding('utf8').on('data', (line) => {
    const [word, argument] = line.trim().split(' ');
    WORDS[word](argument);
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ ...describe(), cpu: user + system }));
  });
  process.stdin.on('end', () => process.exit(0));
  console.log('ready');
}
