/**
 * docs/rfc-clauses.json, the citations in src/ and the titles of the tests → docs/rfc-coverage.md:
 * every clause, where it is in the code, which tests name it, and whether it is met.
 *
 *     node --import tsx scripts/rfc-coverage.ts [--check]
 *
 * A test names a clause by its id anywhere in its title: "RFC 9293 MUST-13: …", "EV-08 and EV-09 …",
 * "MUST-30/31". `--check` fails when the file is not current or an obsolete RFC is cited in src/.
 */

import { readFileSync } from 'node:fs';
import { filesUnder, generate } from './files.js';

const OUTPUT = 'docs/rfc-coverage.md';
/** Obsoleted, with what replaced it. */
const OBSOLETE = new Map([
  ['793', '9293'],
  ['1323', '7323'],
  ['2581', '5681'],
  ['2988', '6298'],
]);
const MOST_PLACES = 4;

interface Clause {
  id: string;
  rfc: number;
  section: string;
  level: string;
  requirement: string;
  /** Decided by hand; without it the tests decide. */
  status?: 'deviation' | 'not applicable';
  why?: string;
}

interface Citation {
  file: string;
  rfc: string;
  section: string;
}

const clauses = JSON.parse(readFileSync('docs/rfc-clauses.json', 'utf8')) as Clause[];
const prefixes = [...new Set(clauses.map(({ id }) => id.split('-')[0] as string))];
const ids = new Set(clauses.map(({ id }) => normal(id)));

/** Labels of RFC 9293's own table; the other prefixes are of this project. */
const LABELS = new Set(['MUST', 'SHLD', 'MAY', 'REC']);

/** "EV-8" and "EV-08" are one, and so are "SHOULD-2" and "SHLD-2". */
function normal(id: string): string {
  const [prefix, number] = id.split('-');
  return `${prefix === 'SHOULD' ? 'SHLD' : prefix}-${Number(number)}`;
}

/** Clauses named in `text`. A label of Appendix B that follows another RFC's number is not RFC 9293's. */
function idsIn(text: string): string[] {
  const pattern = new RegExp(
    `(?:RFC (\\d+)(?: §[\\d.]+)? \\(?)?\\b(${[...prefixes, 'SHOULD'].join('|')})-(\\d+)((?:/\\d+)*)`,
    'g',
  );
  const found: string[] = [];
  for (const [, rfc, prefix, first, rest] of text.matchAll(pattern)) {
    if (LABELS.has(prefix as string) && rfc !== undefined && rfc !== '9293') continue;
    const numbers = [first as string, ...(rest as string).split('/').slice(1)];
    found.push(...numbers.map((number) => normal(`${prefix}-${number}`)).filter((id) => ids.has(id)));
  }
  return found;
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}

/** Clause → source files that name it; and all citations of sections. */
function readSources(): { named: Map<string, Set<string>>; citations: Citation[]; obsolete: string[] } {
  const named = new Map<string, Set<string>>();
  const citations: Citation[] = [];
  const obsolete: string[] = [];
  for (const file of filesUnder('src').filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(file, 'utf8');
    for (const id of idsIn(text)) add(named, id, file);
    for (const [, rfc, section] of text.matchAll(/RFC (\d+) §([\dA-Z][\d.]*\d|\d)/g)) {
      citations.push({ file, rfc: rfc as string, section: section as string });
    }
    for (const [whole, rfc] of text.matchAll(/\bRFC[ -]?0*(\d+)\b/g)) {
      const successor = OBSOLETE.get(rfc as string);
      if (successor !== undefined) obsolete.push(`${file}: ${whole} is obsolete: cite RFC ${successor}`);
    }
  }
  return { named, citations, obsolete };
}

/** Clause → tests that name it. Skipped and todo tests prove nothing. */
function readTests(): Map<string, Set<string>> {
  const named = new Map<string, Set<string>>();
  const title =
    /\b(?:test|it|describe|suite|scenario)\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1(?!\s*,\s*\{\s*(?:skip|todo):\s*true)/g;
  for (const file of filesUnder('test').filter((name) => name.endsWith('.ts'))) {
    for (const [, , text] of readFileSync(file, 'utf8').matchAll(title)) {
      for (const id of idsIn(text as string)) add(named, id, file);
    }
  }
  return named;
}

function placesOf(clause: Clause, named: Map<string, Set<string>>, citations: Citation[]): string[] {
  const own = named.get(normal(clause.id));
  if (own !== undefined) return [...own];
  const section = /^[A-Z]?[\d.]*\d/.exec(clause.section)?.[0];
  const same = citations.filter(({ rfc, section: cited }) => rfc === String(clause.rfc) && cited === section);
  return [...new Set(same.map(({ file }) => file))];
}

function statusOf(clause: Clause, tests: number): string {
  return clause.status ?? (tests > 0 ? 'yes' : 'not yet');
}

function links(files: readonly string[]): string {
  const shown = files
    .slice(0, MOST_PLACES)
    .map((file) => `[${file.replace(/^(src|test)\//, '')}](../${file})`);
  return (
    shown.join('<br>') + (files.length > MOST_PLACES ? `<br>and ${files.length - MOST_PLACES} more` : '')
  );
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

function main(): void {
  const check = process.argv.includes('--check');
  const { named, citations, obsolete } = readSources();
  const tests = readTests();
  const counts = new Map<string, number>();
  const byRfc = new Map<number, string[]>();
  for (const clause of clauses) {
    const { id, rfc, section, level, requirement, why } = clause;
    const testFiles = [...(tests.get(normal(id)) ?? [])];
    const status = statusOf(clause, testFiles.length);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    const verdict = why === undefined ? status : `${status}: ${cell(why)}`;
    const code = links(placesOf(clause, named, citations));
    const row = `| ${id} | ${section && `§${section}`} | ${level} | ${cell(requirement)} | ${code} | ${links(testFiles)} | ${verdict} |`;
    byRfc.set(rfc, [...(byRfc.get(rfc) ?? []), row]);
  }
  const summary = [...counts].map(([status, count]) => `${status} ${count}`).join(', ');
  const sections = [...byRfc].map(
    ([rfc, rows]) =>
      `## RFC ${rfc}\n\n| id | section | level | requirement | code | tests | met |\n|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
  const document = `# RFC coverage

Generated by \`npm run generate\` from [rfc-clauses.json](rfc-clauses.json), the citations in \`src/\` and the titles of the
tests. MUST, SHLD, MAY and REC are the labels of RFC 9293, Appendix B; the other ids are this project's own. A clause
is met when a test names it, since \`npm test\` runs them all.

${clauses.length} clauses: ${summary}.

${sections.join('\n')}`;
  for (const line of obsolete) console.error(line);
  const current = generate({ [OUTPUT]: document }, check);
  console.log(`RFC coverage: ${clauses.length} clauses: ${summary}`);
  process.exitCode = current && obsolete.length === 0 ? 0 : 1;
}

main();
