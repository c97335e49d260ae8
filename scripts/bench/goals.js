// What is promised of the figures of one run, as ratios between its own lines.

const ratio = (title, [above, below], goal) => ({ title, above, below, ...goal });
const cpu = (key, workload) => ({ key, workload, of: 'perCpu' });
const rate = (key, workload) => ({ key, workload, of: 'rate' });

const OURS = 'fourwave-raw-offload';
const PLAIN = 'fourwave-raw-plain-gro';
const STREAMS = 'fourwave-net-offload';

const bulk = (ours, peer, title, [sink, source], figure = cpu) => [
  ratio(`sink ${title}`, [figure(ours, 'sink'), figure(peer, 'sink')], { atLeast: sink }),
  ratio(`source ${title}`, [figure(ours, 'source'), figure(peer, 'source')], { atLeast: source }),
];

export const GOALS = [
  ...bulk(OURS, 'blaster-offload', 'with offload ÷ C blaster with TSO, per CPU-s', [0.55, 0.5]),
  ...bulk(OURS, 'kernel-veth', 'with offload ÷ kernel to kernel over veth, wall', [1.0, 1.5], rate),
  ...bulk(OURS, 'gvisor-gso', 'with offload ÷ gVisor with host GSO, per CPU-s', [1.8, 2.3]),
  ...bulk(PLAIN, 'lwip', 'plain (gro) ÷ lwIP, per CPU-s', [1.2, 1.1]),
  ...bulk(PLAIN, 'gvisor-plain', 'plain (gro) ÷ gVisor as it comes, per CPU-s', [3, 5]),
  ratio(
    'RTT p50, one core ÷ kernel',
    [
      { key: OURS, workload: 'rtt', of: 'p50' },
      { key: 'kernel-veth', workload: 'rtt', of: 'p50' },
    ],
    { atMost: 1.1 },
  ),
  ratio(
    'RTT p99, one core ÷ kernel',
    [
      { key: OURS, workload: 'rtt', of: 'p99' },
      { key: 'kernel-veth', workload: 'rtt', of: 'p99' },
    ],
    { atMost: 1.3 },
  ),
  ratio('connect–request–close, raw ÷ gVisor, per CPU-s', [cpu(OURS, 'churn'), cpu('gvisor-gso', 'churn')], {
    atLeast: 4,
  }),
  ratio(
    'connect–request–close, Duplex ÷ Node net over veth, per CPU-s',
    [cpu(STREAMS, 'churn'), cpu('node-veth', 'churn')],
    { atLeast: 1 },
  ),
  ratio(
    'keep-alive requests, raw ÷ gVisor, per CPU-s',
    [cpu(OURS, 'requests'), cpu('gvisor-gso', 'requests')],
    {
      atLeast: 4,
    },
  ),
  ratio(
    'http.Server on stack.net ÷ on the kernel over veth, per CPU-s',
    [cpu(STREAMS, 'requests'), cpu('node-veth', 'requests')],
    { atLeast: 1 },
  ),
  {
    title: 'idle connection, raw, bytes (the most connections)',
    above: { key: OURS, workload: 'spread', of: 'bytes' },
    atMost: 1229,
  },
  {
    title: 'idle connection, Duplex, bytes (the most connections)',
    above: { key: STREAMS, workload: 'spread', of: 'bytes' },
    atMost: 4096,
  },
  {
    title: 'processor time of a round trip on one connection, among the most ÷ alone',
    above: { key: OURS, workload: 'spread', of: 'growthOfOne' },
    atMost: 1.3,
  },
  {
    title: 'processor time of a round trip on a random connection, of the most ÷ of one',
    above: { key: OURS, workload: 'spread', of: 'growth' },
    atMost: 1.3,
  },
];

/** Every goal with what this run says of it; `value` is null where the run has nothing to say. */
export function judgeGoals(results, meets) {
  const figure = (at) => results[at.key]?.[at.workload]?.[at.of];
  return GOALS.map(({ title, above, below, atLeast, atMost }) => {
    const value = below === undefined ? figure(above) : figure(above) / figure(below);
    const known = Number.isFinite(value);
    return {
      title,
      atLeast,
      atMost,
      value: known ? value : null,
      met: known ? meets(value, { atLeast, atMost }) : null,
    };
  });
}
