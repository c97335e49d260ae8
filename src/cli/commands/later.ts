/** Commands whose arguments are understood and whose work is not built yet. */

import type { Command } from 'commander';
import { notBuilt } from '../errors.ts';
import { withControl } from './common.ts';

const refuse = (name: string) => (): never => {
  throw notBuilt(`"fourwave ${name}"`);
};

export function addLater(program: Command): void {
  withControl(program.command('watch')).description('ss, live, with countdown bars').action(refuse('watch'));
  addLabs(program);
}

function addLabs(program: Command): void {
  const lab = program.command('lab').description('hands-on labs');
  lab
    .command('list')
    .description('all labs')
    .option('--json', 'print JSON and nothing else')
    .action(refuse('lab list'));
  for (const [name, text, argument] of [
    ['run', 'do a lab', '<id>'],
    ['check', 'run the checks of labs', '[id...]'],
    ['doctor', 'what labs need here', ''],
    ['new', 'a lab of your own', '[name]'],
  ] as const) {
    const command = lab.command(name).description(text);
    if (argument !== '') command.argument(argument);
    command
      .option('--sim', 'in the simulator')
      .option('--real', 'with real programs')
      .option('--auto', 'type for me')
      .action(refuse(`lab ${name}`));
  }
}
