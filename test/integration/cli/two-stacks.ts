/** A process for tests: two stacks joined in memory, each run as `fourwave up` runs one. No privileges. */

import { setDefaultResultOrder } from 'node:dns';
import { type UpFlags, upOptions } from '../../../src/cli/up/options.ts';
import { runUp } from '../../../src/cli/up/run.ts';
import { memoryLink } from '../../../src/index.ts';

setDefaultResultOrder('ipv4first');
const [first = '', second = '', ...set] = process.argv.slice(2);

const flags: UpFlags = {
  tun: 'mem0',
  address: ['10.9.0.2'],
  peer: '10.9.0.1/24',
  mtu: '1500',
  device: 'tun',
  offload: 'off',
  queues: '1',
  steering: 'auto',
  profile: 'default',
  set,
  services: 'all',
  fault: [],
  recordMax: '256M',
  inspect: 'off',
  control: first,
  json: true,
  quiet: true,
};
const [near, far] = memoryLink();
const [code] = await Promise.all([
  runUp(upOptions(flags), near),
  runUp(
    upOptions({
      ...flags,
      address: ['10.9.0.1'],
      peer: '10.9.0.2/24',
      services: 'none',
      control: second,
      json: false,
    }),
    far,
  ),
]);
process.exit(code);
