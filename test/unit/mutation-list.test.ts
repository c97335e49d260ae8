/** The list of test/mutation/ fits the source: each fault still finds its place, and nothing is left out. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MUTANTS } from '../mutation/index.ts';
import { applyMutant } from '../mutation/mutant.ts';

function idsOf(file: string): Set<string> {
  const entries = JSON.parse(readFileSync(file, 'utf8')) as { id: string }[];
  return new Set(entries.map(({ id }) => id));
}

test('every mutant’s text stands exactly once in its file, and is another afterwards', () => {
  const texts = new Map<string, string>();
  const stale: string[] = [];
  for (const mutant of MUTANTS) {
    const text = texts.get(mutant.file) ?? readFileSync(mutant.file, 'utf8');
    texts.set(mutant.file, text);
    const mutated = applyMutant(mutant, text);
    if (typeof mutated === 'number') stale.push(`${mutant.id}: ${mutated} times in ${mutant.file}`);
    else assert.notEqual(mutated, text, mutant.id);
  }
  assert.deepEqual(stale, [], 'stale mutants: give their `find` the text that stands there now');
});

test('ids are unique, killers exist, rows and clauses are known', () => {
  const rows = idsOf('docs/attacks.json');
  const clauses = idsOf('docs/rfc-clauses.json');
  assert.equal(new Set(MUTANTS.map(({ id }) => id)).size, MUTANTS.length);
  for (const { id, killer, ...mutant } of MUTANTS) {
    assert.ok(existsSync(`test/${killer}.test.ts`), `${id}: test/${killer}.test.ts`);
    for (const row of mutant.rows ?? []) assert.ok(rows.has(row), `${id}: ${row}`);
    for (const clause of mutant.clauses ?? []) assert.ok(clauses.has(clause), `${id}: ${clause}`);
  }
});

test('S01 to S56: each has a mutant', () => {
  const covered = new Set(MUTANTS.flatMap(({ rows }) => rows ?? []));
  const missing = [...idsOf('docs/attacks.json')].filter((id) => id.startsWith('S') && !covered.has(id));
  assert.deepEqual(missing, []);
});
