/** `fourwave fault add|list|clear`, `hold`, `release` and `inject`. */

import type { Command } from 'commander';
import type { RuleInfo } from '../../faults/faults.ts';
import { faultLine, integer, oneOf } from '../arguments.ts';
import { ask } from '../control/client.ts';
import { word } from '../printable.ts';
import { columns, print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';

export function addFaults(program: Command): void {
  const fault = withJson(program.command('fault')).description(
    'rules that drop, delay, duplicate or change packets',
  );
  withJson(fault.command('add'))
    .description('add a rule (docs/faults.md has the language)')
    .argument('<rule...>', "the rule, such as 'drop out where ack-only && state==TIME-WAIT times 1'")
    .action((words: string[], _options: JsonOptions, command: Command) =>
      add(words.join(' '), 'RULE', command.optsWithGlobals()),
    );
  withJson(fault.command('list'))
    .description('the rules and their hits')
    .action((_options: JsonOptions, command: Command) => list(command.optsWithGlobals()));
  withJson(fault.command('clear'))
    .description('remove one rule, or all')
    .argument('[n]', 'the number of a rule')
    .action((number: string | undefined, _options: JsonOptions, command: Command) =>
      clear(number, command.optsWithGlobals()),
    );
  addShortcuts(program);
}

/** Lines of the language that are commands of their own. */
function addShortcuts(program: Command): void {
  withJson(program.command('hold'))
    .description('keep packets back: as "fault add hold …"')
    .argument('<what...>', 'such as out where fin as f1')
    .action((words: string[], options: JsonOptions) => add(['hold', ...words].join(' '), 'hold', options));
  withJson(program.command('release'))
    .description('let held packets go')
    .argument('<name>', 'the name under which they are held')
    .action((name: string, options: JsonOptions) => add(`release ${name}`, 'release', options));
  withJson(program.command('inject'))
    .description('send a packet that nobody asked for: a kept copy, or a forged one')
    .argument('<what...>', 'such as old1 at +2s, or rst seq+10 on c1')
    .option('--from <side>', 'outside: through the kernel, from its side of the wire', 'inside')
    .action((words: string[], options: JsonOptions & { from: string }) => {
      const from = oneOf(options.from, '--from', ['inside', 'outside']);
      return add(['inject', ...words].join(' '), 'inject', options, from);
    });
}

async function add(text: string, what: string, options: JsonOptions, from = 'inside'): Promise<void> {
  const line = faultLine(text, what);
  const added = await ask<RuleInfo[]>(options, 'fault', { verb: 'add', text: line, from });
  if (options.json === true) printJson(added);
  else print(added.length === 0 ? `done: ${word(line)}` : table(added));
}

async function list(options: JsonOptions): Promise<void> {
  const rules = await ask<RuleInfo[]>(options, 'fault', { verb: 'list' });
  if (options.json === true) printJson(rules);
  else print(rules.length === 0 ? 'no rules' : table(rules));
}

async function clear(number: string | undefined, options: JsonOptions): Promise<void> {
  const which = number === undefined ? null : integer(number, 'N', 1, 2 ** 31);
  const removed = await ask<RuleInfo[]>(options, 'fault', { verb: 'clear', number: which });
  if (options.json === true) printJson(removed);
  else print(`${removed.length} removed`);
}

const OVER: Readonly<Record<string, string>> = {
  times: 'over: has hit as often as it should',
  for: 'over: its time is up',
  cleared: 'removed',
  released: 'over: released',
};

function table(rules: readonly RuleInfo[]): string {
  return columns(
    rules.map(({ number, rule, hits, left, over }) => [
      `rule#${number}`,
      `${hits} ${hits === 1 ? 'hit' : 'hits'}`,
      over === null ? (left === null ? 'at work' : `${left} left`) : (OVER[over] ?? word(over)),
      word(rule),
    ]),
  );
}
