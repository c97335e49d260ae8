/** Writes docs/event-log.schema.json from src/trace/schema.ts; `--check` only says whether it is current. */

import { readFileSync, writeFileSync } from 'node:fs';
import { jsonSchema } from '../src/trace/schema.ts';

const file = new URL('../docs/event-log.schema.json', import.meta.url);
const wanted = `${JSON.stringify(jsonSchema(), null, 2)}\n`;

if (process.argv.includes('--check')) {
  let present = '';
  try {
    present = readFileSync(file, 'utf8');
  } catch {
    // Missing is as bad as old.
  }
  if (present !== wanted) {
    console.error('docs/event-log.schema.json is not current: node --import tsx scripts/event-schema.ts');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, wanted);
}
