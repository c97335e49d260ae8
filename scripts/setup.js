// The part of scripts/setup that compares what is there with what should be: npm packages, the
// native addon, dist/. Plain JavaScript, because it runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildDist } from './build-dist.js';
import { contentHash, filesUnder } from './files.js';

/** npm explains its own options at length after an error. */
const MOST_LINES = 15;

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

function run(command, args, env = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  return { ok: result.status === 0, output: `${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd() };
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
}

/** npm's own record of what it installed has every package of the lock file in its version. */
function packagesAreCurrent() {
  const wanted = readJson('package-lock.json')?.packages ?? {};
  const installed = readJson('node_modules/.package-lock.json')?.packages ?? {};
  return Object.entries(wanted).every(([path, { version, optional, peer }]) => {
    if (path === '') return true;
    if (installed[path] === undefined) return optional === true || peer === true;
    return installed[path].version === version;
  });
}

/** Headers of the running Node, so that node-gyp downloads nothing; null where they are not installed. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node.h')) ? prefix : null;
}

function installPackages() {
  if (packagesAreCurrent()) return;
  say('installing the npm packages');
  // Install scripts may download; the one package that has to be compiled is built below instead.
  const result = run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (!result.ok) {
    say(`npm ci failed:\n${result.output.split('\n').slice(0, MOST_LINES).join('\n')}`);
    process.exit(1);
  }
  const headers = nodeHeaders();
  const built =
    headers !== null &&
    process.env.FOURWAVE_COMPILER === '1' &&
    existsSync('node_modules/raw-socket') &&
    run('npm', ['rebuild', 'raw-socket'], { npm_config_nodedir: headers }).ok &&
    existsSync('node_modules/raw-socket/build/Release/raw.node');
  if (!built) say("the optional package raw-socket was not built; only 'inject --from outside' needs it");
}

function buildNative() {
  if (process.env.FOURWAVE_COMPILER !== '1') {
    if (process.env.CI !== 'true' && existsSync('build/no-tun-told')) return;
    mkdirSync('build', { recursive: true });
    writeFileSync('build/no-tun-told', '');
    say(`${process.env.FOURWAVE_NO_TUN}: no TUN, everything that needs none works.`);
    return;
  }
  if (!existsSync('scripts/build-native') || !existsSync('native')) return;
  const stamp = 'build/native.hash';
  const hash = contentHash([...filesUnder('native'), 'scripts/build-native'], process.versions.modules);
  const current =
    existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync('build/fourwave.node');
  if (current) return;
  say('building the native addon');
  const result = run('scripts/build-native', []);
  if (!result.ok) {
    say(
      `the native addon did not build; without it there is no TUN, everything else works:\n${result.output}`,
    );
    if (process.env.CI === 'true') process.exit(1);
    return;
  }
  mkdirSync('build', { recursive: true });
  writeFileSync(stamp, hash);
}

installPackages();
buildNative();
if (!buildDist(say)) process.exit(1);
