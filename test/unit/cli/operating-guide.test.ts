/** docs/operating.md speaks only of sentences that the program has. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The strings of all sources; what a template computes is a gap. */
function allSources(): string {
  return ['src/cli', 'src/device']
    .flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => readFileSync(`${ROOT}${folder}/${file}`, 'utf8')),
    )
    .join('\n')
    .replaceAll(/%\w+%/g, '…')
    .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…')
    .replaceAll("\\'", "'");
}

/** What the first columns of the tables quote. */
function quoted(): string[] {
  const tables = readFileSync(`${ROOT}docs/operating.md`, 'utf8').split('\n## ').slice(1).join('\n');
  return [...tables.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  );
}

test('every sentence of docs/operating.md is in the program', () => {
  const sources = allSources();
  const sentences = quoted();
  assert.ok(sentences.length > 30);
  for (const sentence of sentences) {
    for (const part of sentence.split('…').map((piece) => piece.trim())) {
      assert.ok(sources.includes(part), `${JSON.stringify(part)} of ${JSON.stringify(sentence)}`);
    }
  }
});
