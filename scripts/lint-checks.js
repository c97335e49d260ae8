// The static checks: what `npm run lint` and `npm test` run.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { distIsCurrent } from './build-dist.js';

const bin = (name) => `node_modules/.bin/${name}`;
const tsx = ['--import', 'tsx'];

/** A script that writes a file, or, with --check, says whether it is what it would be. */
function generated(name, script, fix) {
  return { name, command: process.execPath, args: [...tsx, script, ...(fix ? [] : ['--check'])], seconds: 2 };
}

/** The slowest first. With `fix` they repair what a tool can. */
export function checks({ fix = false } = {}) {
  const folders = ['src', 'test', 'scripts'].filter((folder) => existsSync(folder));
  const all = [
    {
      name: 'eslint',
      command: bin('eslint'),
      args: ['-c', 'scripts/eslint.config.js', ...(fix ? ['--fix'] : []), ...folders],
      seconds: 40,
    },
    { name: 'types of src', command: bin('tsc'), args: ['--noEmit', '-p', '.'], seconds: 8 },
    {
      name: 'types of test',
      command: bin('tsc'),
      args: ['-p', 'test'],
      needs: 'test/tsconfig.json',
      seconds: 12,
    },
    {
      name: 'layers',
      command: bin('depcruise'),
      args: ['--config', 'scripts/depcruise.config.cjs', '--output-type', 'err', 'src'],
      seconds: 5,
    },
    {
      name: 'biome',
      command: bin('biome'),
      args: ['check', '--config-path=scripts/biome.json', ...(fix ? ['--write'] : []), ...folders],
      seconds: 3,
    },
    generated('RFC coverage', 'scripts/rfc-coverage.ts', fix),
    { ...generated('attacks and behaviours', 'scripts/attack-coverage.ts', fix), needs: 'docs/attacks.json' },
    { ...generated('state machine', 'scripts/gen-state-machine.ts', fix), needs: 'src/tcp/transitions.ts' },
    {
      ...generated('pages of the labs', 'scripts/lab-pages.ts', fix),
      needs: 'src/labs/catalogue/index.ts',
      seconds: 8,
    },
    { ...generated('event log schema', 'scripts/event-schema.ts', fix), needs: 'scripts/event-schema.ts' },
    {
      name: 'arcs',
      command: process.execPath,
      args: [...tsx, 'scripts/check-arcs.ts'],
      needs: 'src/tcp/engine.ts',
      seconds: 3,
    },
  ];
  return all.filter(({ needs }) => needs === undefined || existsSync(needs));
}

/** Resolves to whether the check passed, and the text to print about it. */
export function runCheck({ name, command, args }) {
  // The compiler accepted these very sources when it made dist/ of them.
  if (name === 'types of src' && distIsCurrent())
    return Promise.resolve({ passed: true, text: `✔ ${name} (dist/ was compiled from them)\n` });
  const start = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (code) => {
      const passed = code === 0;
      const seconds = ((Date.now() - start) / 1000).toFixed(1);
      const text = `${passed ? '✔' : '✖'} ${name} (${seconds} s)\n${passed ? '' : Buffer.concat(output)}`;
      resolve({ passed, text });
    });
  });
}
