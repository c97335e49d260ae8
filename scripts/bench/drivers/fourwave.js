// Fourwave as `npm run bench` measures it: node fourwave.js raw|net NETNS MTU OFFLOAD [recorder] [busy-poll] [gro] [option=value …]

import { createStack, tun } from '../../../dist/index.js';
import { serveRaw } from './raw.js';
import { obey } from './service.js';
import { serveStreams } from './streams.js';

const [api, netns, mtu, offload, ...more] = process.argv.slice(2);
const options = Object.fromEntries(more.filter((word) => word.includes('=')).map((word) => word.split('=')));

/** The flight recorder as `fourwave up` runs it; the library's stack has none. */
async function flightRecorder() {
  const [{ TraceRecorder }, { systemClock }] = await Promise.all([
    import('../../../dist/trace/recorder.js'),
    import('../../../dist/stack/driver.js'),
  ]);
  return new TraceRecorder({ clock: systemClock });
}

/** The default, 65,536, is less than the workload with the most connections. */
const MOST_CONNECTIONS = 200_000;

const busyPoll = more.includes('busy-poll');
const device = tun({ netns, mtu: Number(mtu), offload, gro: more.includes('gro') });
if (busyPoll) device.polled = true;
const trace = more.includes('recorder') ? await flightRecorder() : null;
const stack = await createStack({
  busyPoll,
  device,
  address: '10.9.0.2/24',
  config: { 'connections.max': MOST_CONNECTIONS, ...options },
  trace,
});
// As `fourwave up` does: an event has the time of its turn.
trace?.keepTimeWith(stack.clock);
stack.onFailure = (error) => {
  console.error(error);
  process.exit(1);
};
if (api === 'raw') serveRaw(stack.tcp);
else await serveStreams(stack.net);
obey(() => {
  const { timeWait, connections } = stack.tcp.stats;
  const { packetsReceived, packetsSent, segmentsReceived, segmentsSent, turns } = stack.counters;
  return { timeWait, connections, packetsReceived, packetsSent, segmentsReceived, segmentsSent, turns };
});
