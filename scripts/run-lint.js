// Runs every static check, two at a time, and prints only what complains.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const fix = process.argv.includes('--fix');
const bin = (name) => `node_modules/.bin/${name}`;
const tsx = ['--import', 'tsx'];
const folders = ['src', 'test', 'scripts'].filter((folder) => existsSync(folder));

/** The slowest first. */
const CHECKS = [
  {
    name: 'eslint',
    command: bin('eslint'),
    args: ['-c', 'scripts/eslint.config.js', ...(fix ? ['--fix'] : []), ...folders],
  },
  { name: 'types of src', command: bin('tsc'), args: ['--noEmit', '-p', '.'] },
  { name: 'types of test', command: bin('tsc'), args: ['-p', 'test'], needs: 'test/tsconfig.json' },
  {
    name: 'layers',
    command: bin('depcruise'),
    args: ['--config', 'scripts/depcruise.config.cjs', '--output-type', 'err', 'src'],
  },
  {
    name: 'biome',
    command: bin('biome'),
    args: ['check', '--config-path=scripts/biome.json', ...(fix ? ['--write'] : []), ...folders],
  },
  {
    name: 'RFC coverage',
    command: process.execPath,
    args: [...tsx, 'scripts/rfc-coverage.ts', ...(fix ? [] : ['--check'])],
  },
  {
    name: 'attacks and behaviours',
    command: process.execPath,
    args: [...tsx, 'scripts/attack-coverage.ts', ...(fix ? [] : ['--check'])],
    needs: 'docs/attacks.json',
  },
  {
    name: 'state machine',
    command: process.execPath,
    args: [...tsx, 'scripts/gen-state-machine.ts', ...(fix ? [] : ['--check'])],
    needs: 'src/tcp/transitions.ts',
  },
  {
    name: 'event log schema',
    command: process.execPath,
    args: [...tsx, 'scripts/event-schema.ts', ...(fix ? [] : ['--check'])],
    needs: 'scripts/event-schema.ts',
  },
  {
    name: 'arcs',
    command: process.execPath,
    args: [...tsx, 'scripts/check-arcs.ts'],
    needs: 'src/tcp/engine.ts',
  },
];

/** Resolves to whether the check passed. */
function run({ name, command, args }) {
  const start = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => output.push(`${error.message}\n`));
    child.on('close', (code) => {
      const seconds = ((Date.now() - start) / 1000).toFixed(1);
      process.stdout.write(`${code === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n`);
      if (code !== 0) process.stdout.write(Buffer.concat(output.map((chunk) => Buffer.from(chunk))));
      resolve(code === 0);
    });
  });
}

const queue = CHECKS.filter(({ needs }) => needs === undefined || existsSync(needs));
let passed = true;

async function worker() {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    passed = (await run(check)) && passed;
  }
}

// With --fix one after another: two tools must not write the same file at once.
await Promise.all(fix ? [worker()] : [worker(), worker()]);
process.exitCode = passed ? 0 : 1;
