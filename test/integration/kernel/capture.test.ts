import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually, type Program, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const CHECKS = ['ip', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
/** What tshark may not say about our packets. A window that is full or empty is no fault. */
const COMPLAINTS = `ip.src == ${STACK} && (${[
  '_ws.malformed',
  '_ws.expert.severity == "Error"',
  'ip.checksum.status == "Bad"',
  'tcp.checksum.status == "Bad"',
  'icmp.checksum.status == "Bad"',
  'tcp.analysis.retransmission',
  'tcp.analysis.fast_retransmission',
  'tcp.analysis.spurious_retransmission',
  'tcp.analysis.out_of_order',
  'tcp.analysis.lost_segment',
  'tcp.analysis.ack_lost_segment',
  'tcp.analysis.duplicate_ack',
  'tcp.analysis.keep_alive',
].join(' || ')})`;

const ATTEMPTS = 4;

async function tshark(file: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('tshark', ['-r', file, ...CHECKS, ...args]);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('tshark on a clean run', { skip: skipWithout('nc', 'curl', 'ping', 'dumpcap', 'tshark') }, () => {
  let stack: RunningStack;
  let captures = 0;
  before(async () => {
    // Without offload the interface shows what would be on a wire.
    stack = await RunningStack.start('--offload', 'off');
  });
  after(() => stack?.close());

  async function startCapture(file: string): Promise<Program> {
    const dumpcap = stack.start('dumpcap', '-q', '-i', 'fw0', '-w', file);
    await eventually(
      () => dumpcap.stderr.includes('File:'),
      () => dumpcap.stderr,
    );
    return dumpcap;
  }

  /** Captures while `work` runs. */
  async function capture(work: () => Promise<unknown>): Promise<{ file: string; dropped: boolean }> {
    const file = join(stack.folder, `${captures++}.pcapng`);
    const dumpcap = await startCapture(file);
    await work();
    await sleep(400);
    await dumpcap.kill('SIGINT');
    return { file, dropped: !/: \d+\/0 /.test(dumpcap.stderr) };
  }

  /**
   * A capture of a run in which the kernel sent nothing twice: on a busy machine its loss probes come
   * before our answer. Finds nothing wrong with our packets, and returns the file.
   */
  async function clean(least: number, work: () => Promise<unknown>): Promise<string> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { file, dropped } = await capture(work);
      const resent = await tshark(file, '-Y', `ip.src != ${STACK} && tcp.analysis.retransmission`);
      if (dropped || resent.length > 0) continue;
      const ours = await tshark(file, '-Y', `ip.src == ${STACK}`);
      assert.ok(ours.length >= least, `${ours.length} packets of ours`);
      assert.deepEqual(await tshark(file, '-Y', COMPLAINTS), []);
      return file;
    }
    throw new Error(`no clean run in ${ATTEMPTS}`);
  }

  /** The TCP segments as `flags length`, `>` in front of the kernel's and `<` of ours. */
  async function ladder(file: string): Promise<string[]> {
    const fields = ['ip.src', 'tcp.flags.str', 'tcp.len'].flatMap((field) => ['-e', field]);
    const lines = await tshark(file, '-Y', 'tcp', '-T', 'fields', ...fields);
    return lines.map((line) => {
      const [source = '', flags = '', length = ''] = line.split('\t');
      return `${source === STACK ? '<' : '>'} ${flags.replace(/[^A-Z]/g, '')} ${length}`;
    });
  }

  test('four waves with late', async () => {
    const file = await clean(4, () => stack.run('nc', ['-N', STACK, '2001'], ''));
    const lines = await ladder(file);
    assert.deepEqual(lines.slice(0, 5), ['> S 0', '< AS 0', '> A 0', '> AF 0', '< A 0']);
    assert.deepEqual(lines.filter((line) => line.includes('F')).length, 2);
    assert.match(lines.at(-1) ?? '', /^> A 0$/);
  });

  test('the server closes first with daytime', async () => {
    const file = await clean(3, () => stack.run('nc', [STACK, '13'], ''));
    const lines = await ladder(file);
    assert.equal(lines.findIndex((line) => line.startsWith('< ') && line.includes('F')) > 0, true);
    assert.equal(
      lines.some((line) => line.includes('R')),
      false,
    );
  });

  test('resets: a closed port, rude, abort', async () => {
    const closed = await ladder(await clean(1, () => stack.run('nc', ['-N', STACK, '9999'], '')));
    assert.deepEqual(closed, ['> S 0', '< AR 0']);
    for (const [port, input] of [
      [2003, 'read me\n'],
      [2006, ''],
    ] as const) {
      const file = await clean(2, async () => {
        const client = stack.start('nc', STACK, String(port));
        if (input !== '') client.type(input);
        await client.end(5000);
      });
      assert.match((await ladder(file)).at(-1) ?? '', /^< A?R 0$/);
    }
  });

  test('echo of a megabyte', async () => {
    await clean(500, () => stack.sh(`head -c 1000000 /dev/zero | nc -N ${STACK} 7 | wc -c`));
  });

  test('curl: keep-alive, upload and download', async () => {
    await clean(500, async () => {
      const url = `http://${STACK}`;
      const page = ['-o', '/dev/null', `${url}/`, '-o', '/dev/null', `${url}/big?kb=1000`];
      await stack.run('curl', ['-sS', ...page]);
      await stack.sh(`head -c 500000 /dev/zero | curl -sS -T - ${url}/upload`);
    });
  });

  test('our own open', async () => {
    await clean(4, async () => {
      const server = stack.start('nc', '-N', '-l', stack.kernel, '3001');
      await sleep(300);
      const client = stack.fourwave('connect', '-N', stack.kernel, '3001');
      client.endInput('hello\n');
      server.endInput('hello\n');
      assert.deepEqual([(await client.end()).code, (await server.end()).code], [0, 0]);
    });
  });

  test('ping, with fragments too', async () => {
    await clean(80, async () => {
      await stack.run('ping', ['-c', '3', '-i', '0.1', STACK]);
      await stack.run('ping', ['-c', '2', '-i', '0.1', '-s', '60000', STACK]);
    });
  });

  test('a corrupt packet of ours would be found', async () => {
    const file = await clean(3, () => stack.run('nc', ['-N', STACK, '7'], 'find-this-text'));
    const bytes = readFileSync(file);
    bytes[bytes.lastIndexOf('find-this-text')] = 0x46;
    writeFileSync(file, bytes);
    assert.equal((await tshark(file, '-Y', COMPLAINTS)).length, 1);
  });
});
