/** Labs by what people type. */

import { findLab as find, LABS } from '../../labs/catalogue/index.ts';
import type { Lab } from '../../labs/lab.ts';
import { nearest } from '../../stack/config-values.ts';
import { usage } from '../errors.ts';

/** @throws CliError that names the nearest */
export function findLab(id: string): Lab {
  const lab = find(id);
  if (lab !== undefined) return lab;
  const guess = nearest(
    id,
    LABS.map((one) => one.id),
  );
  const hint = guess === null || guess === undefined ? '' : `, perhaps ${guess}`;
  throw usage(`there is no lab ${JSON.stringify(id)}${hint}: "fourwave lab list" shows all`);
}

/** Of `lab check`: nothing or `all`, ids, or the name of a group such as `close`. @throws CliError */
export function chosenLabs(words: readonly string[]): readonly Lab[] {
  if (words.length === 0 || words.includes('all')) return LABS;
  const chosen = words.flatMap((word) => {
    const group = LABS.filter((lab) => lab.group === word);
    return group.length > 0 ? group : [findLab(word)];
  });
  return [...new Set(chosen)];
}

export { LABS };
