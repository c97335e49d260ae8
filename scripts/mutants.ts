/**
 * Runs tests on code with a fault in it. Everything happens in copies of the compiled tests below
 * build/mutation/, one for each worker; the sources are only read.
 */

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { applyMutant, type Mutant } from '../test/mutation/mutant.ts';
import { compileTests, loadTypeScript, OUTPUT, outputOf, transpile } from './compile-tests.js';
import { filesUnder } from './files.js';

const FOLDER = 'build/mutation';
/** A mutant may make a test endless: this many times as long as without it, and some more, ms. */
const PATIENCE = 5;
const PATIENCE_MORE = 15_000;
const UNMUTATED_LIMIT = 300_000;

/** Tests without root and without processes of their own, in the order in which they are asked. */
const ORDER = [
  'conformance',
  'unit/base',
  'unit/wire',
  'unit/ip',
  'unit/stack',
  'unit/posix',
  'unit/sim',
  'unit/trace',
  'property',
  'ladders/virtual',
  'support',
  'security',
  'net-api',
  'sim',
];
/** Seconds of work: asked when all others have not noticed. */
const LATE =
  /^(conformance\/(attacks\/(pairs-|exhaustive|sack|event-loop|output|counters)|limits)|security|net-api)/;
/** Too slow for what they see of single faults, or about Node. */
const LEFT_OUT = /^(net-api\/lifetime|sim\/time-wait-million)$/;

/** How a test file ended. */
export interface Outcome {
  /** The title of the first test that failed, "no end", or null. */
  readonly failed: string | null;
  readonly passed: number;
  readonly ms: number;
}

/** The files under test/, without `.test.ts`, that a mutant is shown to, in their order. */
export function testFiles(): string[] {
  const files = ORDER.flatMap((folder) => filesUnder(`test/${folder}`))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice('test/'.length, -'.test.ts'.length))
    .filter((file) => !LEFT_OUT.test(file));
  return [...files.filter((file) => !LATE.test(file)), ...files.filter((file) => LATE.test(file))];
}

/** A copy of the compiled tests, in which one module at a time is another. */
export interface Tree {
  readonly folder: string;
  readonly compiler: Awaited<ReturnType<typeof loadTypeScript>>;
}

export async function makeTrees(count: number): Promise<Tree[]> {
  await compileTests();
  removeTrees();
  const own = join(FOLDER, String(process.pid));
  process.once('exit', () => {
    rmSync(own, { recursive: true, force: true });
  });
  const compiler = await loadTypeScript();
  return Array.from({ length: count }, (_, index) => {
    const folder = join(own, String(index));
    mkdirSync(folder, { recursive: true });
    cpSync(OUTPUT, folder, { recursive: true });
    return { folder, compiler };
  });
}

/** What runs that were interrupted have left. */
function removeTrees(): void {
  mkdirSync(FOLDER, { recursive: true });
  for (const name of readdirSync(FOLDER)) {
    if (!isRunning(Number(name))) rmSync(join(FOLDER, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Runs `work` while the fault, which is not stale, is in `tree`. */
export async function withMutant<T>(tree: Tree, mutant: Mutant, work: () => Promise<T>): Promise<T> {
  const target = join(tree.folder, relative(OUTPUT, outputOf(mutant.file)));
  const before = readFileSync(target);
  writeFileSync(target, transpile(tree.compiler, mutant.file, String(textOf(mutant))));
  try {
    return await work();
  } finally {
    writeFileSync(target, before);
  }
}

/** The mutants' files as they were when they were first asked for: the sources may change meanwhile. */
const texts = new Map<Mutant, string | number>();

function textOf(mutant: Mutant): string | number {
  const text = texts.get(mutant) ?? applyMutant(mutant, readFileSync(mutant.file, 'utf8'));
  texts.set(mutant, text);
  return text;
}

/** What is wrong with the list: mutants whose text does not stand exactly once in their file any more. */
export function staleMutants(mutants: readonly Mutant[]): string[] {
  return mutants.flatMap((mutant) => {
    const text = textOf(mutant);
    if (typeof text === 'string') return [];
    return [`stale mutant ${mutant.id}: its text stands ${text} times in ${mutant.file}`];
  });
}

/** Runs a test file (below test/, without `.test.ts`) until its first failure; with `pattern` only such titles. */
export function runTests(tree: Tree, file: string, limit: number, pattern?: string): Promise<Outcome> {
  const args = [
    '--max-old-space-size=3000',
    '--test-reporter=./scripts/first-failure.js',
    '--test-reporter-destination=stdout',
    ...(pattern === undefined ? [] : [`--test-name-pattern=/${pattern}/`]),
    join(tree.folder, 'test', `${file}.test.js`),
  ];
  const start = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    let ended = false;
    const timer = setTimeout(() => {
      ended = true;
      child.kill('SIGKILL');
    }, limit);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const { failed = null, passed = 0 } = parse(output);
      const broken = ended ? 'no end' : code === 0 ? null : 'the process ended';
      resolve({ failed: failed ?? broken, passed, ms: Date.now() - start });
    });
  });
}

/** The reporter's line is the last: tests may print, too. */
function parse(output: string): { failed?: string; passed?: number } {
  const line = output.slice(output.lastIndexOf('{"'));
  try {
    return JSON.parse(line) as { failed?: string; passed?: number };
  } catch {
    return {};
  }
}

/** What the test files do without a fault, each asked once. */
export class Unmutated {
  private readonly tree: Tree;
  private readonly outcomes = new Map<string, Promise<Outcome>>();

  constructor(tree: Tree) {
    this.tree = tree;
  }

  outcomeOf(file: string, pattern?: string): Promise<Outcome> {
    const key = `${file} ${pattern ?? ''}`;
    const known = this.outcomes.get(key);
    if (known !== undefined) return known;
    const outcome = runTests(this.tree, file, UNMUTATED_LIMIT, pattern);
    this.outcomes.set(key, outcome);
    return outcome;
  }

  /** How long `file` may take with a fault, ms; 0 when it fails without, and so tells nothing. */
  async limitOf(file: string, pattern?: string): Promise<number> {
    const { failed, passed, ms } = await this.outcomeOf(file, pattern);
    return failed === null && passed > 0 ? PATIENCE * ms + PATIENCE_MORE : 0;
  }

  /** Files that fail without any fault, with the first title. */
  async red(): Promise<string[]> {
    const lines: string[] = [];
    for (const [key, outcome] of this.outcomes) {
      const { failed } = await outcome;
      if (failed !== null) lines.push(`${key.trim()}: ${failed}`);
    }
    return lines;
  }
}
