/** `fourwave drill`: what it prints and how it ends. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../support/source-program.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const SUPER_PACKET = fileURLToPath(
  new URL('../../conformance/rfc5927-1191/frag-needed-is-no-congestion.pkt', import.meta.url),
);
const FOLDER = mkdtempSync(join(tmpdir(), 'fourwave-drill-'));
process.on('exit', () => rmSync(FOLDER, { recursive: true }));

const OPEN = `// Opens.
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+.1 < S 0:0(0) win 65535 <mss 1460>
`;
const good = script('good.pkt', `--speed=1000Mbps\n${OPEN}+0 > S. 0:0(0) ack 1 <mss 1460>\n`);
const bad = script('bad.pkt', `${OPEN}+0 > S. 0:0(0) ack 1 win 7 <mss 1460>\n`);
const unreadable = script('unreadable.pkt', `${OPEN}+0 > S. 0:0(0) ack 1 win seven\n`);

function script(name: string, text: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, text);
  return path;
}

function drill(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const result = spawnSync(process.execPath, [...programArguments(MAIN), 'drill', ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

test('scripts that pass: code 0, notices, and every packet with --verbose', () => {
  const { code, stdout, stderr } = drill('--verbose', good, good);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const once = [
    '0.100000 < S 0:0(0) win 65535 <mss 1460>',
    '0.100000 > S. 0:0(0) ack 1 win 65535 <mss 1460>',
    `${good}: notice: --speed has no effect`,
  ];
  assert.deepEqual(stdout.trimEnd().split('\n'), [...once, ...once, '2 scripts passed']);
});

test('one script fails: code 1, file, line and the two packets with a mark under what differs', () => {
  const { code, stdout, stderr } = drill(bad, good);
  assert.equal(stderr, '');
  assert.equal(code, 1);
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    `${bad}:6: the packet that was sent differs in win`,
    'script packet: 0.100000 > S. 0:0(0) ack 1 win 7     <mss 1460>',
    'actual packet: 0.100000 > S. 0:0(0) ack 1 win 65535 <mss 1460>',
    '                                          ^^^^^^^^^',
    `${good}: notice: --speed has no effect`,
    '2 scripts: 1 passed, 1 failed',
  ]);
});

test('--offload tso4: what the stack sends at once goes again as one, and is cut anew for the script', () => {
  const { code, stdout } = drill('--offload', 'tso4', good, SUPER_PACKET);
  assert.equal(code, 1);
  assert.match(stdout, /script packet: .* 1161:1461\(300\) .*\nactual packet: .* 1161:2321\(1160\) /);
  assert.match(stdout, /2 scripts: 1 passed, 1 failed\n$/);
});

test('a script that cannot be read: code 2, one sentence with the place, and none is run', () => {
  const { code, stdout, stderr } = drill(good, unreadable);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.equal(stderr, `fourwave: ${unreadable}:6:26: expected a number after "win", not "seven"\n`);
});

test('a script that is not there: code 4, one sentence', () => {
  const { code, stdout, stderr } = drill(good, join(FOLDER, 'none.pkt'));
  assert.equal(code, 4);
  assert.equal(stdout, '');
  assert.match(stderr, /^fourwave: \S+none\.pkt: there is no such file [^\n]+\n$/);
});

test('--json prints one object for each script and nothing else', () => {
  const { code, stdout } = drill('--json', good, bad);
  assert.equal(code, 1);
  const [first, second] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(first, {
    file: good,
    passed: true,
    failure: null,
    notices: ['--speed has no effect'],
    packets: 2,
    seconds: 0.1,
  });
  assert.equal(second?.['passed'], false);
  const failure = second?.['failure'] as {
    line: number;
    difference: { fields: { name: string; same: boolean }[] };
  };
  assert.equal(failure.line, 6);
  assert.deepEqual(
    failure.difference.fields.filter(({ same }) => !same).map(({ name }) => name),
    ['win'],
  );
});

test('--config sets an option of the stack for all scripts, and a wrong one is a mistake in the arguments', () => {
  const { code, stdout } = drill('--config', 'mss=1000', good);
  assert.equal(code, 1);
  assert.match(stdout, /differs in option mss/);
  const wrong = drill('--config', 'mzz=1000', good);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /There is no option "mzz"/);
});
