/** What `up --pcapng` and `fourwave capture` write, as tshark and tcpdump read it. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
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

describe('captures of a running stack', { skip: skipWithout('nc', 'tshark', 'tcpdump') }, () => {
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
    await eventually(
      () => packets(live) > 0,
      () => capture.stderr,
    );
    const client = stack.start('nc', STACK, '13');
    await eventually(
      () => client.text.endsWith('\r\n'),
      () => client.text,
    );
    client.endInput();
    assert.equal((await client.end()).code, 0);
    const closed = 'tcp.flags.fin == 1 && ip.dst == 10.9.0.2';
    await eventually(
      async () => packets(live) > 600 && (await tshark(live, closed)).length === 2,
      () => 'the kernel did not repeat its FIN',
    );
    await capture.kill('SIGINT');
    assert.match(capture.stderr, /^fourwave: \d\d packets captured\n$/);
    assert.equal(capture.child.exitCode, 0, 'Ctrl-C ends it well');
    assert.equal(statSync(live).mode & 0o777, 0o600);

    for (const one of [live, file]) {
      assert.deepEqual(await tshark(one, WRONG), []);
      const dropped = await tshark(
        one,
        'frame.interface_name == "fault:dropped"',
        'tcp.flags',
        'frame.comment',
      );
      assert.equal(dropped.length, 1);
      assert.match(
        dropped[0] ?? '',
        /^0x0010\t.*dropped by rule#1: drop out where ack-only && state==TIME-WAIT times 1$/,
      );
      assert.equal((await tshark(one, 'frame.verdict.ebpf_tc == 2')).length, 1);
      const entered = await tshark(
        one,
        'frame.comment contains "FIN-WAIT-2→TIME-WAIT"',
        'tcp.flags',
        'frame.comment',
      );
      assert.equal(entered.length, 1);
      assert.match(
        entered[0] ?? '',
        /^0x0011\tc1 .*\(rcv FIN\),timers: .*time-wait set: [\d.]+ ms,c1 event \d+ received: seq 1 ack 33; accepted/,
      );
      const again = await tshark(
        one,
        'frame.comment contains "time-wait restarted"',
        'tcp.flags',
        'frame.comment',
      );
      assert.equal(again.length, 1);
      assert.match(again[0] ?? '', /^0x0011\t.*duplicate TCP_OLD_SEQUENCE/);
      assert.deepEqual(await tshark(one, 'frame.packet_flags_direction == 1 && ip.src != 10.9.0.1'), []);
      // Ours: SYN,ACK, data, FIN (or both in one), the lost ACK and the second.
      const ours = await tshark(one, 'frame.packet_flags_direction == 2', 'frame.comment');
      assert.ok(
        ours.every((line) => /c1 event \d+ (re)?(sent|transmitted)/.test(line)),
        ours.join('\n'),
      );
    }
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
    await eventually(
      () => /Capturing on/.test(reader.stderr),
      () => reader.stderr,
    );
    await stack.run('nc', ['-N', STACK, '7'], 'hello\n');
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
      async () => (await tshark(live, 'frame.interface_name == "fault:injected"')).length > 0,
      () => 'nothing injected',
    );
    await capture.kill('SIGINT');
    assert.deepEqual(await tshark(live, WRONG), []);
    if (stack.ready.offload.includes('tso4')) {
      const large = await tshark(live, 'tcp.len > 1460', 'frame.comment');
      assert.ok(
        large.length > 0 && large.every((line) => line.includes('a super-packet: segments of')),
        large[0] ?? '',
      );
    }
    assert.equal((await tshark(live, 'frame.comment contains "duplicated by rule"')).length, 1);
    assert.equal((await tshark(live, 'frame.comment contains "a copy made by a rule"')).length, 1);
    assert.equal(
      (await tshark(live, 'frame.comment contains "delayed until" && tcp.flags.fin == 1')).length,
      1,
    );
    const [injected] = await tshark(
      live,
      'frame.interface_name == "fault:injected"',
      'tcp.flags.syn',
      'frame.comment',
    );
    assert.match(injected ?? '', /^1\t.*injected by command: inject old/);
    assert.ok(readFileSync(live).length > 100_000);
  });
});
