// Other versions of Node, from the npm packages that hold its binaries.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * The path of a Node of that major version, installed under build/ the first time; null where the
 * registry cannot be reached or has none for this machine.
 */
export function nodeOf(major) {
  // The package `node` fetches this one in an install script; asked for by name, no script has to run.
  const name = `node-${process.platform}-${process.arch}`;
  const folder = `build/node-${major}`;
  const binary = resolve(join(folder, 'node_modules', name, 'bin/node'));
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', [...args, `${name}@${major}`], { encoding: 'utf8' });
  return result.status === 0 && existsSync(binary) ? binary : null;
}
