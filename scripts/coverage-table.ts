/** What the tables "row × tests × result" in docs/ share: which tests name a row, and how a cell is written. */

import { readFileSync } from 'node:fs';
import { scriptHead } from '../src/drill/head.ts';
import { filesUnder } from './files.js';

const MOST_PLACES = 4;

/** id → the files that name it. */
export type Naming = Map<string, Set<string>>;

export function add(map: Naming, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}

/**
 * id → tests that name it in a title, in the `title:` of a row where a table makes tests, or in the
 * head of a script of test/conformance. Skipped and todo tests prove nothing.
 *
 * @param idsIn - the ids in a title.
 * @param chosen - which of the files under test/ count.
 */
export function readTests(
  idsIn: (title: string) => readonly string[],
  chosen: (file: string) => boolean = () => true,
): Naming {
  const named: Naming = new Map();
  const title =
    /\b(?:(?:test|it|describe|suite|scenario|ladder)\(|title:)\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1(?!\s*,\s*\{[^}]*\b(?:skip|todo):\s*(?:true|['"`]))/g;
  for (const file of filesUnder('test').filter((name) => name.endsWith('.ts') && chosen(name))) {
    for (const [, , text] of readFileSync(file, 'utf8').matchAll(title)) {
      for (const id of idsIn(text as string)) add(named, id, file);
    }
  }
  // A script's head is the title of its test.
  for (const file of filesUnder('test').filter((name) => name.endsWith('.pkt') && chosen(name))) {
    for (const id of idsIn(scriptHead(readFileSync(file, 'utf8')))) add(named, id, file);
  }
  return named;
}

/** Links to the first few of `files`, and how many more there are. */
export function links(files: readonly string[]): string {
  const shown = files
    .slice(0, MOST_PLACES)
    .map((file) => `[${file.replace(/^(src|test)\//, '')}](../${file})`);
  return (
    shown.join('<br>') + (files.length > MOST_PLACES ? `<br>and ${files.length - MOST_PLACES} more` : '')
  );
}

export function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** "yes 120, open 3": how many rows have each result. */
export function summaryOf(results: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const result of results) counts.set(result, (counts.get(result) ?? 0) + 1);
  return [...counts].map(([result, count]) => `${result} ${count}`).join(', ');
}
