// Who is measured: how each is started, and what it can do.

import { program } from './build.js';
import { endServer, ip, newNamespace, pinned, processors, startServer, useCubic } from './machine.js';

const ADDRESS = '10.9.0.2';
/** Kernel-side addresses from which the workloads with many connections come. */
const SOURCES = { first: '10.9.0.100', count: 64 };

const NODE = [process.execPath, '--expose-gc'];
const driver = (name) => `scripts/bench/drivers/${name}`;

const ALL = ['sink', 'source', 'both', 'rtt', 'rtt-across', 'churn', 'requests'];

function addSources(netns, device) {
  for (let i = 0; i < SOURCES.count; i++)
    ip('-n', netns, 'addr', 'add', `10.9.0.${100 + i}/24`, 'dev', device);
}

/** A stack behind a TUN of its own namespace, which it makes itself. */
async function onTun(command) {
  const netns = newNamespace();
  const child = await startServer(pinned(processors().server, null, command(netns)));
  addSources(netns, 'fw0');
  useCubic(netns);
  return { child, netns, host: ADDRESS, source: SOURCES.first };
}

async function overVeth(command, mtu) {
  const [near, far] = [newNamespace(), newNamespace()];
  ip('link', 'add', 'fw0', 'netns', near, 'type', 'veth', 'peer', 'name', 'fw1', 'netns', far);
  ip('-n', near, 'addr', 'add', '10.9.0.1/24', 'dev', 'fw0');
  ip('-n', far, 'addr', 'add', `${ADDRESS}/24`, 'dev', 'fw1');
  for (const [netns, device] of [
    [near, 'fw0'],
    [far, 'fw1'],
  ])
    ip('-n', netns, 'link', 'set', device, 'mtu', String(mtu), 'up');
  addSources(near, 'fw0');
  useCubic(near);
  useCubic(far);
  const child = await startServer(pinned(processors().server, far, command));
  return { child, netns: near, host: ADDRESS, source: SOURCES.first };
}

async function overLoopback(command) {
  const netns = newNamespace();
  useCubic(netns);
  const child = await startServer(pinned(processors().server, netns, command));
  return { child, netns, host: '127.0.0.1', source: '127.0.0.100' };
}

export function fourwave(api, offload, mtu = 1500, more = []) {
  const titles = { raw: 'raw API', net: 'Duplex (stack.net)' };
  const name = `Fourwave ${titles[api]}, ${offload === 'off' ? 'plain' : 'offload'}`;
  return {
    key: [`fourwave-${api}-${offload === 'off' ? 'plain' : 'offload'}`, ...more].join('-'),
    name: [name, ...more].join(', '),
    mtu,
    workloads: ALL,
    ours: true,
    start: () =>
      onTun((netns) => [...NODE, driver('fourwave.js'), api, netns, String(mtu), offload, ...more]),
  };
}

function built(name, args, subject) {
  return {
    mtu: 1500,
    workloads: ALL,
    ...subject,
    needs: name,
    start: () => onTun((netns) => [program(name).path, netns, String(subject.mtu ?? 1500), ...args]),
  };
}

const blaster = (offload, mtu = 1500) =>
  built('blaster', [offload], {
    key: `blaster-${offload === 'tso' ? 'offload' : 'plain'}`,
    name: `C blaster (no TCP), ${offload === 'tso' ? 'TSO' : 'plain'}`,
    mtu,
  });

const veth = (mtu = 1500) => ({
  key: 'kernel-veth',
  name: 'kernel to kernel, veth',
  mtu,
  workloads: ALL,
  needs: 'kernel-server',
  start: () => overVeth([program('kernel-server').path], mtu),
});

/** In the order of the table. Those with another MTU than 1500 do the bulk workloads only. */
export const SUBJECTS = [
  fourwave('raw', 'auto'),
  fourwave('raw', 'off'),
  { ...fourwave('raw', 'off', 1500, ['gro']), workloads: ['sink', 'source', 'both', 'rtt'] },
  fourwave('net', 'auto'),
  fourwave('net', 'off'),
  { ...fourwave('raw', 'auto', 1500, ['recorder']), workloads: ['sink', 'source', 'churn', 'requests'] },
  // It leaves no processor to others, and is started when they are gone.
  {
    ...fourwave('raw', 'auto', 1500, ['busy-poll']),
    workloads: ['sink', 'source', 'rtt-across'],
    alone: true,
  },
  blaster('tso'),
  blaster('off'),
  veth(),
  {
    key: 'kernel-loopback',
    name: 'kernel to kernel, loopback',
    mtu: 1500,
    workloads: ALL,
    needs: 'kernel-server',
    start: () => overLoopback([program('kernel-server').path]),
  },
  {
    key: 'node-veth',
    name: 'Node net and http on the kernel, veth',
    mtu: 1500,
    workloads: ALL,
    start: () => overVeth([...NODE, driver('kernel.js')], 1500),
  },
  {
    key: 'node-loopback',
    name: 'Node net and http on the kernel, loopback',
    mtu: 1500,
    workloads: ['churn', 'requests', 'rtt'],
    start: () => overLoopback([...NODE, driver('kernel.js')]),
  },
  built('lwip-server', [], { key: 'lwip', name: "lwIP (Debian's liblwip), plain" }),
  {
    ...built('lwip-server', ['gro'], { key: 'lwip-gro', name: 'lwIP, plain, gro' }),
    workloads: ['sink', 'source'],
  },
  built('gvisor-server', ['plain'], { key: 'gvisor-plain', name: 'gVisor as it comes' }),
  built('gvisor-server', ['gso'], { key: 'gvisor-gso', name: 'gVisor with host GSO' }),
  ...[
    fourwave('raw', 'auto', 9000),
    fourwave('raw', 'off', 9000),
    blaster('tso', 9000),
    blaster('off', 9000),
    veth(9000),
  ].map((subject) => ({
    ...subject,
    key: `${subject.key}-9000`,
    name: `${subject.name}, MTU 9000`,
    workloads: ['sink', 'source', 'both'],
  })),
];

export const ANCHOR = 'kernel-veth';

export const subject = (key) => SUBJECTS.find((one) => one.key === key);

/** Null, or the line that brings what is missing. */
export function missing({ needs }) {
  return needs === undefined ? null : program(needs).why;
}

/** More addresses on the kernel's side for a subject that runs behind a TUN; at most 64 in all. */
export function widen(server, count) {
  for (let i = server.sources; i < count; i++)
    ip('-n', server.netns, 'addr', 'add', `10.9.0.${100 + i}/24`, 'dev', 'fw0');
  server.sources = count;
}

/** A running subject: where it is reached and whose processor time counts. */
export async function start(one) {
  const { child, ...place } = await one.start();
  return { ...place, child, pid: child.pid, sources: SOURCES.count, stop: () => endServer(child) };
}
