/**
 * Soak: ab, wrk, and curl up and down at a stack behind a link that loses 1 %, for a minute, or for
 * FOURWAVE_SOAK_MINUTES (`npm run soak`). Nothing grows, nobody waits longer, nothing stays.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImpairedStack } from '../../support/impaired-stack.ts';
import type { Vitals } from '../../support/impaired-up.ts';
import { eventually, skipWithout } from '../../support/running-stack.ts';
import { Payloads } from '../interop/payloads.ts';
import { grown, growth, METRICS, type MetricName, quantile, third, withLeak } from './growth.ts';
import { bodyScript, Load } from './load.ts';

const SECONDS = 60 * Number(process.env['FOURWAVE_SOAK_MINUTES'] ?? 1);
const SAMPLES = Math.max(60, Math.min(360, SECONDS / 5));
const FILE_BYTES = 300_000;
/** 99th percentiles are made of timeouts: of 200 ms, or of twice that. */
const LATENCY_RATIO = 5;
const LATENCY_FLOOR = 50;

const skip = skipWithout('ab', 'wrk', 'curl', 'bash', 'sha256sum');

const payloads = new Payloads();
after(() => payloads.remove());

function start(): Promise<ImpairedStack> {
  return ImpairedStack.begin({
    www: payloads.folder,
    impairments: { loss: 0.01 },
    collectGarbage: true,
    // TIME-WAIT is full after two seconds, so that what it holds does not grow for a minute.
    config: { msl: '1s' },
  });
}

/** One each `every` ms, after `each`. */
async function sample(
  stack: ImpairedStack,
  count: number,
  every: number,
  each = async (): Promise<void> => {},
): Promise<Vitals[]> {
  const samples: Vitals[] = [];
  const begin = performance.now();
  for (let i = 1; i <= count; i++) {
    await sleep(Math.max(0, begin + i * every - performance.now()));
    await each();
    samples.push(await stack.vitals());
  }
  return samples;
}

function report(samples: readonly Vitals[], load: Load): string {
  const lines = (Object.keys(METRICS) as MetricName[]).map((name) => {
    const values = samples.map(METRICS[name].of);
    const medians = [0, 1, 2].map((number) => quantile(third(values, number), 0.5));
    return `${name}: ${medians.join(', ')}`;
  });
  const latencies = [0, 1, 2].map((number) => p99(load, number));
  const opened = samples.at(-1)?.stats.reasons.find(({ name }) => name === 'TCP_PASSIVE_OPEN')?.count;
  return [
    `medians of the thirds, ${opened} connections, rounds ${JSON.stringify(load.rounds)}`,
    ...lines,
    `p99: ${latencies.join(', ')} ms`,
  ].join('\n  ');
}

function p99({ latencies }: Load, number: number): number {
  return quantile(
    third(latencies, number).map(({ took }) => took),
    0.99,
  );
}

describe(`soak, ${SECONDS} s`, { skip }, () => {
  let stack: ImpairedStack;
  let load: Load;
  let samples: Vitals[];
  let idle: Vitals;

  before(async () => {
    stack = await start();
    const payload = payloads.file(FILE_BYTES);
    writeFileSync(join(stack.folder, 'body.lua'), bodyScript(payload));
    load = new Load(stack, payload);
  });
  after(() => stack?.close());

  test('ab, wrk and curl get all that they ask for, all the time', async () => {
    idle = await stack.vitals();
    load.start();
    samples = await sample(stack, SAMPLES, (SECONDS * 1000) / SAMPLES, async () => load.check());
    await load.stop();
    process.stdout.write(`  ${report(samples, load)}\n`);
    for (const [name, rounds] of Object.entries(load.rounds)) assert.ok(rounds > 0, `a round of ${name}`);
    const lost = samples.at(-1)?.link?.inbound.lost ?? 0;
    assert.ok(lost > 100, `the link has lost ${lost} packets`);
  });

  test('heap, external memory, RSS, descriptors and pools are flat', () => {
    assert.deepEqual(grown(samples), []);
  });

  test('a leak of twice the margin would have been seen in these very figures', () => {
    for (const [name, { of, margin }] of Object.entries(METRICS)) {
      const values = samples.map(of);
      assert.ok(growth(withLeak(values, 2 * margin)) > margin, `${name}: ${growth(values)} without a leak`);
    }
  });

  test('the p99 of small requests is what it was', () => {
    const [first, last] = [p99(load, 0), p99(load, 2)];
    assert.ok(last <= LATENCY_RATIO * Math.max(first, LATENCY_FLOOR), `${first} ms, then ${last} ms`);
  });

  test('in the end nothing is left', async () => {
    let tables = {};
    await eventually(
      async () => {
        const { listeners, ...others } = (await stack.vitals()).stats.tables;
        tables = others;
        return (
          listeners === idle.stats.tables['listeners'] && Object.values(others).every((value) => value === 0)
        );
      },
      () => `every table empty: ${JSON.stringify(tables)}`,
      120_000,
    );
    const end = await stack.vitals();
    assert.equal(end.guarded, null);
    assert.ok(
      end.descriptors <= idle.descriptors,
      `${end.descriptors} descriptors, ${idle.descriptors} before`,
    );
  });
});

describe('soak: a leak is found', { skip }, () => {
  const COUNT = 24;

  for (const [kind, suspects] of [
    ['heap', ['heapUsed']],
    ['external', ['external', 'arrayBuffers']],
  ] as const) {
    test(`of memory in ${kind}`, async () => {
      const stack = await start();
      try {
        // Code is compiled and tables are made by the first questions.
        await sample(stack, 10, 10);
        assert.deepEqual(grown(await sample(stack, COUNT, 10)), [], 'nothing leaks yet');
        const bytes = Math.ceil((3 * 2 * METRICS[suspects[0]].margin) / COUNT);
        const leaking = await sample(stack, COUNT, 10, () => stack.ask('leak', { kind, bytes }));
        const found = grown(leaking).map((text) => text.split(' ')[0]);
        for (const suspect of suspects) assert.ok(found.includes(suspect), `${suspect} in ${found.join()}`);
      } finally {
        await stack.close();
      }
    });
  }
});
