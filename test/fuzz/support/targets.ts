/** The targets by name. */

import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Fuzz = (data: Uint8Array, log?: ((line: string) => void) | null) => void;

const LOAD = {
  wire: () => import('../targets/wire.ts'),
  reassembly: () => import('../targets/reassembly.ts'),
  posix: () => import('../targets/posix.ts'),
  engine: () => import('../targets/engine.ts'),
} satisfies Record<string, () => Promise<{ fuzz: Fuzz }>>;

export type TargetName = keyof typeof LOAD;
export const TARGETS = Object.keys(LOAD) as TargetName[];

/**
 * A target's function. `folder`: of other targets, compiled.
 *
 * @throws RangeError when there is none of this name
 */
export async function loadTarget(name: string, folder?: string): Promise<Fuzz> {
  if (folder !== undefined && !TARGETS.includes(name as TargetName)) {
    const module = pathToFileURL(resolve(join(folder, `${name}.js`)));
    return ((await import(module.href)) as { fuzz: Fuzz }).fuzz;
  }
  if (!TARGETS.includes(name as TargetName)) throw new RangeError(`no target is called ${name}`);
  return (await LOAD[name as TargetName]()).fuzz;
}
