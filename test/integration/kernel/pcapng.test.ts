/** What `up --pcapng` and `fourwave capture` write, as tshark and tcpdump read it. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually, Program, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const RULE = 'drop out where ack-only && state==TIME-WAIT times 1';
const run = promisify(execFile);
const CHECKS = ['ip', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
const WRONG =
  '_ws.malformed || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || _ws.expert.severity == "Error"';

/** Lines of the packets that a display filter lets through. */
async function tshark(file: string, filter: string, ...fields: string[]): Promise<string[]> {
  const columns = fields.length === 0 ? [] : ['-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const { stdout } = await run('tshark', ['-r', file, ...CHECKS, '-Y', filter, ...columns]);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('captures of a running stack', { skip: skipWithout('nc', 'tshark', 'capinfos', 'tcpdump') }, () => {
  let stack: RunningStack;
  let file: string;
  before(async () => {
    stack = new RunningStack();
    file = join(stack.folder, 'run.pcapng');
    await stack.startUp('--msl', '5s', '--pcapng', file, '--fault', RULE);
  });
  after(() => stack?.close());

  const packets = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

  test('B37: the lost ACK lies on fault:dropped with its rule; states, timers and verdicts are comments', async () => {
    const live = join(stack.folder, 'live.pcapng');
    const capture = stack.fourwave('capture', live);
    const seen = { stack: join(stack.folder, 'stack.pcapng'), peer: join(stack.folder, 'peer.pcapng') };
    const vantages = (['stack', 'peer'] as const).map((whose) =>
      stack.fourwave('capture', '--vantage', whose, seen[whose]),
    );
    await eventually(
      () => [live, seen.stack, seen.peer].every((one) => packets(one) > 0),
      () => capture.stderr,
    );
    const client = stack.start('nc', STACK, '13');
    await eventually(
      () => client.text.endsWith('\r\n'),
      () => client.text,
    );
    client.endInput();
    assert.equal((await client.end()).code, 0);
    // Comments are text in the file.
    const says = (path: string, comment: string): boolean =>
      existsSync(path) && readFileSync(path).includes(comment);
    await eventually(
      () => [live, file].every((one) => says(one, 'time-wait restarted')),
      () => 'the kernel did not repeat its FIN',
    );
    for (const one of [...vantages, capture]) await one.kill('SIGINT');
    assert.match(capture.stderr, /^fourwave: \d\d packets captured\n$/);
    assert.equal(capture.child.exitCode, 0, 'Ctrl-C ends it well');
    assert.equal(statSync(live).mode & 0o777, 0o600);

    for (const one of [live, file]) assert.deepEqual(await tshark(one, WRONG), []);
    // The ACK that was lost: the stack has sent it twice, the kernel has got it once; both know nothing of a loss.
    const lastAcks = (one: string): Promise<string[]> =>
      tshark(one, `ip.src == ${STACK} && tcp.flags == 0x010 && tcp.ack == 2`);
    assert.equal((await lastAcks(live)).length, 2);
    assert.equal((await lastAcks(seen.stack)).length, 2);
    assert.equal((await lastAcks(seen.peer)).length, 1);
    for (const one of [seen.stack, seen.peer])
      assert.deepEqual(await tshark(one, 'frame.interface_name != "fw0"'), []);
    const flags = ['tcp.flags', 'frame.comment'] as const;
    const dropped = await tshark(file, 'frame.interface_name == "fault:dropped"', ...flags);
    assert.equal(dropped.length, 1);
    assert.match(
      dropped[0] ?? '',
      /^0x0010\t.*dropped by rule#1: drop out where ack-only && state==TIME-WAIT times 1$/,
    );
    const [entered, ...others] = await tshark(
      file,
      'frame.comment contains "FIN-WAIT-2→TIME-WAIT"',
      ...flags,
    );
    assert.deepEqual(others, []);
    assert.match(
      entered ?? '',
      /^0x0011\tc1 .*\(rcv FIN\),timers: .*time-wait set: [\d.]+ ms,c1 event \d+ received: seq 1 ack 33; accepted/,
    );
    const fields = [
      'frame.interface_name',
      'frame.packet_flags_direction',
      'ip.src',
      'frame.verdict.ebpf_tc',
    ];
    const all = (await tshark(live, 'tcp', ...fields, ...flags)).map((line) => line.split('\t'));
    for (const [place, direction, source, verdict, , comment] of all) {
      assert.equal(direction, source === STACK ? '0x00000002' : '0x00000001');
      assert.equal(verdict, place === 'fault:dropped' ? '2' : '');
      assert.match(comment ?? '', /event \d+ (sent|retransmitted|received): seq /);
    }
    const again = all.filter(([, , , , , comment]) => comment?.includes('time-wait restarted'));
    assert.deepEqual(
      again.map(([, , , , bits, comment]) => [bits, comment?.includes('duplicate TCP_OLD_SEQUENCE')]),
      [['0x0011', true]],
    );
  });

  test('tcpdump opens it, names and nanoseconds are there', async () => {
    const { stdout } = await run('tcpdump', ['-nr', file]);
    assert.match(stdout, /IP 10\.9\.0\.2\.13 > 10\.9\.0\.1\.\d+: Flags \[S\.\]/);
    const { stdout: about } = await run('capinfos', [file]);
    assert.match(about, /Time precision = +nanoseconds/i);
    assert.match(about, /Capture application: fourwave/);
    const named = await run('tshark', ['-r', file, '-N', 'n', '-c', '1']);
    assert.match(named.stdout, /kernel → stack/);
  });

  test('fourwave capture - | tshark -r -: a reader that leaves ends it, and the stack goes on', async () => {
    const { control } = stack.ready;
    const main = join(import.meta.dirname, '../../../dist/cli/main.js');
    const shell = `${process.execPath} ${main} capture - --control ${control} | tshark -l -i - -c 3 -T fields -e tcp.dstport`;
    const reader = stack.keep(new Program('sh', ['-c', shell]));
    // It opens its file when the pipe's first block is there: from then on packets are captured.
    await eventually(
      () => /\bFile: /.test(reader.stderr),
      () => reader.stderr,
    );
    // It passes on what it has read when more comes: a quiet link would let it wait.
    for (let tries = 0; reader.running && tries < 10; tries++) {
      await stack.run('nc', ['-N', STACK, '7'], 'hello\n');
      await Promise.race([reader.finished, sleep(500)]);
    }
    const { code, stdout } = await reader.end();
    assert.equal(code, 0);
    assert.equal(stdout.toString().split('\n')[0], '7');
    assert.equal(
      (await stack.run('nc', ['-N', STACK, '7'], 'still there\n')).stdout.toString(),
      'still there\n',
    );
  });

  test('a full disk ends a capture behind a whole packet with one sentence; no stack is exit 4', async () => {
    if (existsSync('/dev/full')) {
      const capture = stack.fourwave('capture', '/dev/full');
      const { code, stderr } = await capture.end();
      assert.equal(code, 1);
      assert.match(stderr, /^fourwave: the capture \/dev\/full ends here, the disk is full \(ENOSPC\)\n$/m);
    }
    const nobody = new Program(process.execPath, [
      join(import.meta.dirname, '../../../dist/cli/main.js'),
      ...['capture', join(stack.folder, 'x'), '--control', '/nonexistent'],
    ]);
    assert.equal((await nobody.end()).code, 4);
    assert.ok(!existsSync(join(stack.folder, 'x')));
  });

  test('super-packets are captured whole with complete sums; what faults make and change is told', async () => {
    const live = join(stack.folder, 'faults.pcapng');
    const fd = openSync(live, 'w');
    closeSync(fd);
    const capture = stack.fourwave('capture', live);
    await eventually(
      () => packets(live) > 0,
      () => capture.stderr,
    );
    const fault = async (text: string): Promise<void> =>
      assert.equal((await stack.fourwave('fault', 'add', text).end()).code, 0);
    const echo = 'x'.repeat(100_000);
    const whole = await stack.run('nc', ['-N', STACK, '7'], echo);
    assert.equal(whole.stdout.toString(), echo);
    await fault('dup out where len>0 times 1');
    await fault('delay in where fin 30ms times 1');
    await fault('copy in where syn as old');
    assert.equal((await stack.run('nc', ['-N', STACK, '7'], 'twice\n')).stdout.toString(), 'twice\n');
    await fault('inject old');
    await eventually(
      () => readFileSync(live).includes('injected by command'),
      () => 'nothing injected',
    );
    await capture.kill('SIGINT');
    assert.deepEqual(await tshark(live, WRONG), []);
    const fields = ['frame.interface_name', 'tcp.len', 'tcp.flags.syn', 'tcp.flags.fin', 'frame.comment'];
    const all = (await tshark(live, 'tcp', ...fields)).map((line) => line.split('\t'));
    const about = (text: string): string[][] => all.filter((row) => row[4]?.includes(text));
    if (stack.ready.offload.includes('tso4')) {
      const large = all.filter(([, length]) => Number(length) > 1460);
      assert.ok(large.length > 0 && large.every((row) => row[4]?.includes('a super-packet: segments of')));
    }
    assert.equal(about('duplicated by rule').length, 1);
    assert.equal(about('a copy made by a rule').length, 1);
    const delayed = about('delayed until');
    assert.deepEqual([delayed.length, /^(1|True)$/.test(delayed[0]?.[3] ?? '')], [1, true]);
    const [injected, ...others] = all.filter(([place]) => place === 'fault:injected');
    assert.deepEqual(others, []);
    assert.match(injected?.[2] ?? '', /^(1|True)$/);
    assert.match(injected?.[4] ?? '', /injected by command: inject old/);
    assert.ok(readFileSync(live).length > 100_000);
  });
});
