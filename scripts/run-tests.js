// Runs the suites under test/, after compiling them once: `node --import tsx` costs every test file
// 125 ms of CPU more than plain JavaScript does. What runs beside what: scripts/README.md.

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { compileTests, outputOf } from './compile-tests.js';
import { checks, runCheck } from './lint-checks.js';
import { nodeOf } from './node-versions.js';
import { capacityOf, schedule } from './schedule.js';
import { GROUPS, needsOf, testFiles } from './suites.js';
import { endAll, runTestFile } from './test-file.js';
import { Results } from './test-results.js';

/**
 * What must also pass on the other versions of Node. The tools' own tests are not about Node, and
 * raw-socket is built for one only; attacks, limits and the long simulations try the stack, not what it runs on.
 */
const CORE_FOLDERS = ['unit', 'property', 'conformance', 'sim'];
const NOT_CORE = [
  /^test\/unit\/(lint|rfc-gate|test-runner|garbage|wire\/checksum-oracle)/,
  /^test\/conformance\/(attacks\/(?!runtime|event-loop)|limits\/)/,
  /^test\/sim\/(time-wait-million|throughput|fairness|busy-worlds)/,
];
const NODE_VERSIONS = [20, 22, 24];
/** ms after which a file that has not ended has failed. */
const LIMIT = 600_000;

const HELP = `scripts/test [--full] [WHAT…]
  WHAT: lint, a folder of test/ (${readFolders().join(', ')}), node-versions, or part of a test file's path.
  Without arguments: all of it.
  --full: what the short run samples is run whole; hours, and no time-out.`;

function readFolders() {
  return [...new Set(testFiles().map((file) => file.split('/')[1]))];
}

function inFolders(folders) {
  return testFiles().filter((file) => folders.includes(file.split('/')[1]));
}

const full = process.argv.includes('--full');
if (full) Object.assign(process.env, { FOURWAVE_FULL: '1', FOURWAVE_EXHAUSTIVE: 'full' });
/** A time-out is for tests that hang, and would end those that are long on purpose. */
const unlimited = full || process.env.FOURWAVE_SOAK_MINUTES !== undefined;

/** The same seeds behave alike on every Node: a fifth of them finds what is different there. */
const SEEDS_ELSEWHERE = '1000';

const results = new Results();

/** A task of the schedule for each static check. */
function lintTasks() {
  return checks().map((check) => ({
    name: check.name,
    load: 1,
    alone: false,
    seconds: check.seconds,
    async run() {
      const { passed, text } = await runCheck(check);
      results.addCheck(check.name, passed, text);
    },
  }));
}

/** A task for each file; `group` is where it is counted, the file's own group when it is not given. */
function fileTasks(files, { node, group, env } = {}) {
  return files.map((file) => {
    const needs = needsOf(file);
    const run = async () => {
      const outcome = await runTestFile(outputOf(file), { node, env, limit: unlimited ? 0 : LIMIT });
      results.addFile(group ?? needs.group, file, outcome, { brief: node !== undefined });
    };
    return { ...needs, name: file, run };
  });
}

function otherNodes() {
  const core = inFolders(CORE_FOLDERS).filter((file) => !NOT_CORE.some((pattern) => pattern.test(file)));
  const others = NODE_VERSIONS.filter((major) => Number.parseInt(process.versions.node, 10) !== major);
  return others.flatMap((major) => {
    const node = nodeOf(major);
    const env = unlimited ? {} : { FOURWAVE_SEEDS: process.env.FOURWAVE_SEEDS ?? SEEDS_ELSEWHERE };
    if (node !== null) return fileTasks(core, { node, group: `Node ${major}`, env });
    const why = `Node ${major} could not be had from the npm registry`;
    if (process.env.CI === 'true') results.addCheck(`Node ${major}`, false, `✖ ${why}\n`);
    else process.stdout.write(`${why}: not tested on it\n`);
    return [];
  });
}

function groupTasks(group) {
  return group.name === 'node-versions' ? otherNodes() : fileTasks(inFolders(group.folders));
}

function tasksFor(word) {
  const group = GROUPS.find(({ name }) => name === word);
  if (word === 'lint') return lintTasks();
  if (readFolders().includes(word)) return fileTasks(inFolders([word]));
  if (group !== undefined) return groupTasks(group);
  const files = testFiles().filter((file) => file.includes(relative('.', word)));
  if (files.length > 0) return fileTasks(files);
  process.stderr.write(`no test is called ${word}\n${HELP}\n`);
  return process.exit(2);
}

const words = process.argv.slice(2).filter((word) => word !== '--full');
if (words.includes('--help')) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    endAll();
    process.exitCode = 130;
  });
mkdirSync('build', { recursive: true });
if (words.length === 0 || words.some((word) => word !== 'lint')) await compileTests();
const tasks = words.length > 0 ? words.flatMap(tasksFor) : [...lintTasks(), ...GROUPS.flatMap(groupTasks)];
await schedule(tasks, capacityOf(availableParallelism()), (task) => task.run());
if (process.env.FOURWAVE_TEST_TIMES !== undefined)
  writeFileSync(process.env.FOURWAVE_TEST_TIMES, results.times());
process.stdout.write(results.summary());
process.exitCode = results.failed ? 1 : 0;
