/** `node --import tsx test/property/run-seed.ts SEED`: one seed of the stream property, told in full. */

import { readSegment } from '../../src/sim/packet-reader.ts';
import { runSeed } from './support/run.ts';
import { drawScenario } from './support/scenario.ts';

const seed = Number(process.argv[2]);
const quiet = process.argv.includes('--quiet');
if (!Number.isInteger(seed)) {
  console.error('usage: run-seed.ts SEED [--quiet]');
  process.exit(2);
}
console.log(JSON.stringify(drawScenario(seed), null, 1));
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const origin = new Map<string, number>();
try {
  runSeed(seed, {
    prepared({ world, a, b }) {
      if (quiet) return;
      const start = world.clock.now;
      for (const host of [a, b]) {
        const before = host.device.onSent;
        host.device.onSent = (packet) => {
          before?.(packet);
          const time = ((world.clock.now - start) / 1e6).toFixed(6);
          const segment = readSegment(packet.bytes, packet.needsChecksum);
          if (segment === null) {
            console.log(`${time} ${host.name} ${packet.bytes.length} bytes of protocol ${packet.bytes[9]}`);
            return;
          }
          const own = `${host.name}${segment.sourcePort}-${segment.destinationPort}`;
          const far = `${host.name === 'A' ? 'B' : 'A'}${segment.destinationPort}-${segment.sourcePort}`;
          if ((segment.flags & 2) !== 0) origin.set(own, segment.seq);
          const seq = (segment.seq - (origin.get(own) ?? 0)) | 0;
          const ack = (segment.ack - (origin.get(far) ?? 0)) | 0;
          const flags = FLAGS.filter((_, bit) => (segment.flags & (1 << bit)) !== 0).join();
          console.log(
            `${time} ${own} ${flags} ${seq}:${seq + segment.dataLength} ack ${ack} win ${segment.window}` +
              (packet.gsoSize > 0 ? ` gso ${packet.gsoSize}` : ''),
          );
        };
      }
    },
  });
  console.log('ok');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
