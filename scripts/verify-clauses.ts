/**
 * Whether the tests that name a clause bind it: the code of the clause is broken (test/mutation/), and
 * of the tests whose title names it, and only those, one must fail; without the fault all must pass.
 *
 *     npm run coverage:rfc -- --verify [all | ID…]
 *
 * Without a choice twenty clauses are asked, from as many RFCs as there are.
 */

import { existsSync, readFileSync } from 'node:fs';
import { MUTANTS } from '../test/mutation/index.ts';
import type { Mutant } from '../test/mutation/mutant.ts';
import { readTests } from './coverage-table.ts';
import { makeTrees, runTests, staleMutants, type Tree, testFiles, Unmutated, withMutant } from './mutants.ts';
import { type Clause, ClauseNames, normal } from './rfc-gate.ts';

const SAMPLE = 20;

interface Case {
  readonly clause: Clause;
  readonly mutant: Mutant;
  /** Test files that name the clause, as `testFiles` has them. */
  readonly files: readonly string[];
  /** What a title that names it looks like. */
  readonly pattern: string;
}

/** "MUST-13", "SHOULD-2" for "SHLD-2", "EV-8" for "EV-08", the 31 of "MUST-30/31"; not "RFC 5681 MUST-13". */
function patternOf(id: string): string {
  const [prefix = '', number = ''] = id.split('-');
  const name = prefix === 'SHLD' ? '(?:SHLD|SHOULD)' : prefix;
  return `(?<!RFC (?!9293)\\d+ )\\b${name}-(?:\\d+/)*0*${Number(number)}(?!\\d)`;
}

function allCases(): Case[] {
  const clauses = JSON.parse(readFileSync('docs/rfc-clauses.json', 'utf8')) as Clause[];
  const names = new ClauseNames(clauses);
  const can = new Set(testFiles());
  const named = readTests((title) => names.idsIn(title));
  return MUTANTS.flatMap((mutant) =>
    (mutant.clauses ?? []).map((id) => {
      const clause = clauses.find((one) => one.id === id) as Clause;
      const naming = [...new Set([...(named.get(normal(id)) ?? [])].map(shortName))];
      const files = naming.filter((file) => can.has(file));
      // The test that is expected to notice tells soonest.
      files.sort((a, b) => Number(b === mutant.killer) - Number(a === mutant.killer));
      return { clause, mutant, files, pattern: patternOf(id) };
    }),
  );
}

/** A script runs in the test of all scripts. */
function shortName(file: string): string {
  if (file.endsWith('.pkt')) return 'conformance/drill';
  return file.replace(/^test\//, '').replace(/\.test\.ts$/, '');
}

/** One clause of each RFC, then a second of each, and so on. */
function sample(cases: readonly Case[]): Case[] {
  const byRfc = new Map<number, Case[]>();
  const seen = new Set<string>();
  for (const one of cases) {
    if (seen.has(one.clause.id)) continue;
    seen.add(one.clause.id);
    byRfc.set(one.clause.rfc, [...(byRfc.get(one.clause.rfc) ?? []), one]);
  }
  const rounds = Math.max(...[...byRfc.values()].map(({ length }) => length));
  const chosen: Case[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const own of byRfc.values()) chosen.push(...own.slice(round, round + 1));
  }
  return chosen.slice(0, SAMPLE);
}

function choose(words: readonly string[]): Case[] {
  const cases = allCases();
  if (words.length === 0) return sample(cases);
  if (words.includes('all')) return cases;
  const chosen = cases.filter(({ clause }) => words.includes(clause.id));
  if (chosen.length === 0) throw new Error(`no mutant breaks ${words.join(' or ')}`);
  return chosen;
}

/** The title that turned red, or what is wrong. */
async function verify(
  one: Case,
  tree: Tree,
  unmutated: Unmutated,
): Promise<{ red?: string; wrong?: string }> {
  const limits = new Map<string, number>();
  for (const file of one.files) {
    const { failed, passed } = await unmutated.outcomeOf(file, one.pattern);
    if (failed !== null) return { wrong: `fails without a fault: ${file}: ${failed}` };
    if (passed > 0) limits.set(file, await unmutated.limitOf(file, one.pattern));
  }
  if (limits.size === 0) return { wrong: 'no test without root names it' };
  return withMutant(tree, one.mutant, async () => {
    for (const [file, limit] of limits) {
      const { failed } = await runTests(tree, file, limit, one.pattern);
      if (failed !== null) return { red: `${file}: ${failed}` };
    }
    return { wrong: `its tests stay green although ${one.mutant.why}` };
  });
}

/** True when each clause, broken, has turned its own test red. */
export async function verifyClauses(words: readonly string[]): Promise<boolean> {
  if (!existsSync('docs/rfc-clauses.json')) throw new Error('to be run in the root of the repository');
  const cases = choose(words);
  const stale = staleMutants(cases.map(({ mutant }) => mutant));
  for (const line of stale) console.error(line);
  if (stale.length > 0) return false;
  const [clean, broken] = (await makeTrees(2)) as [Tree, Tree];
  const unmutated = new Unmutated(clean);
  let wrong = 0;
  for (const one of cases) {
    const result = await verify(one, broken, unmutated);
    if (result.wrong !== undefined) wrong++;
    const name = `RFC ${one.clause.rfc} ${one.clause.id}`.padEnd(17);
    console.log(
      `${result.wrong === undefined ? '✔' : '✖'} ${name} ${one.mutant.id}: ${result.red ?? result.wrong}`,
    );
  }
  console.log(`${cases.length - wrong} of ${cases.length} broken clauses turned their own test red`);
  return wrong === 0;
}
