// Runs one compiled test file in a process of its own.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const OUTCOMES = 'build/test-outcomes';
const REPORTER = new URL('./test-outcome.js', import.meta.url).href;
/** ms for a file that was ended to remove what it has made. */
const GRACE = 5000;
/** The spec reporter's totals; they are added up for all files. */
const TOTALS = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*\n/gm;

/** Processes that run now. */
const running = new Set();
let ended = false;

/** Ends what runs; nothing new is started. */
export function endAll() {
  ended = true;
  for (const child of running) child.kill('SIGTERM');
}

let made = 0;

function outcomeOf(path) {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  rmSync(path, { force: true });
  return text === '' ? null : JSON.parse(text);
}

/** A file that cannot be imported, was ended, or tests nothing, has failed although no test did. */
function judged(outcome, code, late) {
  const { pass = 0, fail = 0, skipped = 0, failures = [], cpu = null } = outcome ?? {};
  const result = { pass, fail, skipped, failures, cpu };
  const wrong = (why) => ({ ...result, fail: fail + 1, failures: [...failures, { title: '', why }] });
  if (late) return wrong('it did not end in time');
  if (code !== 0 && fail === 0) return wrong(`the process ended with ${code}`);
  if (outcome === null || pass + fail + skipped === 0) return wrong('there is no test in it');
  return result;
}

/**
 * Runs a file of JavaScript, as node does: its tests begin as they are met. Resolves, when the process has ended, to `{ pass, fail, skipped, failures, cpu, seconds, text }`; `text` is
 * what it printed. After `limit` ms it is ended, and has failed.
 */
export function runTestFile(script, { node = process.execPath, env = {}, limit = 0 } = {}) {
  mkdirSync(OUTCOMES, { recursive: true });
  const path = join(OUTCOMES, `${process.pid}-${made++}`);
  const args = [
    '--enable-source-maps',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${path}`,
    script,
  ];
  // Of a `node --test` that we may run under ourselves: it would have the file report to that.
  const { NODE_TEST_CONTEXT: _, ...ours } = process.env;
  const begin = performance.now();
  return new Promise((resolve) => {
    if (ended) return;
    const child = spawn(node, args, { env: { ...ours, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
    let late = false;
    const end = () => {
      late = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), GRACE).unref();
    };
    const timer = limit > 0 ? setTimeout(end, limit) : undefined;
    child.on('error', (error) => chunks.push(Buffer.from(`${error.message}\n`)));
    // Not `close`: what a test has left running may hold its pipes open.
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      const finish = () => {
        const text = Buffer.concat(chunks).toString().replaceAll(TOTALS, '');
        const seconds = (performance.now() - begin) / 1000;
        resolve({ ...judged(outcomeOf(path), code ?? signal, late), seconds, text });
      };
      // What it wrote before it ended is still to be read.
      const patience = setTimeout(finish, 1000);
      child.on('close', () => {
        clearTimeout(patience);
        finish();
      });
    });
  });
}
