// What `npm test` prints: each file when it has ended, and in the end a table and what failed.

/** Lines of the reason of a failure that the list at the end repeats. */
const REASON_LINES = 8;

function heading(group, file, { seconds, pass, fail, skipped }) {
  const counts = [`${pass} passed`, ...(fail > 0 ? [`${fail} failed`] : [])];
  if (skipped > 0) counts.push(`${skipped} skipped`);
  const where = group.startsWith('Node') ? `${group}: ${file}` : file;
  return `── ${where} (${counts.join(', ')}, ${seconds.toFixed(1)} s)`;
}

function indented(text) {
  return text
    .split('\n')
    .slice(0, REASON_LINES)
    .map((line) => `      ${line}\n`)
    .join('');
}

export class Results {
  /** Counts of each group, in the order in which the first of each ended. */
  #groups = new Map();
  #failures = [];
  #times = [];
  #began = performance.now();

  #count(group, counts) {
    const sum = this.#groups.get(group) ?? { files: 0, pass: 0, fail: 0, skipped: 0, seconds: 0, cpu: 0 };
    for (const key of Object.keys(sum)) sum[key] += counts[key] ?? 0;
    this.#groups.set(group, sum);
  }

  /** A static check, which prints `text`. */
  addCheck(name, passed, text) {
    process.stdout.write(text);
    this.#count('lint', passed ? { files: 1 } : { files: 1, fail: 1 });
    if (!passed) this.#failures.push({ file: `lint: ${name}`, title: '', why: '' });
  }

  /** A test file. `brief`: its tests are not listed unless one fails. */
  addFile(group, file, outcome, { brief = false } = {}) {
    const { text, failures, ...counts } = outcome;
    const told = brief && counts.fail === 0 ? '' : `${text.trimEnd()}\n`;
    process.stdout.write(`${heading(group, file, counts)}\n${told}`);
    this.#count(group, { ...counts, files: 1 });
    this.#times.push({ group, file, seconds: counts.seconds, cpu: counts.cpu });
    const where = group.startsWith('Node') ? `${group}: ${file}` : file;
    for (const { title, why } of failures) this.#failures.push({ file: where, title, why });
  }

  get failed() {
    return this.#failures.length > 0;
  }

  /** Seconds, CPU seconds, group and file, the longest first. */
  times() {
    return this.#times
      .toSorted((a, b) => b.seconds - a.seconds)
      .map(({ group, file, seconds, cpu }) => `${seconds.toFixed(1)} ${cpu?.toFixed(1)} ${group} ${file}\n`)
      .join('');
  }

  #table() {
    const rows = [['', 'files', 'passed', 'failed', 'skipped', 'seconds', 'of CPU']];
    for (const [group, { files, pass, fail, skipped, seconds, cpu }] of this.#groups)
      rows.push([group, files, pass, fail, skipped, seconds.toFixed(0), cpu.toFixed(0)]);
    return rows
      .map(
        ([name, ...cells]) => `${name.padEnd(14)}${cells.map((cell) => String(cell).padStart(9)).join('')}\n`,
      )
      .join('');
  }

  #failing() {
    if (!this.failed) return '';
    const lines = this.#failures.map(
      ({ file, title, why }) => `✖ ${title || file}\n    in ${file}\n${why ? indented(why) : ''}`,
    );
    return `\n✖ failing tests:\n\n${lines.join('')}`;
  }

  /** The table, what failed, and one line of totals. */
  summary() {
    const totals = { pass: 0, fail: 0, skipped: 0 };
    for (const counts of this.#groups.values())
      for (const key of Object.keys(totals)) totals[key] += counts[key];
    const minutes = ((performance.now() - this.#began) / 60_000).toFixed(1);
    const line = `${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped`;
    return `\n── in all\n${this.#table()}${this.#failing()}\n${line} (${minutes} minutes)\n`;
  }
}
