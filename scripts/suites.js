// Which files `npm test` runs, and how.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder } from './files.js';

/**
 * `load`: cores that one file keeps busy, most of the time. `seconds`: about how long it takes. What is
 * known better of a file is in {@link KNOWN}; the order of the groups is that of the table at the end.
 */
export const GROUPS = [
  {
    name: 'core',
    folders: ['unit', 'property', 'contract', 'conformance', 'net-api', 'support'],
    load: 1,
    seconds: 1,
  },
  { name: 'sim', folders: ['sim', 'labs', 'fuzz', 'security'], load: 1, seconds: 3 },
  { name: 'node-versions', load: 1, seconds: 1 },
  // Each in a namespace of its own, and mostly waiting.
  { name: 'ladders', folders: ['ladders'], load: 0.3, seconds: 8 },
  { name: 'integration', folders: ['integration'], load: 0.6, seconds: 8 },
];

/** What files need that differs from their group: the first path that fits. Here is what takes ten seconds or more. */
const KNOWN = [
  ['fuzz/engine', { seconds: 80 }],
  ['fuzz/others', { seconds: 52 }],
  ['fuzz/planted', { seconds: 16 }],
  ['security/isn', { seconds: 10 }],
  ['security/timestamps', { seconds: 10 }],
  ['sim/time-wait-million', { seconds: 10 }],
  ['conformance/attacks/', { seconds: 5 }],
  ['property/tcp-streams', { seconds: 8 }],
  // Waits for programs that must not end, and for timeouts.
  ['net-api/lifetime', { seconds: 7, load: 0.4 }],
  // Both ends compute, the stack and the programs that talk to it.
  ['integration/interop/clean', { seconds: 90, load: 1.4 }],
  ['integration/interop/bad', { seconds: 55, load: 0.8 }],
  ['integration/soak/', { seconds: 70, load: 1.4 }],
  // It counts pages of memory; and its clients are so many that the kernel resets orphans, also of other namespaces.
  ['integration/hostile/capacity', { seconds: 12, alone: true }],
  ['integration/hostile/syn-flood', { seconds: 30, load: 1.4 }],
  ['integration/hostile/hping3', { seconds: 15, load: 1 }],
  ['integration/hostile/', { seconds: 12, load: 0.4 }],
  ['integration/kernel/bulk', { seconds: 20, load: 1.4 }],
  ['integration/kernel/curl', { seconds: 15, load: 1 }],
  ['integration/kernel/capture', { seconds: 30, load: 0.4 }],
  ['integration/kernel/', { seconds: 8, load: 0.4 }],
  ['integration/cli/usage', { seconds: 35, load: 1 }],
  ['integration/cli/running', { seconds: 15 }],
  ['labs/catalogue', { seconds: 12 }],
  // Mostly waiting for the kernel's timers, three labs at a time.
  ['integration/labs/real', { seconds: 230, load: 2 }],
  ['integration/labs/typed', { seconds: 90, load: 0.6 }],
  ['integration/labs/mistakes', { seconds: 60, load: 0.6 }],
  ['integration/labs/', { seconds: 20, load: 1 }],
  ['integration/operator/', { seconds: 15 }],
];

function testGroup(file) {
  return GROUPS.find(({ folders }) => folders?.includes(file.split('/')[1]));
}

/** The name of a file's group, and what it needs of the machine: `{ group, load, seconds, alone }`. */
export function needsOf(file) {
  const { name, load, seconds } = testGroup(file) ?? GROUPS[0];
  const known = KNOWN.find(([part]) => file.startsWith(`test/${part}`))?.[1];
  return { group: name, load, seconds, alone: false, ...known };
}

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
