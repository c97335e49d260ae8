/** Commands that run a whole stack in their own process. They alone load one, and only when they run. */

import type { Command } from 'commander';

function collected(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

export interface DrillOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly config: readonly string[];
  readonly offload: string;
  readonly from?: string;
}

export function addDrill(program: Command): void {
  program
    .command('drill')
    .description('packetdrill scripts, in virtual time, without root')
    .argument('[file...]', 'scripts; with --from the connection of the recording, such as c1')
    .option('--from <recording>', 'print a connection of a recording as a script, and run it')
    .option('--offload <mode>', 'off, csum or tso4: what the device does for the stack', 'off')
    .option('--config <key=value>', 'an option of the stack, before the script’s own', collected, [])
    .option('--verbose', 'print every packet')
    .option('--json', 'print JSON and nothing else')
    .action(async (files: string[], options: DrillOptions) => {
      const { drill } = await import('./drill.ts');
      drill(files, options);
    });
}

export interface ReplayOptions {
  readonly until?: string;
  readonly with: readonly string[];
  readonly json?: boolean;
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('run a recording again, byte-identical')
    .argument('<file>', 'a recording, of fourwave up --record')
    .option('--until <n>', 'stop at this event, and show the whole control block of its connection')
    .option(
      '--with <rule>',
      'with this fault rule in place of those of the recording, or none; may be repeated',
      collected,
      [],
    )
    .option('--json', 'print JSON and nothing else')
    .action(async (file: string, options: ReplayOptions) => {
      const { replay } = await import('./replay.ts');
      replay(file, options);
    });
}
