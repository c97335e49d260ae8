// Runs the suites under test/, after compiling them once: `node --import tsx` costs every test file
// 125 ms of CPU more than plain JavaScript does.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { compileTests, OUTPUT } from './compile-tests.js';
import { nodeOf } from './node-versions.js';
import { GROUPS, testFiles } from './suites.js';

/**
 * What must also pass on the other versions of Node. The tools' own tests are not about Node, and
 * raw-socket is built for one only; the pairs of edits take half a minute of the stack's time, not of Node's.
 */
const CORE_FOLDERS = ['unit', 'property', 'conformance', 'sim'];
const NOT_CORE = /^test\/(unit\/(lint|rfc-gate|wire\/checksum-oracle)|conformance\/attacks\/pairs-)/;
const NODE_VERSIONS = [20, 22, 24];
const COUNTS = 'build/test-counts';

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

const totals = { pass: 0, fail: 0, skipped: 0 };
const failures = [];

/** Runs `files` on the given node; its summary goes to the terminal and its counts into `totals`. */
function runFiles(title, files, { node = process.execPath, concurrency = 2 } = {}) {
  if (files.length === 0) return;
  process.stdout.write(`\n── ${title}: ${files.length} files\n`);
  rmSync(COUNTS, { force: true });
  const args = [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${concurrency}`,
    ...(unlimited ? [] : ['--test-timeout=600000']),
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/test-counts.js',
    `--test-reporter-destination=${COUNTS}`,
    ...files.map((file) => join(OUTPUT, file.replace(/\.ts$/, '.js'))),
  ];
  const result = spawnSync(node, args, { stdio: 'inherit' });
  const counts = existsSync(COUNTS) ? JSON.parse(readFileSync(COUNTS, 'utf8') || '{}') : {};
  for (const key of Object.keys(totals)) totals[key] += counts[key] ?? 0;
  if (result.status !== 0) failures.push(title);
}

function lint() {
  process.stdout.write('\n── lint\n');
  if (spawnSync('scripts/lint', { stdio: 'inherit' }).status !== 0) failures.push('lint');
}

function otherNodes() {
  const core = inFolders(CORE_FOLDERS).filter((file) => !NOT_CORE.test(file));
  for (const major of NODE_VERSIONS) {
    if (Number.parseInt(process.versions.node, 10) === major) continue;
    const node = nodeOf(major);
    if (node !== null) runFiles(`Node ${major}`, core, { node });
    else if (process.env.CI === 'true') failures.push(`Node ${major}: the npm package could not be had`);
    else
      process.stdout.write(`\n── Node ${major} could not be had from the npm registry: not tested on it\n`);
  }
}

function runGroup(group) {
  if (group.name === 'node-versions') otherNodes();
  else runFiles(group.name, inFolders(group.folders), group);
}

function runChosen(words) {
  for (const word of words) {
    const group = GROUPS.find(({ name }) => name === word);
    const files = readFolders().includes(word)
      ? inFolders([word])
      : testFiles().filter((file) => file.includes(relative('.', word)));
    if (word === 'lint') lint();
    else if (group !== undefined) runGroup(group);
    else if (files.length > 0) runFiles(word, files, { concurrency: word.includes('integration') ? 1 : 2 });
    else {
      process.stderr.write(`no test is called ${word}\n${HELP}\n`);
      process.exit(2);
    }
  }
}

const words = process.argv.slice(2).filter((word) => word !== '--full');
if (words.includes('--help')) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
mkdirSync('build', { recursive: true });
if (words.length === 0 || words.some((word) => word !== 'lint')) await compileTests();
if (words.length > 0) runChosen(words);
else {
  lint();
  for (const group of GROUPS) runGroup(group);
}
if (totals.pass + totals.fail > 0) {
  process.stdout.write(`\n${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped\n`);
}
if (failures.length > 0) process.stdout.write(`failed: ${failures.join(', ')}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
