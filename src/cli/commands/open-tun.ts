/** `fourwave open-tun REQUEST`: what an ordinary user's `up` runs under sudo. Not for people. */

import type { Command } from 'commander';

export function addOpenTun(program: Command): void {
  program
    .command('open-tun', { hidden: true })
    .argument('<request>')
    .action(async (request: string) => {
      const { serveOpenRequest } = await import('../../device/elevate.ts');
      serveOpenRequest(request);
    });
}
