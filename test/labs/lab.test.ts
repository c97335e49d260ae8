/** What is wrong with a lab is said before it is played; what breaks in one is red, whatever it is. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Act, type Lab, type LabSource, lab } from '../../src/labs/lab.ts';
import { settingOf } from '../../src/labs/run.ts';
import { runInSim } from '../../src/labs/sim/run-sim.ts';

const both = { en: 'word', zh: '词' };
const EXPECT = 'K>S SYN 0\nS>K SYN,ACK 0 ack 1\nK>S ACK 1 ack 1\nK>S FIN,ACK 1 ack 1\nS>K FIN,ACK 1 ack 2';

function source(change: Record<string, unknown> = {}): LabSource {
  return {
    ...{
      id: 'open/test',
      level: 1,
      minutes: 1,
      answers: ['B1'],
      rfc: ['RFC 9293 §3.5'],
      code: ['src/index.ts'],
    },
    ...{ title: both, question: both, explain: both, type: { any: [{ run: 'nc 10.9.0.2 7' }] } },
    predict: { ask: both, choices: [both, both], right: 1, why: both },
    auto: async (stage) => {
      const nc = await stage.nc(7, { N: true, input: '' });
      await nc.exited();
    },
    expect: EXPECT,
    broken: { what: 'a FIN is lost', faults: ['drop in where fin times 1'] },
    ...change,
  } as LabSource;
}
const make = (change: Record<string, unknown> = {}): Lab => lab(source(change));

describe('what is refused', () => {
  const cases: [change: Record<string, unknown>, message: RegExp][] = [
    [{ id: 'Open/Test' }, /lab Open\/Test: its id is group\/name/],
    [{ id: 'else/test' }, /there is no group "else"/],
    [{ answers: ['37'] }, /answers are B1/],
    [{ rfc: ['9293 3.5'] }, /rfc is written/],
    [{ code: ['tcp/input.ts'] }, /code names files/],
    [{ title: { en: 'word', zh: ' ' } }, /title lacks a language/],
    [{ predict: { ask: both, choices: [both], right: 1, why: both } }, /predict.right/],
    [{ faults: ['drop in whre syn'] }, /"drop in whre syn": column 9/],
    [{ expect: 'K>S SYM' }, /expect, line 1, column 5/],
    [{ narrate: [{ when: 'K>S', say: both }] }, /line 1, column 4/],
    [{ type: { any: [{ wait: both, until: 'S NOWHERE' }] } }, /"NOWHERE" is no state/],
    [{ broken: { what: '', stack: {} } }, /broken.what is empty/],
    [{ broken: { what: 'x', act: 'other' } }, /broken.act is none/],
    [{ acts: [{ name: 'a', auto: () => {}, only: { stage: 'sim', why: both } }] }, /no act for real/],
  ];
  for (const [change, message] of cases) {
    test(String(message), () => {
      assert.throws(() => make(change), message);
    });
  }
});

describe('a run', () => {
  test('green: every check is told', async () => {
    const result = await runInSim(make());
    assert.equal(result.ok, true);
    assert.equal(result.acts[0]?.name, 'main');
    assert.equal(result.acts[0]?.checks[0]?.detail, '5 lines');
  });
  const red: [why: string, change: Record<string, unknown>, seen: RegExp][] = [
    ['the expectation', { expect: EXPECT.replace('ack 2', 'ack 3') }, /its ack is 2/],
    ['a check', { check: () => [{ text: both, ok: false, detail: 'no' }] }, /"no"/],
    [
      'a check that throws',
      {
        check: () => {
          throw new Error('a slip');
        },
      },
      /a slip/,
    ],
    ['the script', { auto: () => Promise.reject(new Error('stumbled')) }, /stumbled/],
    [
      'a check in the script',
      {
        auto: async (stage: { check(text: object, ok: boolean): void }) => stage.check(both, false),
        expect: '...',
      },
      /"ok":false/,
    ],
    [
      'what never ends',
      { auto: async (stage: { until(what: string): Promise<void> }) => stage.until('S TIME-WAIT') },
      /after 10000 ms/,
    ],
  ];
  for (const [why, change, seen] of red) {
    test(`red by ${why}`, async () => {
      const result = await runInSim(make(change));
      assert.equal(result.ok, false);
      assert.match(JSON.stringify(result.acts.map(({ checks, error }) => [checks, error])), seen);
    });
  }
  test('acts each have a fresh stage; a break is of one of them', async () => {
    const { auto, expect, ...rest } = source() as Lab & Pick<Act, 'auto' | 'expect'>;
    const acts = [
      { name: 'one', auto, expect },
      { name: 'two', auto, expect: `${expect}\n...`, stack: { timestamps: 'off' } },
    ];
    const two = lab({ ...rest, acts, broken: { ...rest.broken, act: 'two' } } as LabSource);
    const green = await runInSim(two);
    assert.deepEqual(
      green.acts.map(({ name, ok }) => `${name} ${ok}`),
      ['one true', 'two true'],
    );
    const broken = await runInSim(two, { broken: true });
    assert.deepEqual(
      broken.acts.map(({ name, ok }) => `${name} ${ok}`),
      ['two false'],
    );
    assert.equal((await runInSim(two, { act: 'one' })).acts.length, 1);
  });
  test('settings are laid one upon another: act, real, break', () => {
    const act = {
      ...{ name: 'x', auto: () => Promise.resolve(), faults: ['drop in'] },
      ...{ stack: { msl: '30s', sack: 'off' }, services: { late: { think: 5 } } },
      real: { stack: { msl: '1s' } },
    };
    const breaks = { what: 'x', stack: { sack: 'on' }, faults: [], services: { late: { noDelay: true } } };
    assert.deepEqual(settingOf(act, null, 'sim').stack, { msl: '30s', sack: 'off' });
    assert.deepEqual(settingOf(act, null, 'real').stack, { msl: '1s', sack: 'off' });
    const all = settingOf(act, breaks, 'real');
    assert.deepEqual(all.stack, { msl: '1s', sack: 'on' });
    assert.deepEqual(all.faults, []);
    assert.deepEqual(all.services, { late: { think: 5, noDelay: true } });
  });
});

test('a lab needs nothing of Node, nor a clock: it runs in a browser', async () => {
  const absent = ['setTimeout', 'setInterval', 'setImmediate', 'Buffer', 'Date', 'process', 'performance'];
  const found = absent.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
  let ok: boolean;
  try {
    for (const name of absent) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: () => assert.fail(`${name} was asked for`),
      });
    }
    ok = (await runInSim(make())).ok;
  } finally {
    absent.forEach((name, index) => {
      Object.defineProperty(globalThis, name, found[index] as PropertyDescriptor);
    });
  }
  assert.equal(ok, true);
});

describe('invariants of every lab', () => {
  test('an acknowledgement of what never came, a state out of nowhere, a timer of the dead', async () => {
    const { invariants } = await import('../../src/labs/invariants.ts');
    const event = (ev: string, data: object, n: number): object => ({
      t: 0,
      n,
      ev,
      conn: 'c1',
      inc: 1,
      data,
    });
    const events = [
      event('seg:received', { end: 5 }, 1),
      event('seg:sent', { ack: 6 }, 2),
      event('conn:state', { old: 'LISTEN', new: 'TIME-WAIT' }, 3),
      event('snd:window', { una: 9, nxt: 8, max: 8 }, 4),
      event('conn:closed', { reason: 'normal' }, 5),
      event('timer:fire', { timer: 'rto' }, 6),
    ];
    const report = { events, programs: [], trouble: ['boom'] } as never;
    const lines = invariants(report, make().acts[0] as never);
    assert.deepEqual(
      lines.map(({ ok }) => ok),
      [false, false, false, false, false, true],
    );
    assert.match(
      lines.map(({ detail }) => detail).join(' '),
      /boom.*LISTEN → TIME-WAIT.*ack 6.*event 4.*timer:fire rto/,
    );
    const orderly = [
      event('conn:opened', {}, 1),
      event('app:write', { bytes: 5 }, 2),
      event('conn:closed', { reason: 'normal' }, 3),
    ];
    const printed = (bytes: number): boolean | undefined => {
      const programs = [{ command: 'nc 10.9.0.2 7', exit: { code: 0, signal: null }, bytes }];
      return invariants({ events: orderly, programs, trouble: [] } as never, make().acts[0] as never).at(-1)
        ?.ok;
    };
    assert.deepEqual([printed(5), printed(4)], [true, false]);
    const waived = invariants(report, { waive: ['trouble', 'acks'] } as never);
    assert.equal(waived.length, 4);
  });
});
