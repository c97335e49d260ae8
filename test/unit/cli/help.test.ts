/** `--help` is complete: every command, argument and option says what it is; examples name what exists. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';

interface Named {
  readonly path: string;
  readonly command: Command;
}

/** All but what is not for people. */
function commandsOf(command: Command, path = ''): Named[] {
  return command.commands
    .filter((inner) => inner.name() !== 'open-tun')
    .flatMap((inner) => {
      const own = `${path}${inner.name()}`;
      return [{ path: own, command: inner }, ...commandsOf(inner, `${own} `)];
    });
}

/** What `--help` prints. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text;
}

const COMMANDS = commandsOf(createProgram());

test('every command, argument and option has a description', () => {
  const silent = COMMANDS.flatMap(({ path, command }) => [
    ...(command.description() === '' ? [path] : []),
    ...command.registeredArguments.filter((it) => it.description === '').map((it) => `${path} ${it.name()}`),
    ...command.options.filter((it) => it.description === '').map((it) => `${path} ${it.flags}`),
  ]);
  assert.ok(COMMANDS.length >= 30, `${COMMANDS.length}`);
  assert.deepEqual(silent, []);
});

test('every example is of the command above it, and uses options that it has', () => {
  let examples = 0;
  for (const { path, command } of COMMANDS) {
    const lines = helpOf(command).split('\nExamples:\n')[1]?.split('\n\n')[0]?.trimEnd().split('\n') ?? [];
    for (const line of lines) {
      const own = line.trim().replace(/ [|>] .*$/, '');
      assert.ok(own === `fourwave ${path}` || own.startsWith(`fourwave ${path} `), line);
      for (const flag of own.match(/(?<= )--[a-z-]+/g) ?? [])
        assert.ok(
          command.options.some(({ long }) => long === flag),
          `${line}: ${flag}`,
        );
      for (const letter of own.match(/(?<= -)[a-zN]+(?= |$)/g)?.join('') ?? '')
        assert.ok(
          command.options.some(({ short }) => short === `-${letter}`),
          `${line}: -${letter}`,
        );
      examples++;
    }
  }
  assert.ok(examples >= 40, `${examples}`);
});

test('the help of the program tells all exit codes', () => {
  const text = helpOf(createProgram());
  for (const code of [0, 1, 2, 3, 4]) assert.match(text, new RegExp(`\\n  ${code}  [a-z]`));
});
