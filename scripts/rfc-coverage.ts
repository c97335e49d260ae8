/**
 * docs/rfc-clauses.json, the citations in src/ and the titles of the tests → docs/rfc-coverage.md:
 * every clause, where it is in the code, which tests name it, and whether it is met.
 *
 *     npm run coverage:rfc [-- --check | --verify [all | ID…]]
 *
 * A test names a clause by its id anywhere in its title: "RFC 9293 MUST-13: …", "EV-08 and EV-09 …",
 * "MUST-30/31". `--check` writes nothing and fails when the file is not current; both fail when the
 * gate (rfc-gate.ts) complains. `--verify` asks whether the tests bind: see verify-clauses.ts.
 */

import { existsSync, readFileSync } from 'node:fs';
import { add, cell, links, type Naming, readTests, summaryOf } from './coverage-table.ts';
import { filesUnder, generate } from './files.js';
import {
  type Clause,
  ClauseNames,
  complaintsAboutCitations,
  complaintsAboutEvidence,
  complaintsAboutList,
  normal,
  type Text,
  type Verdict,
  verdictOf,
} from './rfc-gate.ts';
import { filesThatRun } from './suites.js';
import { verifyClauses } from './verify-clauses.ts';

const INPUT = 'docs/rfc-clauses.json';
const OUTPUT = 'docs/rfc-coverage.md';
const VERDICTS: readonly Verdict[] = ['yes', 'deviation', 'n/a', 'open'];
/** Where nobody may cite an obsolete RFC: generated tables repeat other files, and mutations tell how others erred. */
const CITING = ['src', 'test', 'scripts', 'native', 'docs', 'README.md'];
/** What cites a section there describes it, or tries it out; who does it is elsewhere. */
const DESCRIBES = /^src\/(base\/reasons\.ts|stack\/config\.ts|(apps|cli|drill|faults|sim|trace)\/)/;
const EXEMPT = /^(docs\/(rfc-coverage|attack-coverage|behaviours)\.md$|test\/mutation\/)/;

interface Citation {
  file: string;
  rfc: string;
  section: string;
}

interface Row {
  clause: Clause;
  code: readonly string[];
  tests: readonly string[];
  verdict: Verdict;
}

function textsThatCite(): Text[] {
  return CITING.flatMap((place) => (place.endsWith('.md') ? [place] : filesUnder(place)))
    .filter((file) => /\.(ts|js|md|json|pkt|bad|c|cc|h)$/.test(file) && !EXEMPT.test(file))
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }));
}

/** Clause → source files that name it; and all citations of sections. */
function readSources(names: ClauseNames): { named: Naming; citations: Citation[] } {
  const named: Naming = new Map();
  const citations: Citation[] = [];
  for (const file of filesUnder('src').filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(file, 'utf8');
    for (const id of names.idsIn(text)) add(named, id, file);
    for (const [, rfc, section] of text.matchAll(/RFC (\d+) §([\dA-Z][\d.]*\d|\d)/g)) {
      citations.push({ file, rfc: rfc as string, section: section as string });
    }
  }
  return { named, citations };
}

/** Tests that name each clause, and the ids in titles that are no clause's. */
function readTitles(names: ClauseNames): { tests: Naming; complaints: string[] } {
  const complaints: string[] = [];
  const run = filesThatRun();
  const tests = readTests(
    (title) => {
      for (const id of names.unknownIn(title)) complaints.push(`no clause is called ${id}: “${title}”`);
      return names.idsIn(title);
    },
    (file) => run.has(file),
  );
  return { tests, complaints };
}

function placesOf(clause: Clause, named: Naming, citations: readonly Citation[]): readonly string[] {
  if (clause.code !== undefined) return clause.code;
  const own = named.get(normal(clause.id));
  if (own !== undefined) return [...own];
  const section = /^[A-Z]?[\d.]*\d/.exec(clause.section)?.[0];
  const same = citations.filter(({ rfc, section: cited }) => rfc === String(clause.rfc) && cited === section);
  const files = [...new Set(same.map(({ file }) => file))];
  const doers = files.filter((file) => !DESCRIBES.test(file));
  return doers.length > 0 ? doers : files;
}

function lineOf({ clause, code, tests, verdict }: Row): string {
  const { id, section, level, requirement, why } = clause;
  const result = why === undefined ? verdict : `${verdict}: ${cell(why)}`;
  const place = section === '' ? '' : `§${section}`;
  return `| ${id} | ${place} | ${level} | ${cell(requirement)} | ${links(code)} | ${links(tests)} | ${result} |`;
}

function sectionOf(rfc: number, rows: readonly Row[]): string {
  const head = '| id | section | level | requirement | code | tests | met |\n|---|---|---|---|---|---|---|';
  return `## RFC ${rfc}\n\n${head}\n${rows.map(lineOf).join('\n')}\n`;
}

function countsOf(name: string, rows: readonly Row[]): string {
  const counts = VERDICTS.map((verdict) => rows.filter((row) => row.verdict === verdict).length);
  return `| ${name} | ${rows.length} | ${counts.join(' | ')} |`;
}

function documentOf(rows: readonly Row[]): string {
  const byRfc = new Map<number, Row[]>();
  for (const row of rows) byRfc.set(row.clause.rfc, [...(byRfc.get(row.clause.rfc) ?? []), row]);
  const counts = [...byRfc].map(([rfc, own]) => countsOf(`[RFC ${rfc}](#rfc-${rfc})`, own));
  const sections = [...byRfc].map(([rfc, own]) => sectionOf(rfc, own));
  return `# RFC coverage

Generated by \`npm run coverage:rfc\` from [rfc-clauses.json](rfc-clauses.json), the citations in \`src/\` and the titles
of the tests. MUST, SHLD, MAY and REC are the labels of RFC 9293, Appendix B; the other ids are this project's own. A
clause is met when a test names it that \`npm test\` runs, since a test that fails or is left out turns that red
([how](CONTRIBUTING.md#the-gate)). \`deviation\`: we do otherwise, and why. \`n/a\`: there is nothing that it could bind.

| RFC | clauses | yes | deviation | n/a | open |
|---|---|---|---|---|---|
${counts.join('\n')}
${countsOf('all', rows)}

${sections.join('\n')}`;
}

function main(): void {
  const clauses = JSON.parse(readFileSync(INPUT, 'utf8')) as Clause[];
  const names = new ClauseNames(clauses);
  const { named, citations } = readSources(names);
  const { tests, complaints } = readTitles(names);
  complaints.push(...complaintsAboutList(clauses, existsSync));
  const rows = clauses.map((clause): Row => {
    const code = placesOf(clause, named, citations);
    const own = [...(tests.get(normal(clause.id)) ?? [])];
    complaints.push(...complaintsAboutEvidence(clause, { code, tests: own }));
    return { clause, code, tests: own, verdict: verdictOf(clause, own) };
  });
  complaints.push(...textsThatCite().flatMap(complaintsAboutCitations));
  for (const line of new Set(complaints)) console.error(line);
  const current = generate({ [OUTPUT]: documentOf(rows) }, process.argv.includes('--check'));
  console.log(
    `RFC coverage: ${rows.length} clauses: ${summaryOf(rows.map(({ verdict }) => verdict))}` +
      (complaints.length > 0 ? `; ${complaints.length} complaints` : ''),
  );
  process.exitCode = current && complaints.length === 0 ? 0 : 1;
}

const verify = process.argv.indexOf('--verify');
if (verify < 0) main();
else process.exitCode = (await verifyClauses(process.argv.slice(verify + 1))) ? 0 : 1;
