/** The commands about labs that need no privileges: list, doctor, run and check in the simulator, verify, new. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { LABS } from '../../../src/labs/catalogue/index.ts';
import { LabBench } from '../../support/labs.ts';

const bench = new LabBench();
after(() => bench.close());

async function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const { code, stdout, stderr } = await bench.run('lab', ...args);
  return { code, out: stdout.toString(), err: stderr };
}

const LAB = 'close/last-ack-lost';

describe('mistakes in the arguments: one sentence, code 2', () => {
  const wrong: [string, RegExp][] = [
    ['run', /missing required argument/],
    ['run close/last-ack-lots --sim', /there is no lab "close\/last-ack-lots", perhaps close\/last-ack-lost/],
    [`run ${LAB} --sim --real`, /--sim and --real cannot be together/],
    [`run ${LAB} --lang fr`, /--lang must be en or zh/],
    [`run ${LAB} --patience soon`, /--patience must be a duration/],
    ['check nothing/there --sim', /there is no lab/],
    ['check --real --jobs 0', /--jobs must be a whole number between 1 and 32/],
    ['new nonsense', /NAME is group\/name/],
    ['new close/UPPER', /NAME is group\/name/],
    ['frobnicate', /unknown command/],
  ];
  for (const [args, expected] of wrong) {
    test(args, async () => {
      const { code, out, err } = await run(...args.split(' '));
      assert.match(err, expected);
      assert.match(err, /^fourwave: [^\n]+\n$/);
      assert.equal(code, 2);
      assert.equal(out, '');
    });
  }
});

describe('what is missing: one sentence, code 4', () => {
  for (const [args, expected] of [
    ['shell', /no lab is running/],
    ['new close/mine --control none.sock', /no stack is running behind none\.sock/],
    ['new close/mine --from none.jsonl', /the log none\.jsonl cannot be read/],
    ['verify none.tcplog.jsonl', /the log none\.tcplog\.jsonl cannot be read/],
  ] as const) {
    test(args, async () => {
      const { code, err } = await run(...args.split(' '));
      assert.match(err, expected);
      assert.equal(code, 4);
    });
  }
});

describe('looking', () => {
  test('list: id, title, level, needs, minutes; --json has all of them', async () => {
    const { out } = await run('list');
    assert.match(out, /^close\/last-ack-lost +What if the last ACK is lost\? +① +nc +2 min +–$/m);
    const all = JSON.parse((await run('list', '--json')).out) as { id: string; lastRun: unknown }[];
    assert.deepEqual(
      all.map(({ id }) => id),
      LABS.map(({ id }) => id),
    );
    assert.match((await run('list', '--lang', 'zh')).out, /如果最后一个 ACK 丢了会怎样/);
  });

  test('doctor: each check with what was found; what fails has a cure of one line', async () => {
    const { out, code } = await run('doctor', '--json');
    const checks = JSON.parse(out) as { name: string; ok: boolean; needed: boolean; cure: string | null }[];
    const names = checks.map(({ name }) => name);
    for (const name of ['/dev/net/tun', 'user namespaces', 'AppArmor', 'ip', 'nc', 'curl', 'terminal'])
      assert.ok(names.includes(name), name);
    for (const { name, ok, cure } of checks) assert.ok(ok || /^[^\n]+$/.test(cure ?? ''), name);
    assert.equal(
      code === 0,
      checks.every(({ ok, needed }) => ok || !needed),
    );
    assert.match((await run('doctor')).out, /^✓ kernel /m);
  });
});

describe('in the simulator', () => {
  test('check: a group, code 0; --json says what was checked', async () => {
    const { code, out } = await run('check', 'open/three-way', LAB, '--sim');
    assert.equal(code, 0, out);
    assert.match(out, /2 of 2 labs as they should be/);
    const [checked] = JSON.parse((await run('check', LAB, '--sim', '--json')).out) as {
      ok: boolean;
      acts: { checks: { ok: boolean }[] }[];
    }[];
    assert.ok(checked?.ok === true && (checked.acts[0]?.checks.length ?? 0) > 5);
  });

  test('run: question, ladder, sentences, the answer, the explanation; what is saved can be verified', async () => {
    const { code, out } = await run('run', LAB, '--sim');
    assert.equal(code, 0, out);
    for (const part of [
      /^Question: The ACK of the last FIN is lost/m,
      /✗ · · .*ACK 33 ack 2/,
      /The fourth wave is lost\. S does not know/,
      /Right is: K sends its FIN again/,
      /^✓ \d+\/\d+ checks/m,
      /^References: RFC 9293 §3\.6/m,
      /^Next: time-wait\/countdown/m,
    ])
      assert.match(out, part);
    const log = bench.saved('-once.tcplog.jsonl');
    const verified = await run('verify', log);
    assert.equal(verified.code, 0, verified.out);
    // A log in which the fourth wave was not lost is another story.
    const lines = readFileSync(log, 'utf8').split('\n');
    writeFileSync(log, lines.filter((line) => !line.includes('wire:fate')).join('\n'));
    const other = await run('verify', log);
    assert.equal(other.code, 1);
    assert.match(other.out, /✗ The segments came as expected/);
    assert.match((await run('list')).out, /^close\/last-ack-lost .* ✓$/m);
  });

  test('run --lang zh tells it in Chinese', async () => {
    const { out } = await run('run', LAB, '--sim', '--lang', 'zh');
    assert.match(out, /问题: 对最后一个 FIN 的 ACK 丢失了/);
    assert.match(out, /第四次挥手丢失了/);
    assert.match(out, /解释/);
  });

  test('new writes a module from a log, and not twice; its expectation is that log', async () => {
    await run('run', LAB, '--sim');
    const log = bench.saved('-once.tcplog.jsonl');
    const { code, out } = await run('new', 'close/mine', '--from', log);
    assert.equal(code, 0, out);
    const path = join(bench.folder, 'labs/close/mine.ts');
    const text = readFileSync(path, 'utf8');
    assert.match(text, /id: 'close\/mine'/);
    assert.match(text, /K>S SYN 0 ; S SYN-RECEIVED/);
    assert.match(text, /S>K ACK 33 ack 2 LOST/);
    const again = await run('new', 'close/mine', '--from', log);
    assert.equal(again.code, 2);
    assert.match(again.err, /is there already/);
  });

  test('a run leaves its folder and nothing else', () => {
    assert.ok(existsSync(join(bench.folder, 'runs')));
    assert.deepEqual(
      readdirSync(bench.folder).filter((name) => !['runs', 'labs', 'fourwave'].includes(name)),
      [],
    );
  });
});
