/**
 * The closed vocabularies, whole: every event of the log, every reason, every cause of a reset, every
 * act, every trigger is brought about here. All scripts of test/conformance are run under an event log
 * that checks itself (the schema takes each line, no segment is without its verdict), and what they
 * leave out is made by hand.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, test } from 'node:test';
import type { Counters } from '../../../src/base/counters.ts';
import { REASON, REASONS, type ReasonName } from '../../../src/base/reasons.ts';
import { failureText } from '../../../src/drill/failure.ts';
import { runScript } from '../../../src/drill/interpreter.ts';
import { parseScript } from '../../../src/drill/parser.ts';
import { TRIGGERS } from '../../../src/tcp/output/sent-segment.ts';
import { TIMER_NAMES } from '../../../src/tcp/timers/timer-table.ts';
import { ACTS } from '../../../src/trace/judged.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { EVENTS } from '../../../src/trace/record.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { RESET_REASONS } from '../../../src/trace/reset-reasons.ts';
import { Frame } from '../../../src/wire/frame.ts';
import { CheckedLog } from '../../support/checked-log.ts';
import { testbed } from '../../support/peer.ts';
import { echoOf, type Forged, Harness, icmpOf, packetOf, pattern } from '../ip/harness.ts';

const SCRIPTS = join(import.meta.dirname, '../../conformance');
/** Those whose writers are not the stack. */
const NOTES = [
  'stack:started',
  'stack:stopped',
  'stack:config',
  'lab:step',
  'lab:predict',
  'lab:check',
  'lab:result',
  'log:lost',
];
/** Made and checked in test/unit/faults, in recorder.test.ts, and in keyframes.test.ts. */
const ELSEWHERE = [
  'seg:run',
  'wire:fate',
  'fault:rule',
  'fault:hit',
  'fault:expired',
  'log:keyframe',
  'log:connection',
];

/** What was seen of each vocabulary. */
class Seen {
  readonly events = new Set<string>();
  readonly reasons = new Set<string>();
  readonly resets = new Set<string>();
  readonly acts = new Set<string>();
  readonly triggers = new Set<string>();
  readonly timers = new Set<string>();
  readonly checks = new Set<string>();
  readonly counters = new Set<Counters>();

  take({ ev, data }: LogEvent): void {
    this.events.add(ev);
    if (ev === 'rst:why') this.resets.add(data['reason'] as string);
    else if (ev === 'seg:sent') this.triggers.add(data['trigger'] as string);
    else if (ev === 'timer:fire') this.timers.add(data['timer'] as string);
    else if (ev === 'seg:judged') {
      for (const act of data['acts'] as string[]) this.acts.add(act);
      for (const check of data['checks'] as { rule: string; ok: boolean }[]) {
        this.checks.add(`${check.rule} ${check.ok ? 'passed' : 'stopped'}`);
      }
    }
  }

  count(counters: Counters): void {
    REASONS.forEach(({ name }, code) => {
      if ((counters.byReason[code] as number) > 0) this.reasons.add(name);
    });
  }
}

const seen = new Seen();

/** A log that feeds {@link seen}, and the counters of the stack that it watches. */
function watch(clock: ConstructorParameters<typeof CheckedLog>[0]): CheckedLog {
  const log = new CheckedLog(clock);
  const { recorder } = log;
  const settled = recorder.settled.bind(recorder);
  recorder.settled = (tcb) => {
    seen.counters.add(tcb.context.counters);
    settled(tcb);
  };
  log.onEvent = (event) => seen.take(event);
  return log;
}

describe('every script of test/conformance, watched', () => {
  const files = (readdirSync(SCRIPTS, { recursive: true }) as string[]).filter((file) =>
    file.endsWith('.pkt'),
  );

  it(`${files.length} logs are valid to the last line`, () => {
    for (const file of files) {
      let log: CheckedLog | null = null;
      const script = parseScript(readFileSync(join(SCRIPTS, file), 'utf8'), file);
      const { failure } = runScript(script, {
        trace: (clock) => {
          log = watch(clock);
          return log.recorder;
        },
      });
      if (failure !== null) assert.fail(`watched, it is another: ${failureText(file, failure)}`);
      assert.doesNotThrow(() => log?.check(), file);
    }
    for (const counters of seen.counters) seen.count(counters);
  });
});

const part = (offset: number, end: number, more: Forged = {}): Forged => ({
  offset,
  mf: end < 100,
  payload: pattern(100).fill(0x50, 12, 13).subarray(offset, end),
  ...more,
});

/** What IP says of packets. */
const PACKETS: { readonly [Reason in ReasonName]?: readonly (Forged | Uint8Array)[] } = {
  PKT_TOO_SMALL: [packetOf({}).subarray(0, 10)],
  IP_VERSION: [{ version: 6 }],
  IP_INHDR: [{ ihl: 4 }],
  IP_CSUM: [{ badChecksum: true }],
  IP_OPTIONS: [{ options: [7, 1, 0, 0] }],
  IP_SOURCE_ROUTE: [{ options: [131, 7, 4, 10, 9, 0, 9, 0] }],
  IP_INVALID_SOURCE: [{ source: '255.255.255.255' }],
  IP_LOCAL_SOURCE: [{ source: '10.9.0.2' }],
  OTHERHOST: [{ destination: '10.9.0.77' }],
  IP_BROADCAST: [{ destination: '10.9.0.255' }],
  IP_NOPROTO: [{ protocol: 132, payload: pattern(20) }],
  IP_FRAGMENT: [part(0, 48)],
  DUP_FRAG: [part(0, 48), part(0, 48)],
  FRAG_MALFORMED: [part(0, 48, { mf: true, payload: pattern(47) })],
  FRAG_OVERLAP: [part(0, 48), part(40, 100)],
  FRAG_ECN: [part(0, 48, { tos: 3 }), part(48, 100, { tos: 0 })],
  FRAG_TINY: [part(0, 8)],
  FRAG_LIMIT: Array.from({ length: 100 }, (_, id) => part(0, 48, { id: 7 + id })),
  ICMP_CSUM: [{ protocol: 1, payload: [8, 0, 1, 1, 0, 0, 0, 0] }],
  ICMP_UNKNOWN: [{ protocol: 1, payload: icmpOf(42, 0, []) }],
  ICMP_SHORT: [{ protocol: 1, payload: icmpOf(3, 3, [1]) }],
  ICMP_REDIRECT: [{ protocol: 1, payload: icmpOf(5, 0, pattern(28)) }],
  ICMP_SOURCE_QUENCH: [{ protocol: 1, payload: icmpOf(4, 0, pattern(28)) }],
  ICMP_ECHO: [{ protocol: 1, payload: echoOf([1]) }],
  ICMP_BROADCAST: [{ protocol: 1, destination: '10.9.0.255', payload: echoOf([1]) }],
  ICMP_RATE_LIMIT: Array.from({ length: 50 }, () => ({ protocol: 132, payload: pattern(20) })),
};

describe('what IP drops', () => {
  for (const [name, packets] of Object.entries(PACKETS)) {
    it(`${name}`, () => {
      const harness = new Harness();
      for (const packet of packets) {
        harness.receive(packet instanceof Uint8Array ? packet : packetOf({ id: 7, ...packet }));
      }
      assert.ok(harness.count(name as ReasonName) > 0);
      seen.count(harness.counters);
    });
  }

  it('FRAG_REASM_TIMEOUT', () => {
    const harness = new Harness();
    harness.receive(packetOf(part(0, 48)));
    harness.clock.now += 60_000_000;
    harness.turn();
    seen.count(harness.counters);
    assert.ok(seen.reasons.has('FRAG_REASM_TIMEOUT'));
  });

  it('IP_ID_EXHAUSTED, PKT_TOO_BIG: of what we send', () => {
    const harness = new Harness();
    const frame = new Frame();
    frame.headerLength = 40;
    frame.dontFragment = true;
    frame.payload = pattern(1);
    frame.payloadLength = 2_000;
    harness.ip.send(frame);
    frame.dontFragment = false;
    frame.payloadLength = 0;
    for (let i = 0; i < 66_000; i++) harness.ip.send(frame);
    seen.count(harness.counters);
    assert.ok(harness.count('IP_ID_EXHAUSTED') > 0 && harness.count('PKT_TOO_BIG') > 0);
  });
});

describe('what TCP says besides', () => {
  const bed = (config = {}) => {
    const late = { now: 0 };
    const log = watch({
      get now() {
        return late.now;
      },
    });
    const made = testbed({ config, trace: log.recorder });
    Object.defineProperty(late, 'now', { get: () => made.clock.now });
    return { made, log };
  };
  const done = ({ made, log }: ReturnType<typeof bed>, ...reasons: ReasonName[]): void => {
    log.check();
    for (const reason of reasons) assert.ok(made.counter(reason) > 0, reason);
    seen.count(made.stack.counters);
  };

  it('TCP_CSUM, TCP_HEADER: a segment that was never one has a verdict all the same', () => {
    const watched = bed();
    watched.made.peer.send({ flags: 'S', checksumError: 1 });
    watched.made.peer.send({ flags: 'S', dataOffset: 15 });
    done(watched, 'TCP_CSUM', 'TCP_HEADER');
  });

  it('TCP_RST_LIMIT', () => {
    const watched = bed();
    for (let i = 0; i < 5_000; i++) watched.made.peer.send({ flags: 'S', seq: i, destinationPort: 9 });
    done(watched, 'TCP_RST_LIMIT');
  });

  it('TCP_CONNECTION_LIMIT', () => {
    const watched = bed({ 'connections.max': 1 });
    watched.made.listen(7);
    for (let i = 0; i < 2; i++) {
      const peer = watched.made.newPeer();
      peer.send({ flags: 'S', options: { mss: 1460 } });
      peer.expect({ flags: 'SA' });
      peer.send({ flags: 'A' });
    }
    done(watched, 'TCP_CONNECTION_LIMIT');
  });

  it('TCP_OFO_DROP', () => {
    const watched = bed();
    watched.made.peer.handshake('passive', { sackPermitted: true });
    for (let seq = 3; seq < 2_200; seq += 2) watched.made.peer.send({ flags: 'A', seq, data: 1 });
    done(watched, 'TCP_OFO_DROP');
  });

  it('TCP_MEMORY', () => {
    const watched = bed({ 'buffer.total': '1M', 'buffer.receive': '128K' });
    watched.made.listen(7, { autoRead: false });
    for (let i = 0; i < 20; i++) {
      const peer = watched.made.newPeer({ port: 1000 + i });
      const app = peer.handshake('passive', { autoRead: false });
      for (let k = 0; k < 45; k++)
        peer.send({ flags: 'A', seq: app.tcb.rcv.nxt - app.tcb.rcv.irs, data: 1460 });
    }
    done(watched, 'TCP_MEMORY');
  });

  it('mtu-probe: after a black hole larger segments are tried again; the pacing timer', () => {
    const watched = bed({ congestion: 'reno', hystart: 'off', pacing: true });
    const { peer } = watched.made;
    const app = peer.handshake('passive', { mss: 1460, sackPermitted: true, wscale: 7 });
    for (let round = 0; round < 400; round++) {
      app.write(Math.max(0, 30_000 - app.tcb.unsent));
      const through = peer.sent().filter(({ length, packet }) => length > 0 && packet.length <= 1280);
      watched.made.advance(20);
      for (const { seq, length } of through) {
        const una = app.tcb.snd.una - app.tcb.snd.iss;
        watched.made.advance(0.01);
        if (seq <= una) peer.send({ flags: 'A', ack: Math.max(una, seq + length) });
        else peer.send({ flags: 'A', ack: una, options: { sack: [[seq, seq + length]] } });
      }
    }
    done(watched, 'TCP_PMTU_BLACK_HOLE');
    assert.ok(seen.triggers.has('mtu-probe'));
  });

  it('PACKET_GUARD: a bug of ours, here one that is planted', () => {
    const recorder = new TraceRecorder({ clock: { now: 0 } });
    recorder.segmentReceived = () => {
      throw new Error('planted');
    };
    const made = testbed({ trace: recorder });
    assert.throws(() => made.peer.send({ flags: 'S' }), /planted/);
    assert.equal(made.counter('PACKET_GUARD'), 1);
    seen.count(made.stack.counters);
  });
});

describe('nothing is missing', () => {
  before(() => {
    const recorder = new TraceRecorder({ clock: { now: 0 } });
    recorder.onEvent = () => seen.take(recorder.latest as LogEvent);
    for (const name of NOTES) recorder.note(name as 'lab:step', {});
  });

  it('every event', () => {
    const missing = EVENTS.map((event) => event.name).filter((name) => !seen.events.has(name));
    assert.deepEqual(missing, ELSEWHERE);
  });

  it('every reason', () => {
    // These are counted, for the packet cannot be told apart any more; see test/unit/device.
    const device = ['DEVICE_QUEUE_FULL', 'DEVICE_ERROR'];
    const missing = REASONS.map((reason) => reason.name).filter((name) => !seen.reasons.has(name));
    assert.deepEqual(missing, device);
    assert.equal(Object.keys(REASON).length, REASONS.length, 'no name twice');
  });

  it('every cause of a reset but the one that stands for none', () => {
    const missing = RESET_REASONS.map((reason) => reason.name).filter((name) => !seen.resets.has(name));
    assert.deepEqual(missing, ['NOT_SPECIFIED']);
  });

  it('every act, every trigger, every timer', () => {
    assert.deepEqual(
      ACTS.filter((act) => !seen.acts.has(act)),
      [],
    );
    assert.deepEqual(
      TRIGGERS.filter((trigger) => !seen.triggers.has(trigger)),
      [],
    );
    assert.deepEqual(
      TIMER_NAMES.filter((timer) => !seen.timers.has(timer)),
      [],
    );
  });

  it('every check of §3.10.7.4 stops a segment but the third, the sixth and the eighth, and lets one pass', () => {
    const stops = [...seen.checks].filter((check) => check.endsWith('stopped')).sort();
    assert.deepEqual(stops, [
      '3.10.7.2-1 RST stopped',
      '3.10.7.2-2 ACK stopped',
      '3.10.7.2-3 SYN stopped',
      '3.10.7.3-1 ACK stopped',
      '3.10.7.3-2 RST stopped',
      '3.10.7.3-4 SYN stopped',
      '3.10.7.4-1 sequence stopped',
      '3.10.7.4-2 RST stopped',
      '3.10.7.4-4 SYN stopped',
      '3.10.7.4-5 ACK stopped',
      '3.10.7.4-7 text stopped',
    ]);
    assert.equal([...seen.checks].filter((check) => /^3\.10\.7\.4.*passed/.test(check)).length, 8);
  });
});

test('a log with a segment that nobody has judged is found out, and a line of another shape', () => {
  const log = new CheckedLog({ now: 0 });
  const made = testbed({ trace: log.recorder });
  const { segmentJudged } = log.recorder;
  log.recorder.segmentJudged = () => {};
  made.peer.send({ flags: 'S' });
  assert.throws(() => log.check(), /never judged/);
  log.recorder.segmentJudged = segmentJudged;
  const other = new CheckedLog({ now: 0 });
  other.recorder.note('conn:closed', { reason: 7 });
  assert.throws(() => other.check(), /schema/);
});
