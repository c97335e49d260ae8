/** `fourwave why`: from an event to its verdict, rule by rule, to its causes and to what it led to. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Clock } from '../../../src/base/clock.ts';
import { EventFile } from '../../../src/cli/event-file/event-file.ts';
import { FileSource } from '../../../src/cli/event-file/source.ts';
import { whyText } from '../../../src/cli/render/why.ts';
import { whyHandler } from '../../../src/cli/up/recorder-source.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { type EventSource, explain, type Why } from '../../../src/trace/why.ts';
import { manyEvents, writeLog } from '../../support/big-log.ts';
import { testbed } from '../../support/peer.ts';

const plain = (_colour: unknown, text: string): string => text;
const folder = mkdtempSync(join(tmpdir(), 'fourwave-why-'));
after(() => rmSync(folder, { recursive: true }));

/** All of a log in memory: what a file must answer as well. */
class ListSource implements EventSource {
  readonly events: readonly LogEvent[];
  constructor(events: readonly LogEvent[]) {
    this.events = events;
  }
  event(n: number): LogEvent | undefined {
    return this.events.find((event) => event.n === n);
  }
  causedBy({ n }: LogEvent): LogEvent[] {
    return this.events.filter(({ cause }) => cause === n);
  }
  ofSegment(segment: number): LogEvent[] {
    return this.events.filter(({ seg }) => seg === segment);
  }
  before(event: LogEvent): LogEvent[] {
    return this.events.filter(({ n, conn }) => n < event.n && conn === event.conn).reverse();
  }
}

describe('why', () => {
  it('a file answers for every event what its whole list answers', () => {
    const events = [...manyEvents(500, [2, 4, 6, 8])];
    const path = join(folder, 'log.jsonl');
    writeLog(path, events, 200);
    const file = EventFile.open(path);
    const [ofFile, ofList] = [new FileSource(file), new ListSource(events)];
    let decided = 0;
    for (const event of events) {
      const why = explain(ofFile, event);
      assert.deepEqual(why, explain(ofList, event), `event ${event.n}`);
      if (why.decision !== null) decided++;
      assert.ok(whyText(why, plain).includes(event.ev));
    }
    assert.ok(decided > 100, `${decided} decisions`);
    file.close();
  });

  it('RFC 9293 §3.10.7.4: the checks of a segment in order, and the one that stopped it', async () => {
    const { recorder, made } = watched();
    const peer = made.newPeer({ port: 1000 });
    peer.handshake('passive');
    peer.send({ flags: 'A', seq: 100_000, data: 10 });
    const judged = newest(recorder, 'seg:judged');
    const why = (await ask(recorder, judged.n)) as Why;
    assert.equal(why.decision?.n, judged.n);
    const text = whyText(why, plain);
    assert.match(text, /verdict: dropped, TCP_OLD_SEQUENCE|verdict: dropped, \w+, RFC 9293 §3\.10\.7\.4/);
    assert.match(text, /NO {2}3\.10\.7\.4-1 sequence/);
    assert.match(text, /because\n.*seg:received/);
    const sent = newest(recorder, 'seg:sent');
    const answer = whyText((await ask(recorder, sent.n)) as Why, plain);
    assert.match(answer, /verdict on the segment that came before: dropped/);
  });

  it('what is sent again: its timer, who set it, and its first sending', async () => {
    const { recorder, made } = watched();
    const peer = made.newPeer({ port: 1000 });
    const app = peer.handshake('passive');
    app.write(100);
    const first = newest(recorder, 'seg:sent');
    made.advance(1200);
    const again = newest(recorder, 'seg:sent');
    const why = (await ask(recorder, again.n)) as Why;
    assert.equal(why.event.data['retransmission'], true);
    assert.deepEqual(
      why.original.map(({ n }) => n),
      [first.n],
    );
    assert.deepEqual(
      why.because.slice(0, 2).map(({ ev }) => ev),
      ['timer:fire', 'timer:set'],
    );
    assert.match(whyText(why, plain), /sent first as\n.*seg:sent/);
    const set = why.because[1] as LogEvent;
    const led = ((await ask(recorder, set.n)) as Why).ledTo.map(({ event, depth }) => `${depth} ${event.ev}`);
    assert.equal(led[0], '1 timer:fire');
    assert.ok(led.includes('2 seg:sent') && led.includes('2 timer:set'), led.join());
  });

  it('a rule has taken the ACK for lack of which the FIN came again: it is named', () => {
    const rule = 'drop out where ack-only && state==TIME-WAIT times 1';
    const c = { conn: 'c1', inc: 1 };
    const fate = { dir: 'out', fate: 'dropped', by: 'rule#1', rule, len: 0, raw: {} };
    const judged = { verdict: 'duplicate', reason: 'TCP_OLD_DATA', rfc: 'RFC 9293 §3.10.7.4', checks: [] };
    const events: LogEvent[] = [
      { t: 1, n: 1, ev: 'seg:received', ...c, seg: 1, data: { flags: 'FIN,ACK', seq: 5, end: 6, ack: 2 } },
      { t: 1, n: 2, ev: 'seg:sent', ...c, seg: 2, cause: 1, data: { flags: 'ACK', seq: 2, end: 2, ack: 6 } },
      { t: 1, n: 3, ev: 'fault:hit', data: { number: 1, rule, hits: 1, left: 0, what: 'dropped' } },
      { t: 1, n: 4, ev: 'wire:fate', ...c, seg: 2, cause: 3, data: { ...fate, ack: 6 } },
      { t: 2, n: 5, ev: 'seg:received', ...c, seg: 3, data: { flags: 'FIN,ACK', seq: 5, end: 6, ack: 2 } },
      { t: 2, n: 6, ev: 'seg:judged', ...c, seg: 3, cause: 5, data: { ...judged, acts: ['ack-now'] } },
    ];
    const source = new ListSource(events);
    for (const [n, pattern] of [
      [2, /rule#1 {2}drop out where ack-only.*: dropped it \(segment 2, event 4\)/],
      [4, /rule#1 {2}drop out.*dropped it/],
      [5, /rule#1 {2}drop out.*: dropped the answer ACK 6 to what came again \(segment 2, event 4\)/],
      [6, /dropped the answer ACK 6/],
    ] as const) {
      assert.match(whyText(explain(source, events[n - 1] as LogEvent), plain), pattern, `event ${n}`);
    }
    assert.deepEqual(explain(source, events[0] as LogEvent).faults, []);
  });

  it('nothing that came from outside reaches the terminal as it is', () => {
    const evil = '\u001b[2J\u202e';
    const data = { by: evil, rule: evil, fate: evil, ack: evil, reason: evil, verdict: evil, rfc: evil };
    const judged = { ...data, state: evil, acts: [evil], checks: [{ rule: evil, ok: false, why: evil }] };
    const one = (ev: string, more: object): LogEvent =>
      ({ t: 1, n: 1, ev, conn: evil, seg: 1, data: { ...data, ...more } }) as LogEvent;
    const why: Why = {
      event: one(evil, {}),
      decision: one('seg:judged', judged),
      segment: [one('seg:sent', {})],
      original: [one('wire:fate', {})],
      faults: [one('wire:fate', {})],
      because: [one('timer:set', { timer: evil })],
      ledTo: [{ event: one('conn:state', { old: evil }), depth: 9 }],
    };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    assert.doesNotMatch(whyText(why, plain), /[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('an event that is not there any more, or not yet', async () => {
    const { recorder, made } = watched();
    const peer = made.newPeer({ port: 1000 });
    peer.handshake('passive');
    await assert.rejects(
      async () => ask(recorder, 1e6),
      /there is no event 1000000 yet: the last one is \d+/,
    );
    assert.throws(() => whyHandler(recorder)({ arguments: { n: 0 } } as never), /not in the flight recorder/);
  });
});

function watched(): { recorder: TraceRecorder; made: ReturnType<typeof testbed> } {
  const late: { clock: Clock } = { clock: { now: 1_000_000_000 } };
  const clock: Clock = {
    get now() {
      return late.clock.now;
    },
  };
  const recorder = new TraceRecorder({ clock });
  const made = testbed({ trace: recorder });
  late.clock = made.clock;
  return { recorder, made };
}

function newest(recorder: TraceRecorder, ev: string): LogEvent {
  return recorder.eventsSince(0, 1e6).findLast((event) => event.ev === ev) as LogEvent;
}

async function ask(recorder: TraceRecorder, n: number): Promise<unknown> {
  return JSON.parse(JSON.stringify(await whyHandler(recorder)({ arguments: { n } } as never)));
}
