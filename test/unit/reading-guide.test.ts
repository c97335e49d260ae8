/** docs/reading-guide.md quotes the code as it stands, and leads to files, anchors and labs that exist. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const FILE = 'docs/reading-guide.md';
const GUIDE = readFileSync(FILE, 'utf8');

interface Excerpt {
  readonly file: string;
  readonly text: string;
}

/** `[src/…](../src/…)` on a line of its own, and the block below it. */
function excerptsOf(guide: string): Excerpt[] {
  const found = guide.matchAll(/^\[(src\/[^\]]+)\]\(\.\.\/(src\/[^)]+)\)\n\n```ts\n([\s\S]*?\n)```$/gm);
  return [...found].map(([, name, file, text]) => {
    assert.equal(name, file, 'the link leads where it says');
    return { file: file as string, text: text as string };
  });
}

/** Files and first lines of the excerpts that do not stand in their file, line by line, exactly once. */
function stale(excerpts: readonly Excerpt[]): string[] {
  return excerpts
    .filter(({ file, text }) => `\n${readFileSync(file, 'utf8')}`.split(`\n${text}`).length !== 2)
    .map(({ file, text }) => `${file}: ${text.split('\n')[0]?.trim()}`);
}

test('every excerpt of the reading guide stands once in the file that it names', () => {
  const excerpts = excerptsOf(GUIDE);
  assert.equal(excerpts.length, GUIDE.match(/^```ts$/gm)?.length, 'each block has its file above it');
  assert.ok(excerpts.length >= 40, `${excerpts.length}`);
  assert.deepEqual(stale(excerpts), [], 'stale: quote what stands there now');
});

test('an excerpt that differs from its file by one character is found', () => {
  const [first] = excerptsOf(GUIDE) as [Excerpt];
  assert.deepEqual(stale([first]), []);
  assert.equal(stale([{ file: first.file, text: first.text.replace(';', ',') }]).length, 1);
});

test('every link of the reading guide leads somewhere, and every lab is one of the catalogue', () => {
  const links = [...GUIDE.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target as string);
  const labs = links.filter((target) => target.startsWith('labs/'));
  const missing = [
    ...links.filter((target) => !target.startsWith('labs/') && !existsSync(join('docs', target))),
    // The pages are generated from the modules.
    ...labs.filter(
      (target) => !existsSync(join('src/labs/catalogue', target.replace(/^labs\//, '').replace(/md$/, 'ts'))),
    ),
  ];
  assert.ok(labs.length >= 40, `${labs.length}`);
  assert.deepEqual(missing, []);
});
