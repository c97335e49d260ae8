// A reporter for node's test runner that says, as one line of JSON, how a file went: how many tests passed,
// failed and were skipped, which failed and why, and the CPU that it took with what it had started.

import { readFileSync } from 'node:fs';

const SUMMARY = /^(pass|fail|cancelled|skipped|todo) (\d+)$/;
/** What /proc counts in, USER_HZ. */
const TICKS_PER_SECOND = 100;

/** Seconds of this process and of its children that have ended; null where there is no /proc. */
function cpuSeconds() {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    // utime, stime, cutime, cstime: proc(5) counts from 1, and two fields are cut off.
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / TICKS_PER_SECOND, 0);
  } catch {
    return null;
  }
}

/** A suite fails because of what is in it, which is in the list itself. */
function failsByItself({ details }) {
  return details?.error?.failureType !== 'subtestsFailed';
}

/** @param {AsyncIterable<{ type: string, data: Record<string, any> }>} source */
export default async function* outcome(source) {
  const totals = { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  const failures = [];
  const names = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') names[data.nesting] = data.name;
    if (type === 'test:fail' && data.todo === undefined && failsByItself(data)) {
      const error = data.details?.error?.cause ?? data.details?.error;
      const title = [...names.slice(0, data.nesting), data.name].join(' › ');
      failures.push({ title, why: String(error?.message ?? error), line: data.line });
    }
    if (type !== 'test:diagnostic' || data.nesting !== 0) continue;
    const match = SUMMARY.exec(data.message);
    if (match !== null) totals[match[1]] = Number(match[2]);
  }
  totals.fail += totals.cancelled;
  yield JSON.stringify({ ...totals, failures, cpu: cpuSeconds() });
}
