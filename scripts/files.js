// Files and their contents, for the scripts that ask whether something is up to date.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** All files under `folder`, sorted, as paths that begin with it. */
export function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** A hash over names and contents; missing files count as empty. */
export function contentHash(files, salt = '') {
  const hash = createHash('sha256').update(salt);
  for (const file of files) {
    hash.update(`\0${file}\0`);
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}

/**
 * Writes the generated `files` ({ path: content }), or with `check` only compares.
 * False when something would change.
 */
export function generate(files, check) {
  let current = true;
  for (const [path, content] of Object.entries(files)) {
    if (existsSync(path) && readFileSync(path, 'utf8') === content) continue;
    current = false;
    if (check) process.stderr.write(`${path} is not current: run npm run generate\n`);
    else writeFileSync(path, content);
  }
  return current || !check;
}
