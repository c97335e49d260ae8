/** Looking inside a real connection, while it lives and from its log: why, ss --at, and the keyframes between. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Compile } from 'typebox/compile';
import { EventFile } from '../../../src/cli/event-file/event-file.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { EVENT_SCHEMAS, HeaderSchema } from '../../../src/trace/schema.ts';
import type { Why } from '../../../src/trace/why.ts';
import { worldOf } from '../../../src/trace/world/reduce.ts';
import { eventually, RunningStack, skipWithout } from '../../support/running-stack.ts';

const RULE = 'drop out where ack-only && state==TIME-WAIT times 1';
const DAYTIME = 13;
const DISCARD = 9;

function linesOf(path: string): LogEvent[] {
  const [, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as LogEvent);
}

describe('inside a connection', { skip: skipWithout('nc.openbsd') }, () => {
  it('B37 B38: the last ACK is lost: why names the rule, live and from the log, and ss --at shows TIME-WAIT', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fourwave-inside-'));
    const log = join(folder, 'events.jsonl');
    const stack = await RunningStack.start('--offload', 'off', '--fault', RULE, '--log', log);
    try {
      const json = async <Answer>(first: string, ...args: string[]): Promise<Answer> => {
        const { code, stdout, stderr } = await stack.fourwave(first, ...args, '--json').end();
        assert.equal(code, 0, stderr);
        return JSON.parse(stdout.toString()) as Answer;
      };
      const student = stack.start('nc.openbsd', stack.ready.address[0] as string, `${DAYTIME}`);
      await eventually(
        () =>
          Promise.resolve(
            linesOf(log).some(({ ev, data }) => ev === 'conn:state' && data['new'] === 'FIN-WAIT-2'),
          ),
        () => 'FIN-WAIT-2',
      );
      student.endInput();
      const fins = (): LogEvent[] =>
        linesOf(log).filter(({ ev, data }) => ev === 'seg:received' && String(data['flags']).includes('FIN'));
      await eventually(
        () =>
          Promise.resolve(fins().length === 2 && linesOf(log).some((event) => event.cause === fins()[1]?.n)),
        () => 'the FIN again',
      );
      const [, again] = fins() as [LogEvent, LogEvent];
      const live = await json<Why>('why', `${again.n}`);
      assert.equal(live.faults[0]?.data['rule'], RULE);
      assert.equal(live.faults[0]?.data['by'], 'rule#1');
      assert.equal(live.decision?.data['verdict'], 'duplicate');
      const led = live.ledTo.map(({ event }) => event.ev);
      assert.ok(
        led.includes('seg:sent') && led.includes('timer:set'),
        `${led.join()}: a second ACK, and 2MSL again`,
      );
      const text = (await stack.fourwave('why', `${again.n}`).end()).stdout.toString();
      assert.match(text, /rule#1 {2}drop out where ack-only.*: dropped the answer ACK/);
      assert.match(text, /3\.10\.7\.4-1 sequence/);

      const atTheEnd = await json<ConnectionRecord[]>('ss', '--at', `${again.n}`);
      assert.deepEqual(
        atTheEnd.map(({ state }) => state),
        ['TIME-WAIT'],
      );
      await stack.stopUp();
      const fromFile = await json<Why>('why', `${again.n}`, log);
      assert.deepEqual(fromFile.event, live.event);
      assert.deepEqual(fromFile.faults, live.faults);
      assert.deepEqual(fromFile.decision, live.decision);
      const [record] = await json<ConnectionRecord[]>('ss', '--at', `${again.n}`, log);
      assert.equal(record?.state, 'TIME-WAIT');
      assert.deepEqual(
        record?.timers.map(({ name }) => name),
        ['time-wait'],
      );
      const none = await stack.fourwave('why', '999999', log).end();
      assert.equal(none.code, 4);
      assert.match(none.stderr, /there is no event 999999 in .*: it has those from 1 to \d+/);
    } finally {
      await stack.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('the log of a bulk transfer has keyframes; each line is valid, and each world the one from the beginning', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fourwave-inside-'));
    const log = join(folder, 'events.jsonl');
    const stack = await RunningStack.start('--offload', 'off', '--log', log);
    try {
      const send = `head -c 12000000 /dev/zero | nc.openbsd -N ${stack.ready.address[0]} ${DISCARD}`;
      await stack.sh(send);
      await stack.stopUp();
      const header = Compile(HeaderSchema);
      const [first] = readFileSync(log, 'utf8').split('\n', 1);
      assert.ok(header.Check(JSON.parse(first as string)));
      const checks = new Map(Object.entries(EVENT_SCHEMAS).map(([name, schema]) => [name, Compile(schema)]));
      const lines = linesOf(log);
      for (const line of lines) assert.ok(checks.get(line.ev)?.Check(line), JSON.stringify(line));
      const keyframes = lines.filter(({ ev }) => ev === 'log:keyframe');
      assert.ok(keyframes.length >= 2, `${keyframes.length} keyframes in ${lines.length} lines`);
      const file = EventFile.open(log);
      for (const { n } of [...keyframes.slice(0, 2), lines.at(-1) as LogEvent]) {
        const place = file.find(n);
        assert.ok(place !== null);
        assert.deepEqual(file.worldAt(place), worldOf(lines, n));
      }
      file.close();
    } finally {
      await stack.close();
      rmSync(folder, { recursive: true });
    }
  });
});
