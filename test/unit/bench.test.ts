/** What `npm run bench` makes of its figures: medians, the order of the passes, void runs, goals, tables. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

interface Goal {
  readonly title: string;
  readonly value: number | null;
  readonly met: boolean | null;
}
type Results = Record<string, Record<string, Record<string, unknown>>>;

const rules = (await import(new URL('../../scripts/bench/rules.js', import.meta.url).href)) as {
  median(numbers: readonly number[]): number;
  judgeAnchor(rates: readonly number[]): { variation: number | null; void: boolean };
  interleave<Job>(jobs: readonly Job[], passes: number): { pass: number; job: Job }[];
  summarize(runs: readonly object[]): Record<string, number>;
  isKept(run: { void: boolean }, only: string): boolean;
  meets(ratio: number, goal: { atLeast?: number; atMost?: number }): boolean | null;
};
const { judgeGoals } = (await import(new URL('../../scripts/bench/goals.js', import.meta.url).href)) as {
  judgeGoals(results: Results, meets: unknown): Goal[];
};
interface Report {
  readonly [field: string]: unknown;
}
const { text, markdown } = (await import(new URL('../../scripts/bench/report.js', import.meta.url).href)) as {
  text(run: Report): string;
  markdown(run: Report): string;
};
const { byPart, callTree, flameGraph, ownTimes } = (await import(
  new URL('../../scripts/bench/flame-graph.js', import.meta.url).href
)) as {
  byPart(times: [string, number][]): [string, number][];
  callTree(profile: object): object;
  flameGraph(tree: object, title: string): string;
  ownTimes(tree: object): [string, number][];
};

test('the median is the middle of an odd number of figures, between the two of an even one, and changes nothing', () => {
  const figures = [5, 1, 9];
  assert.equal(rules.median(figures), 5);
  assert.deepEqual(figures, [5, 1, 9]);
  assert.equal(rules.median([4, 1, 2, 100]), 3);
  assert.ok(Number.isNaN(rules.median([])));
});

test('a run is void when its anchor varies by more than 1.5, or was measured too seldom', () => {
  assert.deepEqual(rules.judgeAnchor([10, 12, 15, 10, 10, 10]), { variation: 1.5, void: false });
  assert.equal(rules.judgeAnchor([10, 12, 15.1, 10, 10, 10]).void, true);
  assert.equal(rules.judgeAnchor([10, 10, 10, 10, 10, 0]).void, true);
  assert.equal(rules.judgeAnchor([10, 10, 10, 10, 10]).void, true);
  assert.deepEqual(rules.judgeAnchor([]), { variation: null, void: true });
});

test('docs/benchmarks.md is written by a whole run that is not void, and by no other', () => {
  assert.equal(rules.isKept({ void: false }, ''), true);
  assert.equal(rules.isKept({ void: true }, ''), false);
  assert.equal(rules.isKept({ void: false }, 'sink'), false);
});

test('every pass has every job once, and no job is first in all of them', () => {
  const order = rules.interleave(['a', 'b', 'c'], 3);
  for (const pass of [0, 1, 2]) {
    const jobs = order.filter((one) => one.pass === pass).map(({ job }) => job);
    assert.deepEqual([...jobs].sort(), ['a', 'b', 'c']);
  }
  assert.ok(new Set(order.filter((_, index) => index % 3 === 0).map(({ job }) => job)).size > 1);
});

test('runs are summed up by the median of each figure, per second and per second of the processor', () => {
  const runs = [1, 2, 6].map((factor) => ({
    units: 100 * factor,
    seconds: 2,
    cpu: 0.5,
    p50: factor,
    p99: 9,
  }));
  assert.deepEqual(rules.summarize(runs), { runs: 3, rate: 100, perCpu: 400, p50: 2, p99: 9 });
});

test('a goal is judged by the ratio of two lines of the run; what was not measured is neither reached nor missed', () => {
  const results = {
    'fourwave-raw-offload': { sink: { perCpu: 11, rate: 3 } },
    'blaster-offload': { sink: { perCpu: 20 } },
    'kernel-veth': { sink: { rate: 4 } },
  };
  const goals = new Map(judgeGoals(results, rules.meets).map((goal) => [goal.title, goal]));
  const sink = goals.get('sink with offload ÷ C blaster with TSO, per CPU-s');
  assert.deepEqual({ value: sink?.value, met: sink?.met }, { value: 0.55, met: true });
  const wall = goals.get('sink with offload ÷ kernel to kernel over veth, wall');
  assert.deepEqual({ value: wall?.value, met: wall?.met }, { value: 0.75, met: false });
  assert.equal(goals.get('RTT p50, one core ÷ kernel')?.met, null);
});

test('the tables have a line for each subject and goal, say what is missing, and what was not measured', () => {
  const machine = {
    processor: 'CPU',
    processors: 2,
    system: 'Debian',
    kernel: '6',
    load: '0',
    node: 'v20',
    fourwave: 'abc',
  };
  const run = {
    date: '2026-01-01',
    command: 'npm run bench',
    checked: '',
    machine,
    void: true,
    anchor: { variation: 2 },
    subjects: [{ key: 'kernel-veth', name: 'kernel', mtu: 1500 }],
    results: {
      'kernel-veth': {
        sink: { rate: 1e9, perCpu: 2e9 },
        rtt: { p50: 14.7, p99: 20 },
        large: { rate: 1e8, perCpu: 1e8 },
      },
    },
    goals: [{ title: 'fast', atLeast: 2, value: 1.5, met: false }],
    skipped: [{ name: 'lwIP', why: 'apt-get install liblwip-dev' }],
    failures: [],
  };
  for (const shown of [text(run), markdown(run)]) {
    assert.match(shown, /8\.00 . 16\.0/);
    assert.match(shown, /14\.7 \/ 20\.0/);
    assert.match(shown, /fast.*≥ 2.*1\.50.*missed/);
    assert.match(shown, /0\.800.*0\.800/);
    assert.match(shown, /lwIP.*apt-get install liblwip-dev/);
    assert.match(shown, /VOID.*2\.00/);
  }
});

test('time is summed by part: the stack’s folders, Node, copies, writes with the kernel below them', () => {
  const parts = byPart([
    ['emit tcp/output/emit.js:40', 5],
    ['(anonymous) tcp/engine.js:1', 1],
    ['emit node:events:471', 2],
    ['copyBytes base/byte-ring.js:84', 3],
    ['native, in write device/tun-queue.js:72', 7],
    ['(garbage collector)', 4],
  ]);
  assert.deepEqual(Object.fromEntries(parts), {
    'writes: the kernel, and all that it does at once': 7,
    'tcp/': 6,
    '(garbage collector)': 4,
    'copies of payload': 3,
    Node: 2,
  });
});

test('a flame graph is as wide as the work: idle time is left out, calls of one function are one box', () => {
  const frame = (functionName: string, url = 'file:///src/x/y.js') => ({ functionName, url, lineNumber: 4 });
  const tree = callTree({
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 3, 4] },
      { id: 2, callFrame: frame('(idle)', '') },
      { id: 3, callFrame: frame('turn'), children: [5] },
      { id: 4, callFrame: frame('turn'), children: [6] },
      { id: 5, callFrame: frame('write', '') },
      { id: 6, callFrame: frame('a<b') },
    ],
    samples: [2, 3, 4, 5, 6],
    timeDeltas: [1000, 10, 20, 30, 40],
  });
  assert.deepEqual(ownTimes(tree), [
    ['a<b x/y.js:5', 40],
    ['turn x/y.js:5', 30],
    ['native, in turn x/y.js:5', 30],
  ]);
  const picture = flameGraph(tree, 'all');
  assert.match(picture, /turn x\/y\.js:5: 100\.0 %, own 30\.0 %/);
  assert.match(picture, /a&lt;b x\/y\.js:5: 40\.0 %/);
  assert.doesNotMatch(picture, /idle/);
});
