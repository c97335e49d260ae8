/** Every lint rule of ours is broken by a fixture, and fires there and nowhere else. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { ESLint, type Linter } from 'eslint';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const FIXTURES = join(ROOT, 'test/lint/fixtures');
const LAYERS = join(FIXTURES, 'layers');
const ESLINT_CONFIG = join(ROOT, 'scripts/eslint.config.js');
const DEPCRUISE_CONFIG = join(ROOT, 'scripts/depcruise.config.cjs');

function typeScriptUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

/** What the first line of a fixture announces after `label`. */
function announced(file: string, label: string): string {
  const match = new RegExp(`^// ${label}: (.*)$`, 'm').exec(readFileSync(file, 'utf8').split('\n')[0] ?? '');
  assert.ok(match, `${file} does not begin with "// ${label}: …"`);
  return match[1] as string;
}

/** A name for a report: the message of a syntax rule, since one rule carries them all, else the rule. */
function nameOf(message: Linter.LintMessage): string {
  if (message.ruleId === 'no-restricted-syntax') return message.message;
  return (
    message.ruleId ??
    (message.message.startsWith('Unused eslint-disable') ? 'unused disable' : message.message)
  );
}

test('ESLint: each fixture breaks the one rule that it announces', async (t) => {
  const eslint = new ESLint({ cwd: FIXTURES, overrideConfigFile: ESLINT_CONFIG });
  const results = await eslint.lintFiles(['src/**/*.ts']);
  assert.equal(results.length, typeScriptUnder(join(FIXTURES, 'src')).length, 'every fixture was linted');
  for (const { filePath, messages } of results) {
    await t.test(relative(FIXTURES, filePath), () => {
      const fired = [...new Set(messages.map(nameOf))];
      const expected = announced(filePath, 'expect');
      assert.deepEqual(fired, expected === 'nothing' ? [] : [expected]);
    });
  }
});

test('ESLint: every syntax rule of the configuration has a fixture', async () => {
  const { default: config } = (await import(ESLINT_CONFIG)) as { default: Linter.Config[] };
  const messages = new Set<string>();
  for (const { rules } of config) {
    const [, ...selectors] = (rules?.['no-restricted-syntax'] ?? []) as [unknown, ...{ message: string }[]];
    for (const { message } of selectors) messages.add(message);
  }
  const proven = new Set(typeScriptUnder(join(FIXTURES, 'src')).map((file) => announced(file, 'expect')));
  assert.deepEqual(
    [...messages].filter((message) => !proven.has(message)),
    [],
  );
  assert.ok(messages.size >= 10);
});

interface Violation {
  from: string;
  rule: { name: string };
}

/** Runs dependency-cruiser over the fixture tree; file → names of the rules that it broke. */
function cruise(): Map<string, Set<string>> {
  const program = join(ROOT, 'node_modules/.bin/depcruise');
  const args = ['--config', DEPCRUISE_CONFIG, '--output-type', 'json', 'src'];
  const output = execFileSync(program, args, { cwd: LAYERS, encoding: 'utf8', maxBuffer: 1 << 26 });
  const { summary } = JSON.parse(output) as { summary: { violations: Violation[] } };
  const broken = new Map<string, Set<string>>();
  for (const { from, rule } of summary.violations) {
    broken.set(from, (broken.get(from) ?? new Set()).add(rule.name));
  }
  return broken;
}

test('dependency-cruiser: each fixture breaks the one rule that it announces', async (t) => {
  const broken = cruise();
  for (const file of typeScriptUnder(join(LAYERS, 'src'))) {
    const name = relative(LAYERS, file);
    await t.test(name, () => {
      const expected = announced(file, 'layers');
      assert.deepEqual([...(broken.get(name) ?? [])], expected === 'nothing' ? [] : [expected]);
    });
  }
});

test('dependency-cruiser: every rule of the configuration has a fixture', async () => {
  const { default: config } = (await import(DEPCRUISE_CONFIG)) as {
    default: { forbidden: { name: string }[] };
  };
  const proven = new Set(typeScriptUnder(join(LAYERS, 'src')).map((file) => announced(file, 'layers')));
  assert.deepEqual(
    config.forbidden.map(({ name }) => name).filter((name) => !proven.has(name)),
    [],
  );
});
