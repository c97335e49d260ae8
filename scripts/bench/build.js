// The programs of the bench that are not JavaScript, built when their sources are newer.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const NATIVE = 'scripts/bench/native';
const OUT = 'build/bench';
const C_FLAGS = ['-O2', '-Wall', '-Wextra'];

/** `apt`: what brings the tools; `there`: whether they are. */
const PROGRAMS = {
  client: {
    sources: ['client.c', 'client-bulk.c', 'client-latency.c', 'client-rates.c'],
    apt: 'gcc libc6-dev',
    there: () => has('gcc'),
  },
  'kernel-server': { sources: ['kernel-server.c'], apt: 'gcc libc6-dev', there: () => has('gcc') },
  blaster: {
    sources: ['blaster.c', 'blaster-packets.c', 'tun.c'],
    apt: 'gcc libc6-dev linux-libc-dev',
    there: () => has('gcc'),
  },
  'lwip-server': {
    sources: ['lwip-server.c', 'lwip-services.c', 'tun.c'],
    flags: ['-I/usr/include/lwip', '-llwip', '-lpthread'],
    apt: 'gcc libc6-dev liblwip-dev',
    there: () => has('gcc') && existsSync('/usr/include/lwip/lwip/tcp.h'),
  },
  'gvisor-server': {
    go: 'scripts/bench/gvisor',
    apt: 'golang-go golang-gvisor-gvisor-dev',
    there: () => has('go') && existsSync('/usr/share/gocode/src/gvisor.dev/gvisor/pkg/tcpip'),
  },
};

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

function isCurrent(target, folder) {
  if (!existsSync(target)) return false;
  const built = statSync(target).mtimeMs;
  return readdirSync(folder).every((file) => statSync(join(folder, file)).mtimeMs <= built);
}

function compile(target, { sources, flags = [] }) {
  const files = sources.map((file) => join(NATIVE, file));
  execFileSync('gcc', [...C_FLAGS, '-o', target, ...files, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Debian's Go libraries lie in a GOPATH; nothing is downloaded. */
function compileGo(target, folder) {
  const env = { ...process.env, GOPATH: '/usr/share/gocode', GO111MODULE: 'off', GOFLAGS: '' };
  execFileSync('go', ['build', '-o', join(process.cwd(), target), '.'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const known = new Map();

/** Path of a program, or null and the reason. */
export function program(name) {
  if (!known.has(name)) known.set(name, make(name));
  return known.get(name);
}

function make(name) {
  const recipe = PROGRAMS[name];
  const path = `${process.cwd()}/${OUT}/${name}`;
  if (!recipe.there()) return { path: null, why: `apt-get install ${recipe.apt}` };
  if (isCurrent(path, recipe.go ?? NATIVE)) return { path, why: null };
  mkdirSync(OUT, { recursive: true });
  try {
    if (recipe.go === undefined) compile(`${OUT}/${name}`, recipe);
    else compileGo(`${OUT}/${name}`, recipe.go);
    return { path, why: null };
  } catch (error) {
    return { path: null, why: `it does not build: ${error.message.split('\n')[0]}` };
  }
}
