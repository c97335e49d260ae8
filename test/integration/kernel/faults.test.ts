/** Faults between our stack and the kernel: a chosen segment is lost, and TCP repairs it. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

interface Line {
  readonly n: number;
  readonly ev: string;
  readonly seg?: number;
  readonly cause?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

const RULE = 'drop out where ack-only && state==TIME-WAIT times 1';

describe('faults against the kernel', { skip: skipWithout('nc', 'curl') }, () => {
  let stack: RunningStack;
  let log: string;
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-faults-'));
  before(async () => {
    const file = join(folder, 'events.jsonl');
    stack = await RunningStack.start('--allow-inject', '--fault', RULE, '--msl', '5s', '--log', file);
    log = file;
  });
  after(async () => {
    await stack?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const events = (): Line[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .slice(1)
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line);

  const fault = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await stack.fourwave('fault', '--json', ...args).end();
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.toString());
  };

  test('B37, B38, B40: the last ACK is lost, the kernel repeats its FIN, 2 MSL begin again', async () => {
    const client = stack.start('nc', STACK, '13');
    await eventually(
      () => client.text.endsWith('\r\n'),
      () => client.text,
    );
    client.endInput();
    assert.equal((await client.end()).code, 0);
    const restarted = (line: Line): boolean =>
      line.ev === 'timer:set' && line.data['timer'] === 'time-wait' && line.data['restart'] === true;
    await eventually(
      () => events().some(restarted),
      () => 'no timer was restarted',
    );
    const all = events();
    const lost = all.find(({ ev }) => ev === 'wire:fate');
    assert.deepEqual(
      [lost?.data['dir'], lost?.data['fate'], lost?.data['rule'], lost?.data['flags']],
      ['out', 'dropped', RULE, 'ACK'],
    );
    const sent = all.find(({ ev, seg }) => ev === 'seg:sent' && seg === lost?.seg);
    assert.deepEqual([sent?.data['flags'], sent?.data['len']], ['ACK', 0]);
    const after = all.filter(({ n }) => n > (lost?.n ?? 0));
    const fin = after.find(({ ev, data }) => ev === 'seg:received' && data['flags'] === 'FIN,ACK');
    const answer = after.find(({ ev, n }) => ev === 'seg:sent' && n > (fin?.n ?? Infinity));
    assert.deepEqual([answer?.data['flags'], answer?.data['ack']], ['ACK', sent?.data['ack']]);
    assert.equal(after.find(restarted)?.cause, fin?.n, 'the FIN restarts the timer');
    await stack.bothBecome(13, 'TIME-WAIT', undefined);
    assert.equal(((await fault('list')) as { over: string }[])[0]?.over, 'times');
  });

  test('rules at run time are per wire segment with offload on, and every byte arrives', async () => {
    assert.ok(stack.ready.offload.includes('tso4'));
    const rules = [
      'drop out where nth(data)==12',
      'corrupt out where nth(data)==20',
      'corrupt in where data times 1',
    ];
    for (const rule of rules) await fault('add', rule);
    const upload = Buffer.alloc(100_000, 'fourwave');
    const [down, up] = await Promise.all([
      stack.run('curl', ['-sS', `http://${STACK}/big?kb=200`]),
      stack.run('curl', ['-sS', '-T', '-', `http://${STACK}/upload`], upload),
    ]);
    assert.equal(down.stdout.length, 200 * 1024);
    assert.equal(up.stdout.toString().trim(), createHash('sha256').update(upload).digest('hex'));
    const listed = (await fault('list')) as { hits: number }[];
    assert.ok(
      listed.slice(1).every(({ hits }) => hits > 0),
      JSON.stringify(listed),
    );
    assert.equal(((await fault('clear')) as unknown[]).length, 4);
    const lengths = events().filter(
      ({ ev, data }) => ev === 'wire:fate' && data['dir'] === 'out' && data['len'] !== 0,
    );
    for (const { data } of lengths) assert.ok(Number(data['len']) <= 1_460, JSON.stringify(data));
  });

  test('hold, release: a FIN waits until it is let go', async () => {
    const held = await stack.fourwave('hold', 'out', 'where', 'fin', 'as', 'f1').end();
    assert.equal(held.code, 0, held.stderr);
    const client = stack.start('nc', '-N', STACK, '7');
    client.endInput('x\n');
    await stack.bothBecome(7, 'LAST-ACK', 'FIN-WAIT-2');
    const released = await stack.fourwave('release', 'f1').end();
    assert.equal(released.code, 0, released.stderr);
    assert.equal((await client.end()).code, 0);
    // Its repetitions were held, too: what they do to the kernel's TIME-WAIT is its own matter (RFC 1337).
    await eventually(
      async () => (await stack.ss(7)).length === 0,
      () => 'the connection did not end',
    );
  });

  test('inject --from outside, RFC 5961: a reset in the window is challenged, the exact one is believed', async () => {
    const client = stack.start('nc', STACK, '7');
    client.type('x\n');
    await eventually(
      () => client.text === 'x\n',
      () => client.text,
    );
    const [open] = await stack.ss(7);
    const inject = async (...what: string[]): Promise<void> => {
      const { code, stderr } = await stack.fourwave('inject', '--from', 'outside', ...what).end();
      assert.equal(code, 0, stderr);
    };
    await inject('rst', 'seq+10', 'on', String(open?.id));
    client.type('y\n');
    await eventually(
      () => client.text === 'x\ny\n',
      () => client.text,
    );
    await inject('rst', 'on', String(open?.id));
    await eventually(
      async () => (await stack.ss(7)).length === 0,
      () => 'the connection is still there',
    );
    const { stdout } = await stack.fourwave('log', '--level', 'core').end();
    const resets = stdout
      .toString()
      .split('\n')
      .filter((line) => / received RST /.test(line));
    assert.equal(resets.length, 2);
    await client.kill();
  });

  test('--allow-inject: privileges are given up all the same: no capability is left', async () => {
    const { stdout } = await stack.run('cat', [`/proc/${stack.ready.pid}/status`]);
    assert.match(stdout.toString(), /CapEff:\t0{16}\n/);
  });
});
