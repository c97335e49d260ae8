// Fuzzes the targets under test/fuzz/targets with libFuzzer: see --help and docs/CONTRIBUTING.md.

import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { compileTests, OUTPUT } from './compile-tests.js';
import { fuzzerArguments, fuzzerEnvironment } from './fuzzer.js';

/** Shares of the time when several are fuzzed: what is simple is soon known. */
const SHARES = { wire: 1, reassembly: 1, posix: 3, engine: 5 };
const TARGETS = Object.keys(SHARES);
const DEFAULT_MINUTES = 60;
/** Seconds that one input may take before it counts as a hang; a busy machine is slow, not hung. */
const HANG = 30;
const MEMORY_MB = 4000;
const LONGEST_INPUT = 600;
/** libFuzzer's exit codes for a crash, for a hang and for too much memory; Jazzer's for an exception. */
const FOUND = new Map([
  [77, 'throws'],
  [70, 'hangs'],
  [71, 'takes too much memory'],
  [1, 'ends the process'],
]);
const PROGRESS_SECONDS = 30;

const HELP = `scripts/fuzz [TARGET…] [options]
  TARGET: ${TARGETS.join(', ')}. Default: all, one after the other.
  --minutes N   in all, default ${DEFAULT_MINUTES}; --seconds N as well
  --seed N      the same seed, corpus and code: the same run, for as long as it takes; default: by the clock
  --work DIR    where the corpus grows and crashes are put, default runs/fuzz
  --keep        no fuzzing: the smallest part of the corpus that covers the same becomes test/fuzz/corpus
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    work: { type: 'string', default: 'runs/fuzz' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    // For the test of the fuzzer itself: targets of this folder, instrumented by this part of their paths,
    // beginning with the inputs of that target, and what is a hang, in seconds.
    targets: { type: 'string', default: `${OUTPUT}/test/fuzz/targets` },
    instrumented: { type: 'string', default: `${OUTPUT}/src/` },
    inputs: { type: 'string' },
    hang: { type: 'string', default: String(HANG) },
  },
});

function say(line) {
  process.stdout.write(`${line}\n`);
}

function fail(line, status = 2) {
  process.stderr.write(`${line}\n`);
  process.exit(status);
}

/** What test/fuzz knows about inputs, compiled. */
function support(module) {
  return import(new URL(`../${OUTPUT}/test/fuzz/support/${module}.js`, import.meta.url).href);
}

/** Where the inputs of a target are while and after it is fuzzed. */
function foldersOf(target) {
  const corpus = join(values.work, target, 'corpus');
  const crashes = join(values.work, target, 'crashes');
  mkdirSync(corpus, { recursive: true });
  mkdirSync(crashes, { recursive: true });
  return { corpus, crashes };
}

/** Inputs that the repository has, as files: crashes, corpus and seeds. */
async function committedInputs(target) {
  const { inputsOf } = await support('committed');
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-fuzz-'));
  for (const [index, { bytes }] of inputsOf(values.inputs ?? target).entries())
    writeFileSync(join(folder, `${index}`), bytes);
  return folder;
}

/** `#1234 NEW cov: 56 ft: 78 corp: 9/10Kb … exec/s: 11 …` as words. */
function progressOf(line) {
  const match = /^#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+) corp: (\d+)\/\S+.*exec\/s: (\d+)/.exec(line);
  if (match === null) return null;
  const [, runs, event, edges, features, inputs, speed] = match;
  return {
    event,
    text: `${runs} runs, ${edges} edges, ${features} features, ${inputs} inputs kept, ${speed} runs/s`,
  };
}

/** Tells how it goes, now and then; keeps what people need when something is found. */
class Listener {
  constructor(target) {
    this.target = target;
    this.kept = [];
    this.told = 0;
    this.last = null;
    this.edges = '';
  }

  line(line) {
    const total = /Loaded \d+ modules\s+\((\d+) inline/.exec(line);
    if (total !== null) this.edges = total[1];
    const progress = progressOf(line);
    if (progress === null) {
      this.kept.push(line);
      if (this.kept.length > 200) this.kept.shift();
      return;
    }
    this.last = progress.text;
    const now = Date.now();
    const due = now - this.told >= PROGRESS_SECONDS * 1000;
    if (!due && progress.event !== 'INITED' && progress.event !== 'DONE') return;
    this.told = now;
    say(
      `${this.target}: ${progress.text} (${progress.event === 'DONE' ? 'the end' : `of ${this.edges} edges`})`,
    );
  }

  /** The error and where it came from. */
  get reason() {
    const first = this.kept.findIndex((line) => line.startsWith('=='));
    return this.kept
      .slice(Math.max(0, first))
      .filter((line) => /Error|^\s+at |==/.test(line))
      .slice(0, 12);
  }
}

function run(command, env, listener) {
  return new Promise((done) => {
    const child = spawn(process.execPath, command, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // libFuzzer takes its time over a polite request.
    const stop = () => {
      child.kill('SIGKILL');
      process.exitCode = 130;
    };
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => listener.line(line));
    child.on('close', (status, signal) => {
      for (const name of ['SIGINT', 'SIGTERM']) process.removeListener(name, stop);
      done(status ?? signal);
    });
  });
}

/** The new files of a folder that libFuzzer writes what it found to. */
function filesIn(folder) {
  return new Set(readdirSync(folder).map((file) => join(folder, file)));
}

/** A smaller input that fails alike, as hexadecimal; null for a hang, or when it fails no more. */
function minimized(target, file) {
  const script = join(OUTPUT, 'test/fuzz/replay.js');
  const command = [script, target, file, '--minimize', '--targets', values.targets];
  const result = spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 120_000 });
  return result.status === 0 ? result.stdout.trim() : null;
}

function report(target, status, listener, file) {
  say(`\n${target}: an input ${FOUND.get(status) ?? `ends the process (${status})`}`);
  for (const line of listener.reason) say(`  ${line}`);
  if (file === undefined) return;
  const smaller = FOUND.get(status) === 'throws' ? minimized(target, file) : null;
  const input = smaller ?? readFileSync(file).toString('hex');
  say(`  input: ${file}${smaller === null ? '' : ', which minimized is'}`);
  say(`    ${input}`);
  say(`  again: node --import tsx test/fuzz/replay.ts ${target} ${file}`);
  say(
    `  keep it: add it to test/fuzz/crashes/${target}.txt, below a line that begins with # and says what it is`,
  );
}

function argumentsFor(target, libFuzzer) {
  const { instrumented, hang } = values;
  const module = join(values.targets, `${target}.js`);
  return fuzzerArguments(module, { instrumented, hangSeconds: number('hang', hang), libFuzzer });
}

/** Fuzzes one target. True when nothing was found. */
async function fuzz(target, seconds, seed, env) {
  const { corpus, crashes } = foldersOf(target);
  const committed = await committedInputs(target);
  const before = filesIn(crashes);
  const listener = new Listener(target);
  say(`\n${target}: ${seconds} s, seed ${seed}`);
  const libFuzzer = [
    corpus,
    committed,
    `-seed=${seed}`,
    `-max_total_time=${seconds}`,
    `-rss_limit_mb=${MEMORY_MB}`,
    `-max_len=${LONGEST_INPUT}`,
    '-len_control=0',
    '-reload=0',
    `-artifact_prefix=${crashes}/`,
  ];
  const status = await run(argumentsFor(target, libFuzzer), env, listener);
  rmSync(committed, { recursive: true });
  const found = [...filesIn(crashes)].filter((file) => !before.has(file) && !/\/slow-unit-[^/]*$/.test(file));
  if (status === 0 && found.length === 0) return true;
  if (process.exitCode === 130) process.exit();
  if (listener.last === null && found.length === 0) for (const line of listener.kept) say(`  ${line}`);
  report(target, status, listener, found[0]);
  return false;
}

/** The smallest part of what is known that covers the same, into the repository. */
async function keep(target, env) {
  const { corpus } = foldersOf(target);
  const committed = await committedInputs(target);
  const smallest = mkdtempSync(join(tmpdir(), 'fourwave-fuzz-'));
  const listener = new Listener(target);
  const libFuzzer = ['-merge=1', '-use_counters=0', `-max_len=${LONGEST_INPUT}`, smallest, committed, corpus];
  await run(argumentsFor(target, libFuzzer), env, listener);
  const { encodeInput } = await support('inputs');
  const lines = [...filesIn(smallest)].map((file) => encodeInput(readFileSync(file))).sort(shortestFirst);
  if (lines.length === 0) fail(`${target}: the merge failed:\n${listener.kept.join('\n')}`);
  const head = `# Inputs of the target "${target}" that together reach what is known to be reached. Written by scripts/fuzz --keep.`;
  writeFileSync(`test/fuzz/corpus/${target}.txt`, `${[head, ...lines].join('\n')}\n`);
  for (const folder of [committed, smallest]) rmSync(folder, { recursive: true });
  say(`${target}: ${lines.length} inputs`);
}

function shortestFirst(a, b) {
  return a.length - b.length || (a < b ? -1 : 1);
}

function number(name, text) {
  const value = Number(text);
  if (!(Number.isFinite(value) && value > 0)) fail(`--${name} must be a number above 0, not ${text}`);
  return value;
}

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const targets = positionals.length > 0 ? positionals : TARGETS;
await compileTests();
for (const target of targets) {
  if (!existsSync(join(values.targets, `${target}.js`))) fail(`no target is called ${target}\n${HELP}`);
}
const environment = fuzzerEnvironment();
if ('why' in environment) fail(`the fuzzer does not run here: ${environment.why}`, 4);
if (values.keep) {
  for (const target of targets) await keep(target, environment.env);
} else {
  const seconds =
    values.seconds === undefined
      ? 60 * number('minutes', values.minutes ?? DEFAULT_MINUTES)
      : number('seconds', values.seconds);
  const seed = values.seed === undefined ? (Date.now() % 1_000_000) + 1 : number('seed', values.seed);
  const all = targets.reduce((sum, target) => sum + (SHARES[target] ?? 1), 0);
  let clean = true;
  for (const target of targets) {
    const share = Math.max(1, Math.round((seconds * (SHARES[target] ?? 1)) / all));
    clean = (await fuzz(target, share, seed, environment.env)) && clean;
  }
  say(clean ? '\nnothing found' : '\nsomething was found, see above');
  process.exitCode = clean ? 0 : 1;
}
