/**
 * One input again, without a fuzzer:
 *
 *     node --import tsx test/fuzz/replay.ts TARGET FILE             runs it and tells what happens
 *     node --import tsx test/fuzz/replay.ts TARGET FILE --minimize  a smaller one that fails alike
 */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { encodeInput, readInput } from './support/inputs.ts';
import { minimize } from './support/minimize.ts';
import { loadTarget } from './support/targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minimize: { type: 'boolean', default: false }, targets: { type: 'string' } },
});
const [name, file] = positionals;
if (name === undefined || file === undefined) {
  process.stderr.write('usage: replay.ts TARGET FILE [--minimize]\n');
  process.exit(2);
}
const fuzz = await loadTarget(name, values.targets);
const bytes = readInput(file, readFileSync(file));
if (values.minimize) {
  process.stdout.write(`${encodeInput(minimize(bytes, fuzz))}\n`);
} else {
  fuzz(bytes, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write('nothing is wrong\n');
}
