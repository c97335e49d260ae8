// Which files `npm test` runs, and how.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder } from './files.js';

/** In the order in which they run. `concurrency`: files at once; 1 where they load or measure the machine. */
export const GROUPS = [
  { name: 'core', folders: ['unit', 'property', 'contract', 'conformance', 'net-api', 'support'] },
  { name: 'sim', folders: ['sim', 'fuzz', 'security'] },
  { name: 'node-versions' },
  // Each in a namespace of its own, and mostly waiting.
  { name: 'ladders', folders: ['ladders'], concurrency: 3 },
  { name: 'integration', folders: ['integration'], concurrency: 1 },
];

export function testFiles() {
  return filesUnder('test').filter((file) => file.endsWith('.test.ts'));
}

/**
 * The files whose tests `npm test` runs: the test files of its groups, what these import from test/
 * (tables of rows with titles), and the scripts beside them that are not meant to fail.
 */
export function filesThatRun() {
  const folders = new Set(GROUPS.flatMap((group) => group.folders ?? []));
  const inGroup = (file) => folders.has(file.split('/')[1]);
  const found = new Set(filesUnder('test').filter((file) => file.endsWith('.pkt') && inGroup(file)));
  const waiting = testFiles().filter(inGroup);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export|}) .*\bfrom '(\.[^']+)'/gm,
    )) {
      const imported = join(file, '..', path);
      if (imported.startsWith('test/') && existsSync(imported)) waiting.push(imported);
    }
  }
  return found;
}
