/** `fourwave doctor`: what this machine allows, and the one-line cure for what it doesn't. */

import type { Command } from 'commander';
import { type Check, checkMachine } from '../doctor/checks.ts';
import { print, printJson } from '../terminal.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description("what this machine allows, and the one-line cure for what it doesn't")
    .option('--json', 'print JSON and nothing else')
    .action(async (options: { json?: boolean }) => {
      const checks = await checkMachine();
      if (options.json === true) printJson(checks);
      else print(checks.map(checkLine).join('\n'));
      if (checks.some((check) => check.needed && !check.ok)) process.exitCode = 1;
    });
}

/** A check for people. */
export function checkLine({ ok, needed, name, found, cure }: Check): string {
  const mark = ok ? '✓' : needed ? '✗' : '–';
  return `${mark} ${name.padEnd(22)} ${found}${ok || cure === null ? '' : `\n  cure: ${cure}`}`;
}
