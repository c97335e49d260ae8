/**
 * Real labs are real time: the kernel delays an ACK by 40 ms, and a program that gets no processor for longer
 * draws another ladder, which is right, too. Whether that may have happened is the kernel's to say.
 */

import { readFileSync } from 'node:fs';

/** Of the time, in which somebody waited for a processor. */
const MUCH = 0.1;

/** ms in all, 0 where the kernel does not tell. */
function waited(): number {
  try {
    const text = readFileSync('/proc/pressure/cpu', 'utf8');
    return Number(/^some .*total=(\d+)/m.exec(text)?.[1] ?? 0) / 1000;
  } catch {
    return 0;
  }
}

/** Begins to watch; the answer says which part of the time until then somebody waited, when that is much. */
export function watchForStarvation(): () => number | null {
  const begun = performance.now();
  const before = waited();
  return () => {
    const share = (waited() - before) / (performance.now() - begun);
    return share > MUCH ? share : null;
  };
}
