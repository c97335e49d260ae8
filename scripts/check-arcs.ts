/**
 * Every row of the tables in src/tcp/transitions.ts is taken by some code: a row without a call site
 * is a drawing. (That no code takes an arrow outside the tables is checked by the compiler.)
 *
 *     node --import tsx scripts/check-arcs.ts [--list]
 */

import { readFileSync } from 'node:fs';
import { ARCS, ARCS_FROM_ANY } from '../src/tcp/transitions.ts';
import { filesUnder } from './files.js';

const TABLE = 'src/tcp/transitions.ts';
const sources = filesUnder('src')
  .filter((file) => file.endsWith('.ts') && file !== TABLE)
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }));

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The places, `file:line`, where `pattern` matches. */
function placesOf(pattern: RegExp): string[] {
  return sources.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].map(({ index }) => `${file}:${text.slice(0, index).split('\n').length}`),
  );
}

/** The call, an arrow of the figure written out: `transition(tcb, 'ESTABLISHED', 'rcv FIN', 'CLOSE-WAIT')`. */
function callOf(from: string, on: string, to: string): RegExp {
  const literals = [from, on, to].map((text) => `'${escapeRegExp(text)}'`).join(',\\s*');
  return new RegExp(`\\btransition\\(\\s*[\\w.]+,\\s*${literals},?\\s*\\)`, 'g');
}

const rows = [
  ...ARCS.map(({ from, on, to }) => ({
    name: `${from} ── ${on} ──▶ ${to}`,
    places: placesOf(callOf(from, on, to)),
  })),
  // These are handed on from where the event is noticed to where the connection ends.
  ...ARCS_FROM_ANY.map(({ on }) => ({
    name: `any ── ${on} ──▶ CLOSED`,
    places: placesOf(new RegExp(`'${escapeRegExp(on)}'`, 'g')),
  })),
];

for (const { name, places } of rows) {
  if (process.argv.includes('--list')) console.log(`${name}\n    ${places.join('\n    ')}`);
  if (places.length === 0) console.error(`no code takes the arrow ${name}`);
}
process.exitCode = rows.every(({ places }) => places.length > 0) ? 0 : 1;
