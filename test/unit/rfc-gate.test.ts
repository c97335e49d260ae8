/** The gate over the clauses: a made-up list for everything that it must refuse. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type Clause,
  ClauseNames,
  complaintsAboutCitations,
  complaintsAboutEvidence,
  complaintsAboutList,
  verdictOf,
} from '../../scripts/rfc-gate.ts';

const CODE = ['src/tcp/made-up.ts'];
const REASON = 'Nobody who is known has ever wanted this.';

function clause(fields: Partial<Clause> = {}): Clause {
  return { id: 'XY-01', rfc: 9293, section: '3.1', level: 'MUST', requirement: 'Do so', ...fields };
}

/** All 119 of Appendix B, as the list must have them. */
function appendixB(): Clause[] {
  const labels = { MUST: 69, SHLD: 31, MAY: 18, REC: 1 };
  return Object.entries(labels).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, i) => clause({ id: `${label}-${i + 1}` })),
  );
}

function aboutList(...more: Clause[]): string[] {
  return complaintsAboutList([...appendixB(), ...more], (file) => CODE.includes(file));
}

test('a MUST and a MUST NOT without a test fail, and every weaker word too: no clause is left open', () => {
  for (const level of ['MUST', 'MUST NOT', 'MUST/SHOULD', 'SHOULD', 'SHOULD NOT', 'MAY', 'REC', 'rule']) {
    assert.equal(verdictOf(clause({ level }), []), 'open');
    const [complaint, ...others] = complaintsAboutEvidence(clause({ level }), { code: CODE, tests: [] });
    assert.match(complaint ?? '', /^XY-01 \(.*has no test/, level);
    assert.deepEqual(others, []);
  }
});

test('a MUST with a test, or with a recorded decision, passes', () => {
  const evidence = { code: CODE, tests: [] };
  assert.deepEqual(complaintsAboutEvidence(clause(), { code: CODE, tests: ['test/unit/a.test.ts'] }), []);
  for (const status of ['deviation', 'n/a'] as const) {
    assert.deepEqual(complaintsAboutEvidence(clause({ status, why: REASON }), evidence), []);
    assert.deepEqual(aboutList(clause({ status, why: REASON })), []);
  }
});

test('what is said to bind nothing here and is tested fails: one of the two is out of date', () => {
  const evidence = { code: CODE, tests: ['test/unit/a.test.ts'] };
  const nothing = clause({ status: 'n/a', why: REASON });
  assert.match(
    complaintsAboutEvidence(nothing, evidence).join(),
    /bind nothing here, and test\/unit\/a\.test\.ts/,
  );
  assert.deepEqual(complaintsAboutEvidence({ ...nothing, status: 'deviation' }, evidence), []);
});

test('what is tested and has no place in the code fails', () => {
  const tested = { code: [], tests: ['test/unit/a.test.ts'] };
  assert.match(complaintsAboutEvidence(clause({ level: 'rule' }), tested).join(), /has no code/);
});

test('a place in the code that does not exist fails', () => {
  assert.deepEqual(aboutList(clause({ code: CODE })), []);
  assert.match(aboutList(clause({ code: ['src/tcp/gone.ts'] })).join(), /gone\.ts, which does not exist/);
});

test('a decision without a reason, a reason without a decision, and another word for one fail', () => {
  for (const why of [undefined, '', '   ', 'no']) {
    const decided = clause({ status: 'deviation', ...(why === undefined ? {} : { why }) });
    assert.match(aboutList(decided).join(), /say why/);
  }
  assert.match(aboutList(clause({ why: REASON })).join(), /a reason and no status/);
  const odd = { ...clause({ why: REASON }), status: 'yes' } as unknown as Clause;
  assert.match(aboutList(odd).join(), /"deviation" or "n\/a"/);
});

test('a clause that is missing, listed twice or empty fails', () => {
  const missing = appendixB().filter(({ id }) => id !== 'MUST-22');
  assert.match(
    complaintsAboutList(missing, () => true).join(),
    /^MUST-22 of RFC 9293, Appendix B, is missing$/,
  );
  assert.match(aboutList(clause({ id: 'XY-1' }), clause({ id: 'XY-01' })).join(), /XY-01 is listed twice/);
  assert.match(aboutList(clause({ requirement: ' ' })).join(), /says nothing/);
});

test('the title of a test may only name clauses that exist', () => {
  const names = new ClauseNames([
    clause({ id: 'MUST-13' }),
    clause({ id: 'EV-08' }),
    clause({ id: 'EV-09' }),
  ]);
  assert.deepEqual(names.idsIn('RFC 9293 MUST-13, EV-8/09: …'), ['MUST-13', 'EV-8', 'EV-9']);
  assert.deepEqual(names.unknownIn('RFC 9293 MUST-13, EV-08: …'), []);
  assert.deepEqual(names.unknownIn('RFC 9293 MUST-70: …'), ['MUST-70']);
  assert.deepEqual(names.unknownIn('EV-08/10 and SHOULD-2'), ['EV-10', 'SHLD-2']);
  // Other RFCs have labels of their own, and other words have numbers.
  assert.deepEqual(names.unknownIn('RFC 8985 MUST-70: SHA-256 of UTF-8, FIN-WAIT-2'), []);
});

test('a citation of an obsolete RFC fails, alone and in lists', () => {
  const file = 'docs/made-up.md';
  const cite = (text: string): string[] => complaintsAboutCitations({ file, text });
  // Not written out: this file is looked at, too.
  const rfc = 'RFC';
  assert.deepEqual(cite(`as ${rfc} ${793} has it`), [`${file}: ${rfc} 793 is obsolete: cite RFC 9293`]);
  for (const [old, current] of [
    [1323, 7323],
    [2581, 5681],
    [2988, 6298],
    [2414, 3390],
    [3782, 6582],
    [2582, 6582],
    [6937, 9937],
    [8312, 9438],
    [6824, 8684],
    [6528, 9293],
  ]) {
    assert.deepEqual(cite(`(${rfc} ${old} §3)`), [`${file}: RFC ${old} is obsolete: cite RFC ${current}`]);
    assert.equal(cite(`${rfc} 9293, ${old}`).length, 1);
    assert.equal(cite(`${rfc} 2018/${old} §3`).length, 1);
    assert.equal(cite(`${rfc}s 9293 and ${old}`).length, 1);
  }
  assert.deepEqual(cite(`${rfc} 9293 §3.4.1, ${rfc} 1122 §4.2, ${rfc} 6298; 793 bytes`), []);
  assert.deepEqual(cite('RFC 7323 §793'), []);
});

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TSX = pathToFileURL(createRequire(join(ROOT, 'package.json')).resolve('tsx')).href;

/** A made-up project in which every clause of Appendix B is argued and XY-01 is to be shown. */
class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'rfc-gate-'));

  constructor(context: TestContext) {
    context.after(() => rmSync(this.folder, { recursive: true }));
    const argued = appendixB().map((each) => ({ ...each, status: 'n/a', why: REASON }));
    this.write('docs/rfc-clauses.json', JSON.stringify([...argued, clause({ code: CODE })]));
    this.write(CODE[0] as string, '// RFC 9293 §3.1');
    this.write('README.md', 'Made up.');
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    writeFileSync(join(this.folder, file), text);
  }

  /** Runs the script as lint does, or to write the table. */
  run(...args: string[]): { status: number | null; stderr: string } {
    const script = join(ROOT, 'scripts/rfc-coverage.ts');
    const { status, stderr } = spawnSync(process.execPath, ['--import', TSX, script, ...args], {
      cwd: this.folder,
      encoding: 'utf8',
    });
    return { status, stderr };
  }
}

test('the whole gate: a test that runs meets the clause, and a table that is not current fails', (context) => {
  const project = new Project(context);
  // The table of titles is no test file itself: the test that runs it counts for it.
  project.write('test/unit/a.test.ts', "import { rows } from './rows.ts';\nrows();\n");
  project.write('test/unit/rows.ts', "export const ROW = { title: 'XY-01: is so' };\n");
  assert.deepEqual(project.run(), { status: 0, stderr: '' });
  const table = readFileSync(join(project.folder, 'docs/rfc-coverage.md'), 'utf8');
  assert.match(table, /\| \[RFC 9293\]\(#rfc-9293\) \| 120 \| 1 \| 0 \| 119 \| 0 \|/);
  assert.match(table, /\| XY-01 .*made-up\.ts.*unit\/rows\.ts.*\| yes \|/);
  project.write('docs/rfc-coverage.md', `${table}\n`);
  const stale = project.run('--check');
  assert.equal(stale.stderr, 'docs/rfc-coverage.md is not current: run npm run generate\n');
  assert.equal(stale.status, 1);
});

test('the whole gate: a test that is skipped, or that nothing runs, meets nothing', (context) => {
  const project = new Project(context);
  project.write('test/unit/skipped.test.ts', "test('XY-01: is so', { skip: true }, () => {});\n");
  project.write('test/unit/todo.test.ts', "test.todo('XY-01: is so');\n");
  project.write('test/elsewhere/a.test.ts', "test('XY-01: is so', () => {});\n");
  project.write('test/unit/orphan.ts', "test('XY-01: is so', () => {});\n");
  project.write('test/unit/other.test.ts', "test('XY-02: is none', () => {});\n");
  project.write('docs/note.md', `As RFC ${793} has it.`);
  const { status, stderr } = project.run();
  assert.equal(status, 1);
  assert.deepEqual(stderr.trim().split('\n'), [
    'no clause is called XY-2: “XY-02: is none”',
    'XY-01 (MUST: Do so) has no test that npm test runs, and no recorded deviation',
    `docs/note.md: RFC ${793} is obsolete: cite RFC 9293`,
  ]);
});
