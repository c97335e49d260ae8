/** What each verb does and what each predicate means, on the memory link, in virtual time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Value } from 'typebox/value';
import { SHUT_WR } from '../../../src/posix/index.ts';
import { EVENT_SCHEMAS } from '../../../src/trace/schema.ts';
import { bytes, drain, FaultyWorld, MS, SECOND } from './support.ts';

/** Each end closes in turn: first ours. */
function closeFirst(world: FaultyWorld, { ours, theirs }: { ours: number; theirs: number }): void {
  world.server.close(ours);
  world.run(100 * MS);
  world.client.close(theirs);
}

test('drop out where ack-only && state==TIME-WAIT times 1: B37, B38, the lost last ACK', () => {
  const world = new FaultyWorld({ rules: ['drop out where ack-only && state==TIME-WAIT times 1'] });
  closeFirst(world, world.open());
  world.run(2 * SECOND);
  assert.deepEqual(world.fates(), ['out dropped ACK 2']);
  const fins = world.received('ours').filter((text) => text.startsWith('FIN'));
  assert.deepEqual(fins, ['FIN,ACK 1', 'FIN,ACK 1'], 'the peer repeats its FIN');
  const restarts = world.events('timer:set').filter(({ data }) => data['timer'] === 'time-wait');
  assert.deepEqual(
    restarts.map(({ data }) => data['restart']),
    [false, true],
    '2 MSL begin again',
  );
  assert.equal(world.faults.list()[0]?.over, 'times');
});

test('every event of faults is what the schema says, and names what it is about', () => {
  const world = new FaultyWorld({ rules: ['drop in where fin times 1', 'delay both 1ms for 9s'] });
  closeFirst(world, world.open());
  world.run(10 * SECOND);
  const events = world.events('wire:fate', 'fault:rule', 'fault:hit', 'fault:expired');
  for (const event of events) {
    const found = Value.Errors(EVENT_SCHEMAS[event.ev], event);
    assert.deepEqual([...found], [], JSON.stringify(event));
  }
  assert.deepEqual(new Set(events.map(({ ev }) => ev)).size, 4);
  const lost = events.find(({ ev, data }) => ev === 'wire:fate' && data['fate'] === 'dropped');
  assert.equal(lost?.conn, 'c1');
  assert.equal(lost?.inc, 1);
  assert.equal(lost?.data['by'], 'rule#1');
  const hit = events.find(({ n }) => n === lost?.cause);
  assert.equal(hit?.ev, 'fault:hit', 'the fate names the hit that caused it');
  assert.deepEqual(
    events.filter(({ ev }) => ev === 'fault:expired').map(({ data }) => data['what']),
    ['times', 'for'],
  );
});

test('a segment that was delayed on its way in keeps its number', () => {
  const world = new FaultyWorld({ rules: ['delay in where data 50ms'] });
  const { theirs } = world.open();
  world.client.write(theirs, bytes(10));
  world.run(SECOND);
  const delayed = world.events('wire:fate')[0];
  const got = world.events('seg:received').find(({ data }) => data['len'] === 10);
  assert.equal(got?.seg, delayed?.seg);
  const at = Number(delayed?.t);
  assert.ok(Math.abs(Number(got?.t) - at - 0.05) < 1e-6);
  assert.ok(Math.abs(Number(delayed?.data['until']) - at - 0.05) < 1e-6);
});

test('a segment that is lost on its way out is the one that TCP has sent', () => {
  const world = new FaultyWorld({ rules: ['drop out where syn times 1'] });
  world.open();
  const lost = world.events('wire:fate')[0];
  const sent = world.events('seg:sent').find(({ seg }) => seg === lost?.seg);
  assert.equal(sent?.data['flags'], 'SYN,ACK');
});

test('drop in where fin times 1: what comes before is let through', () => {
  const world = new FaultyWorld({ rules: ['drop in where fin times 1'] });
  const { ours, theirs } = world.open();
  world.client.write(theirs, bytes(100));
  world.client.shutdown(theirs, SHUT_WR);
  world.run(SECOND);
  assert.deepEqual([...drain(world.server, ours)], [...bytes(100)]);
  assert.equal(world.fates().length, 1);
});

test('delay in where len>0 150ms times 1: the FIN overtakes the data, and waits for it', () => {
  const world = new FaultyWorld({ rules: ['delay in where len>0 150ms times 1'] });
  const { ours, theirs } = world.open();
  world.client.write(theirs, bytes(10));
  world.client.shutdown(theirs, SHUT_WR);
  world.run(300 * MS);
  const got = world.received('ours');
  const fin = got.indexOf('FIN,ACK 11');
  assert.ok(fin > 0 && fin < got.indexOf('PSH,ACK 1+10'), got.join());
  assert.equal(drain(world.server, ours).length, 10);
});

test('delay both 300ms: everything later, in its order', () => {
  const world = new FaultyWorld({ rules: ['delay both 300ms'] });
  const listener = world.listen();
  world.dial();
  world.run(890 * MS);
  assert.throws(() => world.server.accept(listener), { code: 'EAGAIN' });
  world.run(20 * MS);
  assert.ok(world.server.accept(listener).fd > 0);
});

test('jitter: packets of one rule arrive at odd times, in order', () => {
  const world = new FaultyWorld();
  const { theirs } = world.open();
  world.faults.add('delay in where data 1ms jitter 80ms');
  world.client.write(theirs, bytes(8 * 1_448));
  world.run(60 * MS);
  world.faults.clear(null);
  world.run(SECOND);
  const first = world
    .received('ours')
    .filter((text) => text.includes('+'))
    .slice(0, 8);
  const numbers = first.map((text) => Number(/ (\d+)\+/.exec(text)?.[1]));
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
  const arrivals = world.events('wire:fate').map(({ t, data }) => Number(data['until']) - t);
  assert.ok(new Set(arrivals).size > 1);
});

test('reorder in where data gap 2: two segments overtake, and nothing is lost', () => {
  const world = new FaultyWorld();
  const { ours, theirs } = world.open();
  world.faults.add('reorder in where data gap 2 times 1');
  world.client.write(theirs, bytes(4 * 1_448));
  world.run(SECOND);
  const data = world.received('ours').filter((text) => text.includes('+'));
  assert.deepEqual(
    data.slice(0, 3).map((text) => Number(/ (\d+)\+/.exec(text)?.[1])),
    [1_449, 2_897, 1],
  );
  assert.deepEqual([...drain(world.server, ours)], [...bytes(4 * 1_448)]);
});

test('reorder: a packet that nothing follows goes on after half a second', () => {
  const world = new FaultyWorld({ rules: ['reorder out where syn times 1'] });
  const listener = world.listen();
  world.dial();
  world.run(400 * MS);
  assert.throws(() => world.server.accept(listener), { code: 'EAGAIN' });
  assert.deepEqual(fatesOf(world), ['reordered']);
  world.run(200 * MS);
  assert.ok(world.server.accept(listener).fd > 0);
  assert.deepEqual(fatesOf(world), ['reordered', 'delivered'], 'the log has when it went on');
  const [, goesOn] = world.events('wire:fate');
  assert.equal(goesOn?.data['by'], 'rule#1');
  assert.equal(world.events('fault:hit').length, 1, 'which is no second hit');
});

const fatesOf = (world: FaultyWorld): unknown[] => world.events('wire:fate').map(({ data }) => data['fate']);

test('dup in where len>0 after 300ms: B50, the copy is a duplicate and earns an ACK only', () => {
  const world = new FaultyWorld({ rules: ['dup in where len>0 after 300ms'] });
  const { ours, theirs } = world.open();
  world.client.write(theirs, bytes(10));
  world.run(290 * MS);
  assert.equal(world.received('ours').filter((text) => text.includes('+10')).length, 1);
  world.run(20 * MS);
  assert.equal(world.received('ours').filter((text) => text.includes('+10')).length, 2);
  assert.equal(drain(world.server, ours).length, 10);
});

test('corrupt in times 1: the checksum catches it and the peer repeats', () => {
  const world = new FaultyWorld({ offload: 'tso4' });
  const { ours, theirs } = world.open();
  world.faults.add('corrupt in where data times 1');
  world.client.write(theirs, bytes(3_000));
  world.run(2 * SECOND);
  assert.deepEqual([...drain(world.server, ours)], [...bytes(3_000)]);
  const judged = world.events('seg:judged').filter(({ data }) => data['reason'] === 'TCP_CSUM');
  assert.equal(judged.length, 1);
});

test('corrupt out times 1: the peer finds it too, although the device offloads checksums', () => {
  const world = new FaultyWorld({ offload: 'tso4' });
  const { ours, theirs } = world.open();
  world.faults.add('corrupt out where data times 1');
  world.server.write(ours, bytes(20_000));
  world.run(2 * SECOND);
  assert.deepEqual([...drain(world.client, theirs)], [...bytes(20_000)]);
  assert.ok(world.theirs.eventsSince(0, 1e5).some(({ data }) => data['reason'] === 'TCP_CSUM'));
});

test('copy in where syn as old1, inject old1: an old SYN is answered by a challenge ACK', () => {
  const world = new FaultyWorld({ rules: ['copy in where syn as old1'] });
  world.open();
  assert.deepEqual(world.fates(), ['in copied SYN 0']);
  world.faults.add('inject old1');
  world.run(100 * MS);
  assert.deepEqual(world.fates().slice(1), ['in injected SYN 0']);
  assert.equal(world.events('seg:sent').at(-1)?.data['trigger'], 'challenge-ack');
  assert.equal(world.stack.connections().filter(({ state }) => state === 'ESTABLISHED').length, 1);
});

test('inject old1 at +2s: two seconds later, and again as often as one likes', () => {
  const world = new FaultyWorld({ rules: ['copy in where syn as old1'] });
  world.open();
  world.faults.add('inject old1 at +2s');
  world.run(1_990 * MS);
  assert.equal(world.fates().length, 1);
  world.run(20 * MS);
  assert.equal(world.fates().length, 2);
  world.faults.add('inject old1');
  assert.equal(world.fates().length, 3);
  assert.throws(() => world.faults.add('inject old2'), /nothing is kept as old2/);
});

test('hold out where fin as f1, release f1: the FIN waits until it is let go', () => {
  const world = new FaultyWorld({ rules: ['hold out where fin as f1'] });
  const { ours, theirs } = world.open();
  world.server.close(ours);
  world.run(100 * MS);
  assert.equal(world.received('theirs').filter((text) => text.startsWith('FIN')).length, 0);
  world.faults.add('release f1');
  world.run(10 * MS);
  assert.ok(world.received('theirs').some((text) => text.startsWith('FIN')));
  assert.equal(world.faults.list()[0]?.over, 'released');
  assert.throws(() => world.faults.add('release f1'), /nothing is held as f1/);
  world.client.close(theirs);
});

test('hold in where syn first as old1: only the first; clear lets it go', () => {
  const world = new FaultyWorld({ rules: ['hold in where syn first as old1'] });
  const listener = world.listen();
  world.dial();
  world.run(500 * MS);
  assert.deepEqual(world.fates(), ['in held SYN 0']);
  world.faults.clear(null);
  world.run(100 * MS);
  assert.deepEqual(world.fates(), ['in held SYN 0', 'in released SYN 0']);
  const [held, released] = world.events('wire:fate');
  const arrived = world.events('seg:received').find(({ data }) => data['flags'] === 'SYN');
  assert.ok(held?.seg !== undefined && held.seg > 0);
  assert.deepEqual([released?.seg, arrived?.seg], [held.seg, held.seg], 'one number for its whole fate');
  assert.ok(world.server.accept(listener).fd > 0);
});

test('rate out 2mbit queue 20 delay 40ms: so many bits a second, so many packets wait', () => {
  const world = new FaultyWorld({ rules: ['rate out 2mbit queue 20 delay 40ms'] });
  const { ours, theirs } = world.open();
  const start = world.clock.now;
  const total = 500_000;
  let sent = 0;
  let got = 0;
  const data = bytes(total);
  while (got < total && world.clock.now - start < 30 * SECOND) {
    try {
      sent += world.server.write(ours, data.subarray(sent, sent + 65_536));
    } catch {
      // Its buffer is full.
    }
    world.run(10 * MS);
    got += drain(world.client, theirs).length;
  }
  const seconds = (world.clock.now - start) / SECOND;
  // 500,000 bytes and 4 % of headers at 2 Mbit/s take 2.08 s; losses at the queue's end add to it.
  assert.ok(seconds > 2 && seconds < 4, `${seconds} s`);
  assert.ok(
    world.fates().some((fate) => fate.startsWith('out dropped')),
    'the queue overflows',
  );
});

test('cut both for 5s: nothing passes, and then everything', () => {
  const world = new FaultyWorld({ rules: ['cut both for 5s'] });
  const listener = world.listen();
  world.dial();
  world.run(4_900 * MS);
  assert.equal(world.received('ours').length, 0);
  world.run(5 * SECOND);
  assert.ok(world.server.accept(listener).fd > 0);
  assert.equal(world.faults.list()[0]?.over, 'for');
});

test('mutate out where fin set win=0: changed, with its sums right', () => {
  const world = new FaultyWorld({ rules: ['mutate out where fin set win=0, ttl=9'] });
  const { ours } = world.open();
  world.server.close(ours);
  world.run(100 * MS);
  const fin = world.theirs.eventsSince(0, 1e5).find(({ data }) => String(data['flags']).startsWith('FIN'));
  assert.equal(fin?.data['win'], 0);
  assert.deepEqual(world.fates(), ['out mutated FIN,ACK 1']);
});

test('mutate out where ack==u+1 set ack=u: a broken peer never acknowledges the FIN, B17', () => {
  const world = new FaultyWorld({ rules: ['mutate out where ack==u+1 set ack=u'] });
  const { theirs } = world.open();
  world.client.write(theirs, bytes(5));
  world.run(100 * MS);
  world.client.shutdown(theirs, SHUT_WR);
  world.run(3 * SECOND);
  const fins = world.received('ours').filter((text) => text.startsWith('FIN'));
  assert.ok(fins.length >= 3, `${fins.length} FINs`);
});

test('mutate in where syn set mss=536: the option is changed where it stands', () => {
  const world = new FaultyWorld({ rules: ['mutate in where syn set mss=536'] });
  const { ours, theirs } = world.open();
  world.server.write(ours, bytes(3_000));
  world.run(SECOND);
  const sizes = world.theirs
    .eventsSince(0, 1e5)
    .filter(({ ev }) => ev === 'seg:received')
    .map(({ data }) => Number(data['len']));
  assert.equal(Math.max(...sizes), 524, '536 less the timestamps');
  assert.equal(drain(world.client, theirs).length, 3_000);
});

test('mutate flags and relative numbers: flags+=urg, seq+=1', () => {
  const world = new FaultyWorld({ rules: ['mutate in where data set flags-=psh, seq+=1 times 1'] });
  const { theirs } = world.open();
  world.client.write(theirs, bytes(5));
  world.run(10 * MS);
  assert.equal(world.received('ours').at(-1), 'ACK 2+5');
});

test('reset out where old: a host that knows nothing of the connection answers', () => {
  const world = new FaultyWorld();
  const { ours } = world.open();
  world.faults.add('preset reboot');
  world.run(2_100 * MS);
  world.server.write(ours, bytes(10));
  world.run(SECOND);
  assert.equal(world.received('ours').at(-1), 'RST 1');
  assert.throws(() => world.server.write(ours, bytes(10)), { code: 'ECONNRESET' });
  const again = world.open(8);
  world.server.write(again.ours, bytes(10));
  world.run(SECOND);
  assert.equal(drain(world.client, again.theirs).length, 10, 'a new connection works');
});

test('preset nat-timeout: after half a minute of silence the mapping is gone', () => {
  const world = new FaultyWorld({ rules: ['preset nat-timeout'] });
  const { ours, theirs } = world.open();
  world.run(29 * SECOND - 5 * SECOND);
  world.server.write(ours, bytes(1));
  world.run(SECOND);
  assert.equal(drain(world.client, theirs).length, 1);
  world.run(31 * SECOND);
  world.server.write(ours, bytes(1));
  world.run(20 * SECOND);
  assert.equal(drain(world.client, theirs).length, 0);
});

for (const preset of ['lossy-wifi', 'satellite', 'duplicating-router']) {
  test(`preset ${preset}: TCP brings all bytes over it`, () => {
    const world = new FaultyWorld({ rules: [`preset ${preset}`] });
    const listener = world.listen();
    const theirs = world.dial();
    world.run(20 * SECOND);
    const ours = world.server.accept(listener).fd;
    world.client.write(theirs, bytes(60_000));
    world.run(60 * SECOND);
    assert.deepEqual(drain(world.server, ours), Buffer.from(bytes(60_000)));
    assert.ok(world.fates().length > 10);
  });
}

// ── Predicates ───────────────────────────────────────────────────────────────────────────────────

/** The segments of one conversation that a predicate picks: ours closes first. */
function picked(where: string): string[] {
  const world = new FaultyWorld({ rules: [`copy both where ${where} as all`] });
  const connection = world.open();
  world.client.write(connection.theirs, bytes(26));
  world.run(100 * MS);
  world.server.write(connection.ours, bytes(5));
  world.run(100 * MS);
  drain(world.server, connection.ours);
  drain(world.client, connection.theirs);
  closeFirst(world, connection);
  world.run(SECOND);
  return world.fates().map((fate) => fate.replace('copied ', ''));
}

const PICKS: readonly (readonly [string, readonly string[]])[] = [
  ['syn', ['in SYN 0', 'out SYN,ACK 0']],
  ['syn && !ack', ['in SYN 0']],
  ['fin', ['out FIN,ACK 6', 'in FIN,ACK 27']],
  ['data', ['in PSH,ACK 1+26', 'out PSH,ACK 1+5']],
  ['psh && len>5', ['in PSH,ACK 1+26']],
  ['len==26 || len==5', ['in PSH,ACK 1+26', 'out PSH,ACK 1+5']],
  ['ack-only', ['in ACK 1', 'out ACK 1', 'in ACK 27', 'in ACK 27', 'out ACK 7']],
  ['ack-only && ack==27', ['out ACK 1']],
  ['seq==27 && ack==6', ['in ACK 27']],
  ['end==28', ['in FIN,ACK 27']],
  ['ack==u+1', ['in ACK 27', 'in FIN,ACK 27']],
  ['ack==w+1', ['out ACK 7']],
  ['nth==2', ['in ACK 1', 'out ACK 1']],
  ['nth(data)==1', ['in PSH,ACK 1+26', 'out PSH,ACK 1+5']],
  ['nth(ack-only)>=3', ['in ACK 27']],
  ['state==LISTEN', ['in SYN 0']],
  ['state==SYN-RECEIVED', ['out SYN,ACK 0', 'in ACK 1']],
  ['state==FIN-WAIT-1', ['out FIN,ACK 6', 'in ACK 27']],
  ['state==FIN-WAIT-2', ['in FIN,ACK 27']],
  ['state==TIME-WAIT', ['out ACK 7']],
  ['peer-state==SYN-SENT', ['in SYN 0', 'out SYN,ACK 0']],
  ['peer-state==CLOSE-WAIT', ['in ACK 27']],
  ['peer-state==LAST-ACK', ['in FIN,ACK 27', 'out ACK 7']],
  ['fin && conn==c1', ['out FIN,ACK 6', 'in FIN,ACK 27']],
  ['fin && conn!=c1', []],
  ['fin && inc==1 && port==7', ['out FIN,ACK 6', 'in FIN,ACK 27']],
  ['fin && sport==7', ['out FIN,ACK 6']],
  ['fin && port!=7', []],
  ['syn && mss==1460 && win==65535', ['in SYN 0', 'out SYN,ACK 0']],
  ['syn && ttl==64 && tos==0 && size==60', ['in SYN 0', 'out SYN,ACK 0']],
  ['retrans', []],
  ['old', []],
  ['tcp && fin && !icmp', ['out FIN,ACK 6', 'in FIN,ACK 27']],
  ['idle>=5s', ['in PSH,ACK 1+26']],
];
for (const [where, expected] of PICKS) {
  test(`where ${where} picks ${expected.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(picked(where), expected);
  });
}

test('retrans: repeated numbers, of a FIN and of data', () => {
  const world = new FaultyWorld({
    rules: ['drop in where data && !retrans times 1', 'copy in where retrans as again'],
  });
  const { theirs } = world.open();
  world.client.write(theirs, bytes(10));
  world.run(2 * SECOND);
  assert.deepEqual(world.fates(), ['in dropped PSH,ACK 1+10', 'in copied PSH,ACK 1+10']);
});

test('old: what was open before the rule; sequence numbers are relative all the same', () => {
  const world = new FaultyWorld();
  const { ours, theirs } = world.open();
  world.client.write(theirs, bytes(10));
  world.run(SECOND);
  world.faults.add('copy both where old && data && seq==11 as it');
  world.client.write(theirs, bytes(3));
  world.server.write(ours, bytes(4));
  world.run(SECOND);
  const again = world.open(8);
  world.client.write(again.theirs, bytes(10));
  world.client.write(again.theirs, bytes(10));
  world.run(SECOND);
  assert.deepEqual(world.fates(), ['in copied PSH,ACK 11+3']);
});

test('nth counts each connection by itself, from the rule on', () => {
  const world = new FaultyWorld({ rules: ['copy in where nth(syn)==1 as it'] });
  world.open(7);
  world.open(8);
  assert.equal(world.fates().length, 2);
});

// ── Several rules ────────────────────────────────────────────────────────────────────────────────

test('rules act in the order of their numbers, each on what the one before has left', () => {
  const world = new FaultyWorld({
    rules: [
      'mutate in where data set ttl=3',
      'copy in where ttl==3 as it',
      'drop in where ttl==3 times 1',
      'copy in where data as never',
    ],
  });
  const { theirs } = world.open();
  world.client.write(theirs, bytes(10));
  world.run(10 * MS);
  assert.deepEqual(world.fates(), [
    'in mutated PSH,ACK 1+10',
    'in copied PSH,ACK 1+10',
    'in dropped PSH,ACK 1+10',
  ]);
});

test('delays of several rules add up', () => {
  const world = new FaultyWorld({ rules: ['delay in where syn 100ms', 'delay in where syn 200ms'] });
  world.listen();
  world.dial();
  world.run(290 * MS);
  assert.equal(world.received('ours').length, 0);
  world.run(20 * MS);
  assert.equal(world.received('ours')[0], 'SYN 0');
});

test('the same seed, the same faults; another seed, others', () => {
  const run = (seed: number): string[] => {
    const world = new FaultyWorld({ rules: ['drop both prob 0.2', 'delay both 1ms jitter 20ms'], seed });
    world.listen();
    const theirs = world.dial();
    world.run(10 * SECOND);
    try {
      world.client.write(theirs, bytes(20_000));
    } catch {
      // Not open yet.
    }
    world.run(20 * SECOND);
    return world.fates();
  };
  assert.deepEqual(run(7), run(7));
  assert.notDeepEqual(run(7), run(8));
});

test('seed N of a rule makes it independent of the stack and of its number', () => {
  const run = (rules: string[]): number => {
    const world = new FaultyWorld({ rules, seed: rules.length });
    const { theirs } = world.open();
    world.client.write(theirs, bytes(30_000));
    world.run(10 * SECOND);
    return world.fates().findIndex((fate) => fate.includes('corrupted'));
  };
  assert.equal(
    run(['corrupt in where nth==9 prob 0.5 seed 7']),
    run(['drop out where urg', 'corrupt in where nth==9 prob 0.5 seed 7']),
  );
});

test('clear N removes one, clear all; a number that is none is an error', () => {
  const world = new FaultyWorld({ rules: ['drop in', 'drop out'] });
  assert.deepEqual(
    world.faults.clear(1).map(({ rule }) => rule),
    ['drop in'],
  );
  assert.deepEqual(
    world.faults.list().map(({ number }) => number),
    [2],
  );
  assert.throws(() => world.faults.clear(1), /there is no rule 1/);
  world.faults.clear(null);
  assert.deepEqual(world.faults.list(), []);
  assert.ok(world.open().ours > 0);
});

test('inject in rst seq+10 on c1: RFC 5961, a challenge ACK; the exact number resets', () => {
  const world = new FaultyWorld();
  world.open();
  world.faults.add('inject rst seq+10 on c1');
  world.run(10 * MS);
  assert.equal(world.events('seg:sent').at(-1)?.data['trigger'], 'challenge-ack');
  assert.deepEqual(world.fates(), ['in injected RST 11']);
  world.faults.add('inject rst on c1');
  world.run(10 * MS);
  assert.equal(world.stack.connections().filter(({ state }) => state === 'ESTABLISHED').length, 0);
  assert.throws(() => world.faults.add('inject rst on c1'), /there is no connection c1/);
});

test('inject with data, from anywhere: text for the application, a SYN of a third host', () => {
  const world = new FaultyWorld();
  const { ours } = world.open();
  world.faults.add('inject psh|ack on c1 data "forged"');
  world.faults.add('inject in syn from 10.9.0.77:5 to 10.9.0.2:7 seq=1000');
  world.run(10 * MS);
  assert.equal(drain(world.server, ours).toString(), 'forged');
  assert.ok(
    world.stack.connections().some(({ state, peer }) => state === 'SYN-RECEIVED' && peer === '10.9.0.77:5'),
  );
});
