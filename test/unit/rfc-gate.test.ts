/** The gate over the clauses: a made-up list for everything that it must refuse. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('a MUST and a MUST NOT without a test fail', () => {
  for (const level of ['MUST', 'MUST NOT', 'MUST/SHOULD', 'SHOULD/MUST NOT']) {
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

test('every clause of Appendix B binds, a MAY too; other clauses may be open below MUST', () => {
  const evidence = { code: CODE, tests: [] };
  for (const id of ['MAY-18', 'SHLD-8', 'REC-1']) {
    assert.equal(complaintsAboutEvidence(clause({ id, level: 'MAY' }), evidence).length, 1, id);
  }
  for (const level of ['SHOULD', 'MAY', 'rule', 'SHOULD NOT']) {
    assert.deepEqual(complaintsAboutEvidence(clause({ level }), evidence), [], level);
    assert.equal(verdictOf(clause({ level }), []), 'open');
  }
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
