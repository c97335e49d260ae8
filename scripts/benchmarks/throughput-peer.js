// Runs inside a namespace for throughput.js. `client HOST MODE SECONDS` measures and prints one JSON line;
// `server` is the same services as Fourwave's on the kernel's TCP: echo 7, sink 5001, source 5002.

import net from 'node:net';

const CHUNK = Buffer.alloc(1 << 20);
const ROUNDS = 2000;
const WARM_UP_MS = 300;

const seconds = () => Number(process.hrtime.bigint()) / 1e9;

function serve() {
  net.createServer((socket) => socket.setNoDelay(true).pipe(socket)).listen(7);
  net.createServer((socket) => socket.on('error', () => {}).resume()).listen(5001);
  net
    .createServer((socket) => {
      const fill = () => {
        while (socket.writable && socket.write(CHUNK));
      };
      socket.on('drain', fill).on('error', () => {});
      fill();
    })
    .listen(5002, () => console.log('ready'));
}

/** Bytes a second, after a warm-up, and in all, counted where the kernel's socket has taken or given them. */
function bulk(host, port, duration) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host);
    const sending = port === 5001;
    let begun = 0;
    let counted = 0;
    const bytes = () => (sending ? socket.bytesWritten - socket.writableLength : socket.bytesRead);
    const fill = () => {
      while (socket.writable && socket.write(CHUNK));
    };
    socket.on('error', reject).on('drain', fill).resume();
    if (sending) fill();
    setTimeout(() => {
      begun = seconds();
      counted = bytes();
    }, WARM_UP_MS);
    setTimeout(
      () => {
        const total = bytes();
        resolve({ value: (total - counted) / (seconds() - begun), total });
        socket.destroy();
      },
      WARM_UP_MS + duration * 1000,
    );
  });
}

/** Round trips of one byte, µs. */
async function roundTrips(host) {
  const socket = net.connect(7, host).setNoDelay(true);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    const begun = process.hrtime.bigint();
    socket.write('x');
    await new Promise((resolve) => socket.once('data', resolve));
    times.push(Number(process.hrtime.bigint() - begun) / 1e3);
  }
  socket.destroy();
  times.sort((a, b) => a - b);
  return { value: times[ROUNDS / 2], p99: times[Math.floor(ROUNDS * 0.99)] };
}

/** Connect, one byte there and back, close: connections a second, fifty at a time. */
async function connections(host, duration) {
  const end = seconds() + duration;
  let done = 0;
  const one = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect(7, host, () => socket.end('x'));
      socket.on('error', reject).on('close', resolve).resume();
    });
  const lane = async () => {
    while (seconds() < end) {
      await one();
      done++;
    }
  };
  const begun = seconds();
  await Promise.all(Array.from({ length: 50 }, lane));
  return { value: done / (seconds() - begun), total: done };
}

const [role, host, mode, duration] = process.argv.slice(2);
if (role === 'server') serve();
else {
  const measure = {
    sink: () => bulk(host, 5001, Number(duration)),
    source: () => bulk(host, 5002, Number(duration)),
    rtt: () => roundTrips(host),
    conn: () => connections(host, Number(duration)),
  }[mode];
  console.log(JSON.stringify(await measure()));
  process.exit(0);
}
