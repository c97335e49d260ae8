/** The recipe of docs/scaling.md, line by line: three hosts with one address behind the kernel's multipath route. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask } from '../../../src/cli/control/client.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import { eventually, Program, STACK, skipWithout } from '../../support/running-stack.ts';

const ROOT = new URL('../../../', import.meta.url);
const MAIN = fileURLToPath(new URL('dist/cli/main.js', ROOT));
const PEERS = fileURLToPath(new URL('peers.py', import.meta.url));
const GUIDE = readFileSync(new URL('docs/scaling.md', ROOT), 'utf8');
const PREFIX = `fwe${process.pid}-`;
const HOSTS = [1, 2, 3];
const ECHO = '7';
const CONNECTIONS = 24;
/** s; they are told before that when it is enough. */
const SPEAKING = 60;

const [network, route, without, again] = [...GUIDE.matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, text]) => text,
) as [string, string, string, string];

const sh = (script: string): string =>
  execFileSync('sh', ['-euc', script], { env: { ...process.env, P: PREFIX }, encoding: 'utf8' });

describe('docs/scaling.md: hosts behind a multipath route', { skip: skipWithout('python3') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-ecmp-'));
  const programs: Program[] = [];
  const start = (command: string, ...args: string[]): Program => {
    const program = new Program(command, args);
    programs.push(program);
    return program;
  };
  const client = (...args: string[]): Program =>
    start('ip', 'netns', 'exec', `${PREFIX}client`, 'python3', PEERS, ...args);
  const socketOf = (host: number): string => join(folder, `${host}.sock`);

  /** How many connections the echo service of a host has. */
  async function served(host: number): Promise<number> {
    const records = await ask<ConnectionRecord[]>({ control: socketOf(host) }, 'ss');
    return records.filter(({ local, state }) => local === `${STACK}:${ECHO}` && state === 'ESTABLISHED')
      .length;
  }

  before(async () => {
    sh(network);
    const ups = HOSTS.map((host) =>
      start(
        ...([process.execPath, MAIN, 'up', '--json', '--quiet', '--user', 'nobody'] as const),
        ...['--netns', `${PREFIX}host${host}`, '--control', socketOf(host), '--services', 'echo'],
      ),
    );
    execFileSync('chmod', ['777', folder]);
    for (const up of ups) {
      await eventually(
        () => up.text.includes('ready') || !up.running,
        () => up.stderr,
        20_000,
      );
      assert.ok(up.running, up.stderr);
    }
    sh(route);
  });

  after(async () => {
    for (const program of programs) await program.kill('SIGTERM');
    for (const name of ['client', 'router', ...HOSTS.map((host) => `host${host}`)]) {
      try {
        sh(`ip netns del \${P}${name}`);
      } catch {
        // It was never made.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test('each host serves a part, and a host that leaves and returns moves no connection of the other', async () => {
    const many = client('chat', STACK, ECHO, String(CONNECTIONS), String(SPEAKING));
    await eventually(
      () => many.text.includes('open') || !many.running,
      () => many.stderr,
    );
    const parts = await Promise.all(HOSTS.map((host) => served(host)));
    assert.equal(
      parts.reduce((sum, part) => sum + part),
      CONNECTIONS,
    );
    assert.ok(
      parts.every((part) => part > 0),
      parts.join(' '),
    );
    // The connections of host3 are given up: theirs is the host that goes.
    sh(without);
    // Each has spoken, and those of host3 were told that it has gone.
    const spoken = rounds(many);
    await eventually(
      () => rounds(many) > spoken + 1,
      () => many.stderr,
    );
    const meanwhile = client('chat', STACK, ECHO, String(CONNECTIONS), String(SPEAKING));
    await eventually(
      () => meanwhile.text.includes('open') || !meanwhile.running,
      () => meanwhile.stderr,
    );
    sh(again);
    // Buckets that nobody uses go back to host3, those in use stay.
    await sleep(2500);
    const before = await passive(3);
    const more = client('churn', STACK, ECHO, '40');
    assert.equal((await more.end()).code, 0, more.stderr);
    assert.ok((await passive(3)) > before, 'new connections reach the host that is back');
    many.endInput();
    meanwhile.endInput();
    const lost = Number(/lost (\d+)/.exec((await many.end()).stdout.toString())?.[1]);
    assert.equal(lost, parts[2], many.stderr);
    // These began on host1 and host2, some of them in buckets that were host3's before and could be again.
    assert.match((await meanwhile.end()).stdout.toString(), /lost 0\n/);
  });

  const rounds = (chat: Program): number => chat.text.split('round').length;

  async function passive(host: number): Promise<number> {
    const stats = await ask<{ reasons: { name: string; count: number }[] }>(
      { control: socketOf(host) },
      'stats',
    );
    return stats.reasons.find(({ name }) => name === 'TCP_PASSIVE_OPEN')?.count ?? 0;
  }
});
