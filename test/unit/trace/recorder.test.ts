import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { Value } from 'typebox/value';
import { RangeList } from '../../../src/base/range-list.ts';
import { REASON } from '../../../src/base/reasons.ts';
import { toSeq } from '../../../src/base/seq.ts';
import { Listener } from '../../../src/tcp/listener.ts';
import { SentSegment, type Trigger } from '../../../src/tcp/output/sent-segment.ts';
import { ReplyQueue } from '../../../src/tcp/replies.ts';
import { KIND_CONNECTION, type Tcb } from '../../../src/tcp/tcb.ts';
import type { TcpConfig } from '../../../src/tcp/tcp-config.ts';
import { TIMER_RTO, TIMER_TIME_WAIT } from '../../../src/tcp/timers/timer-table.ts';
import { STOPPED } from '../../../src/tcp/trace.ts';
import { eventLine, headerLine, streamLines } from '../../../src/trace/jsonl.ts';
import { isWanted, type LogEvent } from '../../../src/trace/log-event.ts';
import { EVENTS, packOptions, unpackOptions, withBadOptions } from '../../../src/trace/record.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { EVENT_SCHEMAS, HeaderSchema } from '../../../src/trace/schema.ts';
import { TeeTrace } from '../../../src/trace/tee.ts';
import { eventText } from '../../../src/trace/text.ts';
import { Packet } from '../../../src/wire/packet.ts';
import { ACK, PSH, Segment, SYN } from '../../../src/wire/segment.ts';

const ISS = 0xffff_fff0 | 0;
const IRS = 0x7fff_fff0;
const HERE = (10 << 24) | (9 << 16) | 2;
const THERE = (10 << 24) | (9 << 16) | 1;

const clock = { now: 5_000_000 };

/** As much of a control block as the recorder reads. */
function fakeTcb(id = 3): Tcb {
  const fake = {
    id,
    incarnation: 1,
    state: 'ESTABLISHED',
    localAddress: HERE,
    localPort: 13,
    peerAddress: THERE,
    peerPort: 40_012,
    passive: true,
    kind: KIND_CONNECTION,
    snd: {
      iss: ISS,
      una: (ISS + 1) | 0,
      nxt: (ISS + 27) | 0,
      wnd: 500,
      wl1: IRS,
      wl2: ISS,
      mss: 1460,
      shift: 7,
    },
    rcv: { irs: IRS, nxt: IRS + 1, wnd: 400, up: 0, urgent: false, shift: 2 },
    rtt: { srtt: 1_500, rttvar: 700, rto: 201_500 },
    congestion: { cwnd: 14_600, ssthresh: Infinity },
    recovery: { state: 'loss', duplicateAcks: 0 },
    inFlight: { sacked: 0, lost: 0, pipe: 26, count: 0, islands: new RangeList(4) },
    sendBuffer: { length: 26 },
    receiveBuffer: { outOfOrder: new RangeList(4) },
    unsent: 0,
    readable: 0,
    limits: { send: 65_536, receive: 65_536 },
    acking: { acksOwed: 0, ackNow: false, challenge: false },
    peerClosed: false,
    finSent: false,
    retry: { recordCount: 0, retries: 0 },
    unacked: 26,
    handshake: { peerMss: 1460, wscaleAgreed: true, sackAgreed: true },
    timestamps: { agreed: false },
    ecn: { agreed: false },
    error: null,
    tally: { bytesSent: 26, bytesReceived: 0, segmentsSent: 4, segmentsReceived: 3, retransmissions: 0 },
    deadline: () => clock.now + 60_000_000,
  };
  return fake as unknown as Tcb;
}

function received(flags: number, seq: number, length = 0): Segment {
  const segment = new Segment();
  Object.assign(segment, { localAddress: HERE, peerAddress: THERE, localPort: 13, peerPort: 40_012 });
  segment.flags = flags;
  segment.seq = toSeq(IRS + seq);
  segment.ack = toSeq(ISS + 1);
  segment.wnd = 500;
  segment.dataEnd = length;
  return segment;
}

function sent(flags: number, seq: number, trigger: Trigger, length = 0): SentSegment {
  const segment = new SentSegment();
  Object.assign(segment, { localAddress: HERE, peerAddress: THERE, sourcePort: 13, destinationPort: 40_012 });
  segment.flags = flags;
  segment.seq = toSeq(ISS + seq);
  segment.ack = toSeq(IRS + 1);
  segment.wnd = 100;
  segment.dataLength = length;
  segment.trigger = trigger;
  return segment;
}

/** Every method of the trace once or more, in an order that makes sense. */
function tellEverything(trace: TraceRecorder | TeeTrace): void {
  const tcb = fakeTcb();
  const listener = new Listener(0, 0, 13, {} as TcpConfig, null);
  trace.listenerOpened(listener);
  const syn = received(SYN, 0);
  Object.assign(syn, { mss: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: -1 });
  trace.segmentReceived(null, syn);
  trace.connectionOpened(tcb);
  trace.segmentJudged(tcb, syn, 'accepted', REASON.ACCEPTED, 3);
  trace.listenerQueues(listener);
  const synAck = sent(SYN | ACK, 0, 'syn-ack');
  Object.assign(synAck, { hasSynOptions: true, mss: 1460, windowScale: 2, sackPermitted: true });
  trace.segmentSent(tcb, synAck);
  trace.timerSet(tcb, TIMER_RTO, false);
  trace.segmentReceived(tcb, received(ACK, 1));
  trace.stateChanged(tcb, 'SYN-RECEIVED', 'rcv ACK of SYN');
  trace.rttSampled(tcb, 1_500, true, false);
  trace.metricsChanged(tcb);
  trace.segmentJudged(tcb, received(ACK, 1), 'accepted', REASON.ACCEPTED, 8);
  trace.timerCancelled(tcb, TIMER_RTO);
  trace.appCalled(tcb, 'accept', 0);
  trace.appCalled(tcb, 'write', 26);
  trace.segmentSent(tcb, sent(PSH | ACK, 1, 'data', 26));
  trace.appCalled(tcb, 'close', 0);
  const again = sent(PSH | ACK, 1, 'rto', 26);
  again.retransmission = true;
  trace.timerFired(tcb, TIMER_RTO);
  trace.recoveryChanged(tcb, 'open', 'rto');
  trace.segmentSent(tcb, again);
  const holes = received(ACK, 1);
  holes.sackCount = 1;
  holes.sackEdges[0] = (ISS + 10) | 0;
  holes.sackEdges[1] = (ISS + 27) | 0;
  trace.segmentReceived(tcb, holes);
  trace.segmentJudged(tcb, holes, 'dropped', REASON.TCP_OLD_SEQUENCE, 1 | STOPPED);
  trace.timerSet(tcb, TIMER_TIME_WAIT, true);
  for (const call of ['open', 'read', 'shutdown', 'abort'] as const) trace.appCalled(tcb, call, 0);
  trace.settled(tcb);
  trace.resetQueued(tcb, new ReplyQueue());
  trace.connectionClosed(tcb, 'aborted');
  trace.segmentSent(null, sent(ACK, 0, 'rst'));
  trace.packetDropped(Object.assign(new Packet(), { end: 40 }), REASON.IP_CSUM);
  trace.listenerClosed(listener);
}

function valid(event: LogEvent): void {
  const parsed = JSON.parse(eventLine(event)) as unknown;
  const schema = EVENT_SCHEMAS[event.ev];
  const errors = [...Value.Errors(schema, parsed)];
  assert.deepEqual(errors, [], eventLine(event));
}

function find(events: readonly LogEvent[], ev: string, index = 0): LogEvent {
  const found = events.filter((event) => event.ev === ev)[index];
  assert.ok(found, `no ${ev}`);
  return found;
}

describe('TraceRecorder', () => {
  it('writes lines that the published schema takes, numbered without a gap', () => {
    const recorder = new TraceRecorder({ clock });
    tellEverything(recorder);
    const events = recorder.eventsSince(0, 1_000);
    assert.deepEqual(
      events.map((event) => event.n),
      Array.from({ length: recorder.last }, (_, i) => i + 1),
    );
    for (const event of events) valid(event);
    assert.equal(Value.Check(EVENT_SCHEMAS['seg:sent'], { t: 0, n: 1, ev: 'seg:sent', data: {} }), false);
  });

  it('shows numbers relative to the ISNs, across the wrap, and the raw ones', () => {
    const recorder = new TraceRecorder({ clock });
    tellEverything(recorder);
    const events = recorder.eventsSince(0, 1_000);
    const data = find(events, 'seg:sent', 1).data;
    assert.deepEqual([data['seq'], data['end'], data['ack'], data['len']], [1, 27, 1, 26]);
    assert.deepEqual(data['raw'], {
      seq: 0xffff_fff1,
      ack: 0x7fff_fff1,
      win: 100,
      up: 0,
      src: '10.9.0.2',
      sport: 13,
      dst: '10.9.0.1',
      dport: 40_012,
    });
    assert.equal(data['win'], 400, 'scaled by what we offered');
    const syn = find(events, 'seg:received').data;
    assert.deepEqual([syn['flags'], syn['seq'], syn['end'], syn['win']], ['SYN', 0, 1, 500]);
    assert.deepEqual(syn['opts'], { mss: 1460, wscale: 7, sackPermitted: true, ts: [0xffff_ffff, 0] });
    assert.deepEqual(find(events, 'seg:received', 2).data['opts'], { sack: [[10, 27]] });
  });

  it('names the cause of each event', () => {
    const recorder = new TraceRecorder({ clock });
    tellEverything(recorder);
    const events = recorder.eventsSince(0, 1_000);
    const syn = find(events, 'seg:received');
    assert.equal(syn.cause, undefined);
    assert.equal(find(events, 'conn:opened').cause, syn.n);
    assert.equal(find(events, 'seg:sent').cause, syn.n, 'SYN,ACK because of the SYN');
    const ack = find(events, 'seg:received', 1);
    assert.equal(find(events, 'conn:state').cause, ack.n);
    assert.deepEqual(
      [find(events, 'seg:judged', 1).cause, find(events, 'seg:judged', 1).seg],
      [ack.n, ack.seg],
    );
    assert.equal(find(events, 'seg:sent', 1).cause, find(events, 'app:write').n);
    const fired = find(events, 'timer:fire');
    assert.equal(fired.cause, find(events, 'timer:set').n);
    assert.equal(find(events, 'seg:sent', 2).cause, fired.n);
    assert.equal(find(events, 'seg:sent', 2).data['retransmission'], true);
  });

  it('gives limited reads in order, from any number on', () => {
    const recorder = new TraceRecorder({ clock });
    tellEverything(recorder);
    const all = recorder.eventsSince(0, 1_000);
    assert.deepEqual(recorder.eventsSince(4, 3), all.slice(4, 7));
    assert.deepEqual(recorder.eventsSince(recorder.last, 10), []);
  });

  it('keeps both ends of a transfer and counts what is between', () => {
    const recorder = new TraceRecorder({ clock, perConnection: 4, events: 16 });
    const tcb = fakeTcb();
    recorder.connectionOpened(tcb);
    for (let i = 0; i < 100; i++) recorder.segmentSent(tcb, sent(ACK, 1 + 10 * i, 'data', 10));
    const events = recorder.eventsSince(0, 1_000);
    for (const event of events) valid(event);
    assert.deepEqual(
      events.map((event) => event.n),
      [1, 2, 3, 4, 5, 97, 98, 99, 100, 101],
    );
    const run = find(events, 'seg:run');
    assert.equal(run.n, 97);
    assert.equal(run.data['events'], 92);
    assert.deepEqual(run.data['sent'], { segs: 92, bytes: 920, retransmitted: 0 });
    assert.deepEqual(find(events, 'conn:opened').n, 1, 'the transfer has not erased the opening');
  });

  it('is bounded in connections: the one that is longest over makes room', () => {
    const recorder = new TraceRecorder({ clock, connections: 2, perConnection: 4 });
    const [a, b, c] = [fakeTcb(1), fakeTcb(2), fakeTcb(3)];
    for (const tcb of [a, b]) recorder.segmentSent(tcb, sent(ACK, 1, 'data', 1));
    recorder.connectionClosed(b, 'normal');
    recorder.segmentSent(c, sent(ACK, 1, 'data', 1));
    const left = recorder.eventsSince(0, 100).filter((event) => event.ev === 'seg:sent');
    assert.deepEqual(
      left.map((event) => event.conn),
      ['c1', 'c3'],
    );
  });

  it('overwrites the oldest common events only', () => {
    const recorder = new TraceRecorder({ clock, events: 8 });
    const listener = new Listener(0, 0, 7, {} as TcpConfig, null);
    for (let i = 0; i < 20; i++) recorder.listenerQueues(listener);
    const numbers = recorder.eventsSince(0, 100).map((event) => event.n);
    assert.deepEqual(numbers, [13, 14, 15, 16, 17, 18, 19, 20]);
  });

  it('records notes of other parts with their own data', () => {
    const recorder = new TraceRecorder({ clock, events: 4 });
    recorder.note('lab:step', { text: 'press Ctrl-D' });
    const event = recorder.eventsSince(0, 1)[0] as LogEvent;
    valid(event);
    assert.deepEqual(event.data, { text: 'press Ctrl-D' });
    const listener = new Listener(0, 0, 7, {} as TcpConfig, null);
    for (let i = 0; i < 4; i++) recorder.listenerQueues(listener);
    assert.equal(recorder.eventsSince(0, 100)[0]?.ev, 'listen:queue', 'an overwritten note is gone');
    assert.ok('port' in (recorder.eventsSince(0, 100)[0] as LogEvent).data);
  });

  it('says only the metrics that changed, at most every 10 ms', () => {
    const own = { now: 0 };
    const recorder = new TraceRecorder({ clock: own });
    const tcb = fakeTcb();
    recorder.metricsChanged(tcb);
    tcb.congestion.cwnd += 1;
    recorder.metricsChanged(tcb);
    own.now = 10_000;
    recorder.metricsChanged(tcb);
    recorder.metricsChanged(tcb);
    const events = recorder.eventsSince(0, 100);
    assert.equal(events.length, 2);
    assert.equal(events[0]?.data['ssthresh'], null);
    assert.deepEqual(events[1]?.data, { cwnd: 14_601 });
  });

  it('does not allocate for an event', () => {
    const recorder = new TraceRecorder({ clock });
    const tcb = fakeTcb();
    const segment = received(PSH | ACK, 1, 100);
    const out = sent(ACK, 1, 'ack-now');
    const round = (count: number): void => {
      for (let i = 0; i < count; i++) {
        recorder.segmentReceived(tcb, segment);
        recorder.segmentJudged(tcb, segment, 'accepted', REASON.ACCEPTED, 8);
        recorder.segmentSent(tcb, out);
      }
    };
    round(20_000);
    const before = process.memoryUsage().heapUsed;
    round(20_000);
    const perEvent = (process.memoryUsage().heapUsed - before) / 60_000;
    // A boxed double each would be 12 bytes and more.
    assert.ok(perEvent < 12, `${perEvent} bytes of heap per event`);
  });
});

describe('streamLines', () => {
  it('gives every event once, nothing merged, at the level asked for, until it is ended', () => {
    const recorder = new TraceRecorder({ clock, perConnection: 4 });
    const lines: string[] = [];
    const core: string[] = [];
    const end = streamLines(recorder, (line) => lines.push(line));
    streamLines(recorder, (line) => core.push(line), 'core');
    tellEverything(recorder);
    const events = lines.map((line) => JSON.parse(line) as LogEvent);
    assert.deepEqual(
      events.map((event) => event.n),
      Array.from({ length: recorder.last }, (_, i) => i + 1),
    );
    for (const event of events) valid(event);
    assert.deepEqual(
      core.map((line) => (JSON.parse(line) as LogEvent).n),
      events.filter((event) => isWanted(event.ev, 'core')).map((event) => event.n),
    );
    end();
    const header = headerLine({
      title: 'test',
      vantage: { type: 'server', name: 'stack' },
      t0: null,
      clock: 'virtual',
      config: {},
    });
    assert.equal(Value.Check(HeaderSchema, JSON.parse(header)), true);
  });
});

describe('TeeTrace', () => {
  it('tells everybody the same', () => {
    const [a, b] = [new TraceRecorder({ clock }), new TraceRecorder({ clock })];
    tellEverything(new TeeTrace([a, b]));
    assert.deepEqual(a.eventsSince(0, 100), b.eventsSince(0, 100));
    assert.ok(a.last > 20);
  });
});

describe('eventText', () => {
  it('is one printable line', () => {
    const recorder = new TraceRecorder({ clock });
    tellEverything(recorder);
    recorder.note('lab:step', { key: '\u001b[31mred\nline' });
    for (const event of recorder.eventsSince(0, 1_000)) {
      const text = eventText(event);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      assert.doesNotMatch(text, /[\u0000-\u001f\u007f]/);
      assert.doesNotMatch(text, /undefined|NaN|\[object/);
    }
    const line = eventText(find(recorder.eventsSince(0, 100), 'seg:sent', 1));
    assert.equal(line, '   0.000000 c3    → PSH,ACK 1:27 ack 1 win 400 (data)');
  });
});

describe('the row format', () => {
  it('packs options without loss', () => {
    for (const mss of [-1, 0, 536, 65_535]) {
      for (const scale of [-1, 0, 14, 255]) {
        const packed = withBadOptions(packOptions(mss, scale, 4, true, false), true);
        assert.deepEqual(unpackOptions(packed), {
          mss,
          windowScale: scale,
          sackCount: 4,
          sackPermitted: true,
          hasTimestamps: false,
          badOptions: true,
        });
      }
    }
    assert.equal(unpackOptions(packOptions(-1, -1, 0, false, true)).hasTimestamps, true);
  });

  it('has a schema for every event', () => {
    for (const event of EVENTS) assert.ok(EVENT_SCHEMAS[event.name], event.name);
  });

  it('has its published schema current', () => {
    const run = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/event-schema.ts', '--check'], {
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
  });
});
