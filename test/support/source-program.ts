/** Programs of this repository in a process of their own: compiled where this one is, else by way of tsx. */

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TSX = ['--import', 'tsx'];

/** A TypeScript file as JavaScript, when this process runs such, or null. */
function compiledFrom(source: string): string | null {
  const compiled = join(ROOT, 'build/test', relative(ROOT, source)).replace(/\.ts$/, '.js');
  return process.argv[1]?.endsWith('.js') === true && existsSync(compiled) ? compiled : null;
}

/** Arguments of node for the program in this file. */
export function programArguments(source: string): string[] {
  const compiled = compiledFrom(source);
  return compiled === null ? [...TSX, source] : [compiled];
}

/** Arguments of node for a text that imports modules by {@link moduleOf}; to be run in the repository's folder. */
export function textArguments(text: string): string[] {
  return [
    ...(compiledFrom(join(ROOT, 'src/index.ts')) === null ? TSX : []),
    '--input-type=module',
    '-e',
    text,
  ];
}

/** How such a text imports a file of `src/`. */
export function moduleOf(source: string): string {
  return compiledFrom(join(ROOT, source)) ?? join(ROOT, source);
}
