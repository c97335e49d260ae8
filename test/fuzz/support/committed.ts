/** The inputs in the repository. */

import { join } from 'node:path';
import { readInputs } from './inputs.ts';
import { engineSeeds } from './seeds.ts';

export interface CommittedInput {
  bytes: Uint8Array;
  about: string;
}

/** `import.meta.dirname` is that of the source, compiled or not; Node 20.10 has none. */
const FUZZ = new URL('..', import.meta.url).pathname;

/** What has broken the stack before. */
export function crashesOf(target: string): CommittedInput[] {
  return readInputs(join(FUZZ, 'crashes', `${target}.txt`));
}

export function corpusOf(target: string): CommittedInput[] {
  return readInputs(join(FUZZ, 'corpus', `${target}.txt`));
}

/** Everything that a run begins with. */
export function inputsOf(target: string): CommittedInput[] {
  const seeds = target === 'engine' ? engineSeeds() : [];
  return [...crashesOf(target), ...corpusOf(target), ...seeds];
}
