// What a run takes from the machine and gives back: namespaces, processes, processors.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';

/** Descriptors: the workload with the most connections, and some more. */
const WANTED_FILES = 1 << 17;
const START_PATIENCE = 20_000;
/** Wide enough for a hundred thousand connections from few addresses, without waiting for TIME-WAIT. */
const SYSCTLS = [
  'net.ipv4.ip_local_port_range=1024 65535',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.ipv4.tcp_no_metrics_save=1',
];

const cleanUp = [];
let made = 0;
let files = 0;

export function ip(...args) {
  return execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/** What was made last is ended first. */
export function giveBack() {
  for (const undo of cleanUp.splice(0).reverse()) {
    try {
      undo();
    } catch {
      // It is gone already.
    }
  }
}

export function newNamespace() {
  const name = `fwb-${process.pid}-${made++}`;
  ip('netns', 'add', name);
  cleanUp.push(() => ip('netns', 'del', name));
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('netns', 'exec', name, 'sysctl', '-qw', ...SYSCTLS);
  return name;
}

/**
 * The kernel's TCP in a namespace whose routes are there uses CUBIC, upstream's default. With BBR, the default of
 * some, the sender judges links with round trips of some microseconds, lets little out, and is what is measured.
 */
export function useCubic(netns) {
  for (const table of ['main', 'local']) {
    for (const line of ip('-n', netns, 'route', 'show', 'table', table).split('\n')) {
      if (line === '' || line.startsWith('broadcast')) continue;
      ip('-n', netns, 'route', 'change', 'table', table, ...line.trim().split(/\s+/), 'congctl', 'cubic');
    }
  }
}

/** The processors that we may use: the client's, and the one of what is measured. */
export function processors() {
  const allowed = readFileSync('/proc/self/status', 'utf8').match(/Cpus_allowed_list:\s*(\S+)/)[1];
  const list = allowed.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return { client: list[0], server: list[1] ?? list[0] };
}

/** Descriptors that a process of ours can have: as many as wanted, or what we are allowed. */
export function fileLimit() {
  if (files === 0) {
    const hard = Number(readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+\d+\s+(\d+)/)[1]);
    const raised = spawnSync('prlimit', [`--nofile=${WANTED_FILES}:${WANTED_FILES}`, 'true'], {
      stdio: 'ignore',
    });
    files = raised.status === 0 ? WANTED_FILES : hard;
  }
  return files;
}

/** A command that runs on one processor, in a namespace or in this one. */
export function pinned(processor, netns, command) {
  const space = netns === null ? [] : ['ip', 'netns', 'exec', netns];
  return [
    ...space,
    'prlimit',
    `--nofile=${fileLimit()}:${fileLimit()}`,
    'taskset',
    '-c',
    String(processor),
    ...command,
  ];
}

/** Starts a server and waits for its first line. What it writes to stderr is told when it fails. */
export function startServer([command, ...args]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint = (complaint + text).slice(-2000);
  });
  child.stdin.on('error', () => {});
  cleanUp.push(() => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    const failed = (why) => reject(new Error(`${args.join(' ')}: ${why}: ${complaint.trim()}`));
    const patience = setTimeout(failed, START_PATIENCE, 'is not ready');
    child.once('exit', (code) => failed(`ended with ${code}`));
    child.once('error', (error) => failed(error.message));
    child.stdout.once('data', () => {
      clearTimeout(patience);
      resolve(child);
    });
  });
}

/** Ends a server and waits for its end: its interface is gone then. */
export function endServer(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGKILL');
  });
}

/** Resident memory, bytes. */
export function residentMemory(pid) {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s*(\d+)/)[1]) * 1024;
}

function firstLine(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')[0]
      .trim();
  } catch {
    return null;
  }
}

function debianVersion(name) {
  return firstLine('dpkg-query', '-W', '-f', '$'.concat('{Version}'), name) || null;
}

/** What the figures depend on. */
export function describeMachine() {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    kernel: release(),
    system: existsSync('/etc/os-release')
      ? (readFileSync('/etc/os-release', 'utf8').match(/PRETTY_NAME="(.*)"/)?.[1] ?? 'Linux')
      : 'Linux',
    node: process.version,
    gcc: firstLine('gcc', '-dumpfullversion'),
    go: firstLine('go', 'version'),
    lwip: debianVersion('liblwip-dev'),
    gvisor: debianVersion('golang-gvisor-gvisor-dev'),
    fourwave:
      firstLine('git', 'rev-parse', '--short', 'HEAD') ?? JSON.parse(readFileSync('package.json')).version,
    load: readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' '),
  };
}
