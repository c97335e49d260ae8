/** The kernel's own table: `ss -tanop` inside the lab's namespace. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { KernelSocket } from '../../labs/stage.ts';
import type { Realm } from './realm.ts';

const run = promisify(execFile);

/** A socket as the kernel's `ss` shows it, with its program. */
export interface KernelSocketLine extends KernelSocket {
  /** The program that has it open; null for an orphan. */
  readonly program: string | null;
  readonly pid: number | null;
}

const RFC_WORDS: Readonly<Record<string, string>> = {
  ESTAB: 'ESTABLISHED',
  'SYN-RECV': 'SYN-RECEIVED',
  UNCONN: 'CLOSED',
};

/** The kernel's words for timers, in those of the log. */
const TIMERS: Readonly<Record<string, string>> = { on: 'rto', timewait: 'time-wait' };

function timerOf([, name = '', left = '', count]: RegExpExecArray): NonNullable<KernelSocket['timer']> {
  return { name: TIMERS[name] ?? name, remainingMs: msOfTimer(left), count: Number(count) };
}

/** `1.2sec`, `59sec`, `1min12sec`, `200ms`, `037ms` → ms. */
export function msOfTimer(text: string): number {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(min|sec|ms)/g)) {
    sum += Number(number) * (unit === 'min' ? 60_000 : unit === 'sec' ? 1000 : 1);
  }
  return sum;
}

/** One line of `ss -tanopH`; null for one that is none. */
export function parseKernelSocket(line: string): KernelSocketLine | null {
  const [state = '', recvQ, sendQ, local, peer] = line.trim().split(/\s+/);
  if (local === undefined || peer === undefined) return null;
  const timer = /timer:\((\w+),([^,)]*),(\d+)/.exec(line);
  const owner = /users:\(\("([^"]*)",pid=(\d+)/.exec(line);
  return {
    state: RFC_WORDS[state] ?? state,
    recvQ: Number(recvQ),
    sendQ: Number(sendQ),
    local: local.replace(/%\w+/, ''),
    peer,
    timer: timer === null ? null : timerOf(timer),
    program: owner?.[1] ?? null,
    pid: owner === null ? null : Number(owner[2]),
  };
}

/** All TCP sockets of the namespace, listeners too. */
export async function kernelSocketsIn(realm: Realm): Promise<KernelSocketLine[]> {
  const [name = '', ...args] = realm.enter(['ss', '-tanopH']);
  const { stdout } = await run(name, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .split('\n')
    .map(parseKernelSocket)
    .filter((line) => line !== null);
}
