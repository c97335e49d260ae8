/** What the kernel lets this process do. */

import { readFileSync } from 'node:fs';

/** Bit number of CAP_NET_ADMIN. */
const NET_ADMIN = 12n;

/** Whether this process may make network interfaces. False where the kernel does not say. */
export function hasNetAdmin(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return effective !== undefined && ((BigInt(`0x${effective}`) >> NET_ADMIN) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** How many files this process may have open at a time; Infinity where the kernel does not say. */
export function openFilesAllowed(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
