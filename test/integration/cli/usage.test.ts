import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../support/source-program.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const EMPTY = mkdtempSync(join(tmpdir(), 'fourwave-cli-'));
process.on('exit', () => rmSync(EMPTY, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program where no stack can be found. */
function run(...args: string[]): Outcome {
  const env = { ...process.env, XDG_RUNTIME_DIR: EMPTY };
  const result = spawnSync(process.execPath, [...programArguments(MAIN), ...args], {
    encoding: 'utf8',
    env,
    input: '',
    timeout: 20_000,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

function oneSentence({ stderr }: Outcome): string {
  assert.match(stderr, /^fourwave: [^\n]+\n$/);
  return stderr;
}

const wrong: [string, RegExp][] = [
  ['frobnicate', /unknown command/],
  ['up --bogus', /unknown option/],
  ['up --mtu 9', /--mtu must be a whole number between 68 and 65535/],
  ['up --set mls=3s', /did you mean "msl"/],
  ['up --set msl', /KEY=VALUE/],
  ['up --msl 30', /msl must be a duration/],
  ['up --congestion vegas', /cubic or reno/],
  ['up --address 300.1.1.1', /--address must be an IPv4 address/],
  ['up --address 127.0.0.1', /an address that a host can have/],
  ['up --peer 10.9.0.1', /with its prefix/],
  ['up --peer 10.9.0.2/24', /cannot be 10\.9\.0\.2/],
  ['up --tun a/b', /--tun must be/],
  ['up --netns ../x', /--netns must be/],
  ['up --services echo,chargn', /did you mean "chargen"/],
  ['up --profile bsd', /default, strict or linux/],
  ['up --linger 5', /--linger must be a duration/],
  ['up --offload on', /auto, csum or off/],
  ['up --queues 0', /--queues/],
  ['drill --offload tso x.pkt', /off, csum or tso4/],
  ['ss state timewait', /did you mean time-wait/],
  ['ss port 0', /between 1 and 65535/],
  ['ss foo', /"state STATE" and "port N"/],
  ['log --level all', /core, base or extra/],
  ['log --conn x', /CONN must be a connection/],
  ['close', /missing required argument/],
  ['abort 1x', /CONN must be a connection/],
  ['config msl=30', /msl must be a duration/],
  ['config nothing', /There is no option/],
  ['service start ech', /did you mean "echo"/],
  ['connect 10.9.0.2 0', /PORT/],
  ['listen 65536', /PORT/],
  ['ladder --since yesterday', /--since/],
  ['ladder --width 20', /--width must be/],
  ['ladder --conn x', /CONN must be a connection/],
  ['why x', /number of an event/],
  ['stats --json --prometheus', /choose one/],
  ['drill', /name a script, or a recording with --from/],
  ['up --fault drop,in', /--fault: column 5: one of where, times, prob, seed, for is expected here/],
  ['up --seed x --fault drop', /--seed must be a whole number/],
  ['fault add drop in where state=TIME-WAIT', /column 20: state is compared with ==, not with =/],
  ['hold out where fin', /column 19: hold needs a name after "as"/],
  ['inject rst seq+10', /column 18: a connection/],
  ['inject old1 --from above', /--from must be inside or outside/],
  ['up --device tuntap2 --allow-inject', /--allow-inject is for --device tun/],
  ['up --device tuntap2 --busy-poll', /--busy-poll reads the TUN itself/],
  ['fault clear x', /N must be a whole number/],
];
for (const [args, expected] of wrong) {
  test(`"${args}" is a mistake in the arguments: code 2, one sentence`, () => {
    const outcome = run(...args.split(' '));
    assert.equal(outcome.code, 2, outcome.stderr);
    assert.match(oneSentence(outcome), expected);
    assert.equal(outcome.stdout, '');
  });
}

const unbuilt = ['up --inspect 127.0.0.1:4200'];
for (const args of unbuilt) {
  test(`"${args}" is understood and not built yet: code 4`, () => {
    const outcome = run(...args.split(' '));
    assert.equal(outcome.code, 4, outcome.stderr);
    assert.match(oneSentence(outcome), /is not built yet$/m);
    assert.equal(outcome.stdout, '');
  });
}

for (const args of [
  'ss --json',
  'stats',
  'config msl',
  'log',
  'watch',
  'ss --at 3',
  'why 3',
  'ladder c3',
  'close c1',
  'fault add drop both',
  'fault list',
  'fault clear 1',
  'hold out where fin as f1',
  'release f1',
  'inject old1 at +2s',
  'service list',
  'connect 10.9.0.2 7',
  'listen 5',
  'shell',
]) {
  test(`"${args}" without a running stack: code 4`, () => {
    const outcome = run(...args.split(' '), '--control', join(EMPTY, 'none.sock'));
    assert.equal(outcome.code, 4, outcome.stderr);
    assert.match(oneSentence(outcome), /no stack is running/);
    assert.equal(outcome.stdout, '');
  });
}

const COMMANDS = [
  'up',
  'ss',
  'watch',
  'ladder',
  'log',
  'why',
  'stats',
  'config',
  'fault',
  'hold',
  'release',
  'inject',
  'close',
  'abort',
  'pause',
  'resume',
  'service',
  'connect',
  'listen',
  'capture',
  'replay',
  'drill',
  'lab',
  'shell',
  'doctor',
];
test('every command of the synopsis is in the help', () => {
  const { code, stdout } = run('--help');
  assert.equal(code, 0);
  for (const command of COMMANDS) assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'), command);
});
test('every command has its own help', () => {
  for (const command of COMMANDS) {
    const { code, stdout } = run(command, '--help');
    assert.equal(code, 0, command);
    assert.match(stdout, new RegExp(`^Usage: fourwave ${command}\\b`), command);
  }
});

test('--version prints the version of the package', () => {
  assert.match(run('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});

test('doctor --json is JSON and nothing else', () => {
  const { stdout } = run('doctor', '--json');
  const checks = JSON.parse(stdout) as { name: string; ok: boolean; cure: string | null }[];
  assert.ok(checks.some(({ name, ok }) => name === 'Node' && ok));
  for (const check of checks) assert.ok(check.ok || check.cure !== null, check.name);
});

test('ladder draws a recorded log without a stack, and escapes what is in it', () => {
  const file = join(EMPTY, 'run.tcplog.jsonl');
  writeFileSync(
    file,
    [
      '{"tcplog":1,"title":"x"}',
      '{"t":0.1,"n":1,"ev":"seg:received","conn":"c1","data":{"flags":"SYN","seq":0,"end":1,"ack":null,"win":512,"raw":{"seq":7,"ack":0}}}',
      '{"t":0.2,"n":2,"ev":"conn:state","conn":"c1","data":{"old":"LISTEN","new":"\\u001b[2J"}}',
      '{"t":9,"n":3,"ev":"seg:sent","conn":"c1","data":{"flags":"ACK","seq":1,"end":1,"ack":1,"win":512,"raw":{"seq":8,"ack":9}}}',
    ].join('\n'),
  );
  const whole = run('ladder', file, '--ascii');
  assert.equal(whole.code, 0, whole.stderr);
  assert.match(whole.stdout, /\|- SYN 0:1 win 512 -+>\|/);
  assert.match(whole.stdout, /\\x1b\[2J/);
  const late = run('ladder', file, '--raw', '--since', '5s');
  assert.doesNotMatch(late.stdout, /SYN/);
  assert.match(late.stdout, /ACK 8 ack 9 win 512/);
  writeFileSync(file, '{"tcplog":1}\nnonsense\n');
  assert.match(oneSentence(run('ladder', file)), /line at byte 13 of .* is no event/);
  assert.equal(run('ladder', join(EMPTY, 'none.jsonl')).code, 4);
});
