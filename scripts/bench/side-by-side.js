// The bench itself: all subjects up at once, every workload of each in turn, and then what needs a server for itself.

import { writeFileSync } from 'node:fs';
import { program } from './build.js';
import { judgeGoals } from './goals.js';
import { describeMachine, fileLimit, giveBack } from './machine.js';
import { markdown, text } from './report.js';
import { interleave, isKept, judgeAnchor, median, meets, summarize } from './rules.js';
import { ANCHOR, missing, SUBJECTS, start, subject } from './subjects.js';
import { check, large, measure, spread, timeWait, WORKLOADS, warmUp } from './workloads.js';

const REPORT = 'docs/benchmarks.md';
const ANCHOR_WORKLOAD = 'sink';
/** The anchor is measured for longer than the others: it is to show how much the machine varies, not a short window. */
const ANCHOR_LENGTH = 3;

const FULL = {
  passes: 5,
  seconds: 0.9,
  warm: 0.2,
  rounds: 5000,
  counts: [1, 1000, 10_000, 100_000],
  large: 3,
};
const QUICK = { passes: 3, seconds: 0.25, warm: 0.1, rounds: 2000, counts: [1, 10_000], large: 1 };

/** Whose curl, whose memory. `speaks`: throws its garbage away when asked. */
const LARGE = ['fourwave-net-offload', 'fourwave-net-plain', 'node-veth'];
const SPREAD = [
  'fourwave-raw-offload',
  'fourwave-net-offload',
  'blaster-offload',
  'node-veth',
  'lwip',
  'gvisor-plain',
];
/** Those that a goal is about. */
const SPREAD_QUICK = SPREAD.slice(0, 3);
const TIME_WAIT = ['fourwave-raw-offload', 'fourwave-net-offload'];
const speaks = (key) => key.startsWith('fourwave') || key.startsWith('node');
const TIME_WAIT_SECONDS = 3;

const tell = (line) => process.stderr.write(`${line}\n`);

/** A socket of the kernel's needs a descriptor of the server, and it has some others. */
const fits = (key, count) => !key.startsWith('node') || count < fileLimit() - 100;

/** Of one subject: the most connections beside one. */
function growthOf(by) {
  const most = by[Math.max(...Object.keys(by).map(Number))];
  const alone = by[1];
  return { bytes: most.bytes, growth: most.cpu / alone?.cpu, growthOfOne: most.cpuOfOne / alone?.cpuOfOne };
}

class Run {
  failures = [];
  skipped = [];
  results = {};
  anchorRates = [];
  servers = new Map();

  constructor(options) {
    this.only = options.only;
    this.quick = options.quick;
    this.plan = { ...(options.quick ? QUICK : FULL) };
    if (options.passes !== undefined) this.plan.passes = Number(options.passes);
    if (options.seconds !== undefined) this.plan.seconds = Number(options.seconds);
    this.subjects = SUBJECTS.filter((one) => !options.quick || one.mtu === 1500);
  }

  wants(key, workload) {
    return `${key} ${workload}`.includes(this.only);
  }

  workloadsOf(one) {
    return one.workloads.filter((workload) => this.wants(one.key, workload));
  }

  /** What is missing is said once; what cannot start is left out, too. */
  async startAll() {
    const why = program('client').why;
    if (why !== null) throw new Error(`the bench needs a C compiler: ${why}`);
    for (const one of this.subjects) {
      if (one.alone) continue;
      const large_ = LARGE.includes(one.key) && this.wants(one.key, 'large');
      if (one.key !== ANCHOR && this.workloadsOf(one).length === 0 && !large_) continue;
      await this.attempt(`start ${one.name}`, () => this.startOne(one));
    }
  }

  async startOne(one) {
    const why = missing(one);
    if (why === null) this.servers.set(one.key, await start(one));
    else this.skipped.push({ name: one.name, why });
  }

  /** What fails is told in the report; the rest goes on. */
  async attempt(what, act) {
    try {
      return await act();
    } catch (error) {
      const line = `Failed: ${what}: ${error.message.split('\n')[0]}`;
      if (!this.failures.includes(line)) this.failures.push(line);
      tell(line);
      return null;
    }
  }

  async checkAll() {
    for (const [key, server] of this.servers) {
      const one = subject(key);
      if (speaks(key)) await this.attempt(`warm-up, ${one.name}`, () => warmUp(server, one));
      if (one.workloads.includes('source'))
        await this.attempt(`content, ${one.name}`, () => check(server, one));
      if (LARGE.includes(key)) await this.attempt(`content of curl, ${one.name}`, () => large(server, true));
    }
  }

  async measureAll() {
    const { passes, seconds, warm, rounds } = this.plan;
    const jobs = [...this.servers.keys()].flatMap((key) =>
      this.workloadsOf(subject(key)).map((workload) => ({ key, workload })),
    );
    // Neighbours in a pass are the same workload of different subjects: what is compared is close in time.
    const order = Object.keys(WORKLOADS);
    jobs.sort((left, right) => order.indexOf(left.workload) - order.indexOf(right.workload));
    // The anchor twice in each pass, far from each other.
    const anchor = { key: ANCHOR, workload: ANCHOR_WORKLOAD, rates: this.anchorRates };
    jobs.splice(jobs.length >> 1, 0, { ...anchor });
    jobs.push(anchor);
    const runs = new Map(jobs.map((job) => [job, []]));
    for (const { pass, job } of interleave(jobs, passes)) {
      const what = `${job.workload}, ${subject(job.key).name}`;
      const run = await this.attempt(what, () =>
        measure(this.servers.get(job.key), job.workload, {
          seconds: job.rates === undefined ? seconds : ANCHOR_LENGTH * seconds,
          warm,
          rounds,
        }),
      );
      if (run === null) continue;
      if (job.rates === undefined) runs.get(job).push(run);
      else job.rates.push(run.units / run.seconds);
      tell(`pass ${pass + 1}/${passes}  ${what}`);
    }
    for (const [{ key, workload }, done] of runs)
      if (done.length > 0) this.set(key, workload, summarize(done));
  }

  set(key, workload, result) {
    this.results[key] = { ...this.results[key], [workload]: result };
  }

  async largeAll() {
    const keys = LARGE.filter((key) => this.servers.has(key) && this.wants(key, 'large'));
    const runs = new Map(keys.map((key) => [key, []]));
    for (const { job } of interleave(keys, this.plan.large)) {
      tell(`curl of 1 GB, ${subject(job).name}`);
      const run = await this.attempt(`curl, ${subject(job).name}`, () => large(this.servers.get(job)));
      if (run !== null) runs.get(job).push(run);
    }
    for (const [key, done] of runs) if (done.length > 0) this.set(key, 'large', summarize(done));
  }

  async aloneAll() {
    const { passes, seconds, warm, rounds } = this.plan;
    for (const one of this.subjects.filter(({ alone }) => alone)) {
      const wanted = this.workloadsOf(one);
      if (wanted.length === 0) continue;
      const runs = new Map(wanted.map((workload) => [workload, []]));
      await this.attempt(one.name, () =>
        this.alone(one, async (server) => {
          await warmUp(server, { workloads: ['rtt'] });
          for (const { job } of interleave(wanted, passes))
            runs.get(job).push(await measure(server, job, { seconds, warm, rounds }));
        }),
      );
      for (const [workload, done] of runs) if (done.length > 0) this.set(one.key, workload, summarize(done));
    }
  }

  async stopAll() {
    for (const server of this.servers.values()) await server.stop();
    this.servers.clear();
  }

  async spreadAll() {
    for (const key of this.quick ? SPREAD_QUICK : SPREAD) {
      const one = subject(key);
      if (!this.wants(key, 'spread') || missing(one) !== null) continue;
      const by = {};
      for (const count of this.plan.counts) {
        if (!fits(key, count)) {
          this.skipped.push({
            name: `${one.name}, ${count} connections`,
            why: 'more descriptors than are allowed here',
          });
          continue;
        }
        tell(`${count} connections, ${one.name}`);
        const result = await this.attempt(`${count} connections, ${one.name}`, () =>
          this.alone(one, (server) =>
            spread(server, count, { speaks: speaks(key), seconds: this.plan.seconds }),
          ),
        );
        if (result !== null) by[count] = result;
      }
      const counts = Object.keys(by).map(Number);
      const most = by[Math.max(...counts)];
      if (most !== undefined) this.set(key, 'spread', { by, ...growthOf(by) });
    }
  }

  async timeWaitAll() {
    for (const key of TIME_WAIT) {
      if (!this.wants(key, 'time-wait')) continue;
      const one = subject(key);
      tell(`TIME-WAIT, ${one.name}`);
      const result = await this.attempt(`TIME-WAIT, ${one.name}`, () =>
        this.alone(one, (server) => timeWait(server, TIME_WAIT_SECONDS)),
      );
      if (result !== null) this.set(key, 'timeWait', result);
    }
  }

  async alone(one, act) {
    const server = await start(one);
    try {
      return await act(server);
    } finally {
      await server.stop();
    }
  }

  report(command) {
    const anchor = judgeAnchor(this.anchorRates);
    const wrong = this.failures.some((line) => line.includes('content'));
    return {
      date: new Date().toISOString().slice(0, 10),
      command,
      machine: this.machine,
      ...this.plan,
      checked: wrong ? 'NOT all content was right, see below.' : 'Content was verified in a pass of its own.',
      void: anchor.void,
      anchor: { ...anchor, rates: this.anchorRates, median: median(this.anchorRates) },
      subjects: this.subjects
        .filter(({ key }) => this.results[key] !== undefined)
        .map(({ key, name, mtu }) => ({ key, name, mtu })),
      results: this.results,
      goals: judgeGoals(this.results, meets),
      skipped: this.skipped,
      failures: this.failures,
    };
  }
}

/** A whole run. What it prints and writes depends on `options`; see main.js. */
export async function sideBySide(options, command) {
  const run = new Run(options);
  run.machine = describeMachine();
  try {
    await run.startAll();
    await run.checkAll();
    await run.measureAll();
    await run.largeAll();
    await run.stopAll();
    await run.aloneAll();
    await run.spreadAll();
    await run.timeWaitAll();
  } finally {
    giveBack();
  }
  const report = run.report(command);
  if (options.json) console.log(JSON.stringify(report, null, 2));
  else console.log(text(report));
  if (isKept(report, options.only)) writeFileSync(REPORT, markdown(report));
  else tell(`${REPORT} stays as it was`);
}
