// Runs every static check, two at a time, and prints only what complains.

import { checks, runCheck } from './lint-checks.js';

const fix = process.argv.includes('--fix');
const queue = checks({ fix });
let passed = true;

async function worker() {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const outcome = await runCheck(check);
    process.stdout.write(outcome.text);
    passed &&= outcome.passed;
  }
}

// With --fix one after another: two tools must not write the same file at once.
await Promise.all(fix ? [worker()] : [worker(), worker()]);
process.exitCode = passed ? 0 : 1;
