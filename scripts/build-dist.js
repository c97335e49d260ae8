// src/ → dist/: the TypeScript compiler, and the files that are no TypeScript copied beside its output.
// Does nothing while the sources are what they were at the last successful build.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { contentHash, filesUnder } from './files.js';

const STAMP = 'build/dist.hash';
const COMPILER_STATE = 'build/dist.tsbuildinfo';
const PROGRAM = 'dist/cli/main.js';

/** Where a source file ends up. */
function outputOf(source) {
  return join('dist', source.slice('src/'.length).replace(/(?<!\.d)\.ts$/, '.js'));
}

function isCopied(source) {
  return !source.endsWith('.ts') && !source.endsWith('.md');
}

function compile() {
  const missing = filesUnder('src').some((file) => file.endsWith('.ts') && !existsSync(outputOf(file)));
  if (missing) rmSync(COMPILER_STATE, { force: true });
  const args = [
    'node_modules/typescript/bin/tsc',
    '-p',
    '.',
    '--incremental',
    '--tsBuildInfoFile',
    COMPILER_STATE,
  ];
  const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
  process.stderr.write(result.stdout + result.stderr);
  return result.status === 0;
}

function copyAssets(sources) {
  for (const source of sources.filter(isCopied)) {
    mkdirSync(dirname(outputOf(source)), { recursive: true });
    copyFileSync(source, outputOf(source));
  }
}

/** What was built from a source that is gone must not be importable. */
function removeStale(sources) {
  const expected = new Set();
  for (const source of sources) {
    const output = outputOf(source);
    expected.add(output);
    if (source.endsWith('.ts')) {
      expected.add(`${output}.map`).add(output.replace(/\.js$/, '.d.ts'));
    }
  }
  for (const file of filesUnder('dist')) if (!expected.has(file)) rmSync(file);
}

function hashOf(sources) {
  return contentHash([...sources, 'tsconfig.json', 'node_modules/typescript/package.json']);
}

/** Was dist/ compiled, without an error, from the sources as they are now? */
export function distIsCurrent(sources = filesUnder('src')) {
  const complete = sources.every((file) => file.endsWith('.md') || existsSync(outputOf(file)));
  return complete && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hashOf(sources);
}

/** @returns {boolean} false when the sources do not compile */
export function buildDist(say) {
  const sources = filesUnder('src');
  if (sources.length === 0 || distIsCurrent(sources)) return true;
  const hash = hashOf(sources);
  say('compiling');
  mkdirSync('build', { recursive: true });
  if (!compile()) return false;
  copyAssets(sources);
  removeStale(sources);
  if (existsSync(PROGRAM)) chmodSync(PROGRAM, 0o755);
  writeFileSync(STAMP, hash);
  return true;
}
