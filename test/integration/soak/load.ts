/** Programs that keep a stack busy until they are told to stop. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningStack, STACK } from '../../support/running-stack.ts';
import type { Payload } from '../interop/payloads.ts';

const SITE = `http://${STACK}`;
/** Requests in one round of the probe. */
const PROBES = 100;

/** One request of the probe. */
export interface Latency {
  /** When its round was over, `performance.now()`. */
  readonly at: number;
  /** ms. */
  readonly took: number;
}

export class Load {
  /** Rounds that each program has done. */
  readonly rounds: Record<string, number> = {};
  readonly latencies: Latency[] = [];
  private readonly stack: RunningStack;
  private readonly payload: Payload;
  private readonly running: Promise<void>[] = [];
  private stopped = false;
  private failure: unknown = null;

  constructor(stack: RunningStack, payload: Payload) {
    this.stack = stack;
    this.payload = payload;
  }

  start(): void {
    const { path, name, sum } = this.payload;
    const [big, script] = [`${SITE}/${name}`, join(this.stack.folder, 'body.lua')];
    this.repeat('ab', async () => {
      const output = await this.sh(`ab -q -s 120 -n 400 -c 8 ${SITE}/`);
      assert.match(output, /^Failed requests: +0$/m);
    });
    this.repeat('wrk', async () => {
      const output = await this.sh(`wrk -t 1 -c 8 -d 3s --timeout 120s -s ${script} ${big}`);
      assert.match(output, /^RESULT [1-9]\d* 0$/m, output);
    });
    this.repeat('curl up', async () => {
      assert.equal(await this.sh(`curl -sS -m 120 -T ${path} ${SITE}/upload`), sum);
    });
    this.repeat('curl down', async () => {
      assert.equal((await this.sh(`curl -sS -m 120 ${big} | sha256sum`)).split(' ')[0], sum);
    });
    this.repeat('probe', () => this.probe());
  }

  /** Lets every program end its round. @throws what one of them has failed with */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
    if (this.failure !== null) throw this.failure;
  }

  /** @throws as `stop`, while the others go on */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  private repeat(name: string, round: () => Promise<void>): void {
    this.rounds[name] = 0;
    const run = async (): Promise<void> => {
      while (!this.stopped) {
        await round();
        this.rounds[name] = (this.rounds[name] ?? 0) + 1;
      }
    };
    this.running.push(
      run().catch((error: unknown) => {
        this.failure ??= error;
        this.stopped = true;
      }),
    );
  }

  /** Small requests, one after the other on one connection, each timed. */
  private async probe(): Promise<void> {
    const file = join(this.stack.folder, 'times');
    const output = await this.sh(`ab -q -k -s 120 -n ${PROBES} -c 1 -g ${file} ${SITE}/`);
    assert.match(output, /^Failed requests: +0$/m);
    const at = performance.now();
    // starttime, seconds, ctime, dtime, ttime, wait; the first line says so.
    const lines = readFileSync(file, 'utf8').trim().split('\n').slice(1);
    for (const line of lines) this.latencies.push({ at, took: Number(line.split('\t')[4]) });
  }

  private async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.stack.run(
      'bash',
      ['-o', 'pipefail', '-c', script],
      '',
      180_000,
    );
    assert.equal(code, 0, `${script}: ${stderr.slice(-1000)}`);
    return stdout.toString();
  }
}

/** For wrk: how many answers were the file, and how many were not. */
export function bodyScript({ path }: Payload): string {
  return `
local file = io.open("${path}", "rb")
local content = file:read("*a")
file:close()
local threads = {}
function setup(thread)
  thread:set("right", 0)
  thread:set("wrong", 0)
  table.insert(threads, thread)
end
function response(status, headers, body)
  if body == content then right = right + 1 else wrong = wrong + 1 end
end
function done(summary)
  for _, thread in ipairs(threads) do
    io.write(string.format("RESULT %d %d\\n", thread:get("right"), thread:get("wrong")))
  end
end
`;
}
