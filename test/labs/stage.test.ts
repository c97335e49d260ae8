/**
 * The simulated stage does what its interface says: K's programs in their flavours (study §1.3), the cable
 * between, reboots, restarts, and the switches that only labs use.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rungsOf, rungText } from '../../src/labs/expect/rungs.ts';
import type { Setting } from '../../src/labs/lab.ts';
import { SimStage } from '../../src/labs/sim/sim-stage.ts';
import type { NcOptions } from '../../src/labs/stage.ts';

const open = (setting: Setting = {}): SimStage => new SimStage(setting);
const ladder = (stage: SimStage): string[] => rungsOf(stage.log).map(rungText);
const states = async (stage: SimStage): Promise<string[]> => [
  ...(await stage.kernelSockets()).map(({ state }) => state),
];

describe('K answers as nc does (B56)', () => {
  const table: [NonNullable<NcOptions['flavour']>, fin: boolean, leaves: boolean][] = [
    ['nc.openbsd', false, false],
    ['nc.traditional', false, true],
    ['ncat', true, false],
    ['busybox', true, true],
  ];
  for (const [flavour, fin, leaves] of table) {
    test(`${flavour}: Ctrl-D sends ${fin ? 'a FIN' : 'nothing'}`, async () => {
      const stage = open({ services: { echo: { think: 60_000 } } });
      const nc = await stage.nc(7, { flavour });
      await stage.until('S ESTABLISHED');
      await nc.eof();
      await stage.wait(1000);
      assert.equal(
        ladder(stage).some((line) => line.startsWith('K>S FIN')),
        fin,
      );
    });
    test(`${flavour}: when S closes first it ${leaves ? 'ends' : 'stays in CLOSE-WAIT'}`, async () => {
      const stage = open();
      const nc = await stage.nc(13, { flavour });
      await stage.wait(1000);
      assert.equal(nc.exit?.code, leaves ? 0 : undefined);
      assert.deepEqual(await states(stage), leaves ? [] : ['CLOSE-WAIT']);
      assert.match(nc.printed, /GMT/);
    });
  }
  test('nc -N sends a FIN; socat leaves half a second after its own', async () => {
    const stage = open({ services: { echo: { think: 2000 } } });
    const nc = await stage.nc(7, { N: true, input: '' });
    const socat = await stage.nc(7, { flavour: 'socat', input: '' });
    await stage.wait(1000);
    assert.deepEqual(await states(stage), ['FIN-WAIT-2', 'FIN-WAIT-2']);
    assert.equal(nc.exit, null);
    assert.equal(socat.exit?.code, 0);
  });
  test('a listening nc closes when its peer has', async () => {
    const stage = open();
    const nc = await stage.nc(1234, { listen: true });
    const ours = await stage.connect(1234);
    await ours.type('hello');
    await nc.saw('hello');
    await ours.eof();
    assert.equal((await nc.exited()).code, 0);
    assert.equal((await ours.exited()).code, 0);
  });
  test('a refused connection and a bound port are errors', async () => {
    const stage = open();
    const nc = await stage.nc(99);
    assert.equal((await nc.exited()).code, 1);
    assert.match(nc.errors, /refused/);
    await stage.nc(7, { localPort: 40_000 });
    const second = await stage.nc(7, { localPort: 40_000 });
    assert.match(second.errors, /Address already in use/);
  });
  test('-w gives up; Ctrl-C and Ctrl-Z', async () => {
    const stage = open({ faults: ['drop in where dport==9'] });
    const nc = await stage.nc(9, { wait: 2 });
    assert.equal((await nc.exited()).code, 1);
    const echo = await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await echo.stop();
    await echo.type('later');
    await stage.wait(500);
    assert.equal(echo.printed, '');
    await echo.cont();
    await echo.saw('later');
    await echo.interrupt();
    assert.deepEqual(echo.exit, { code: null, signal: 'SIGINT' });
    await stage.until('S CLOSED');
  });
});

describe('curl', () => {
  test('/big arrives whole; /close is closed by S, a kept connection by curl', async () => {
    const stage = open();
    const big = await stage.curl('http://10.9.0.2/big?kb=200', '-o', '/dev/null');
    assert.equal((await big.exited()).code, 0);
    assert.equal(big.bytes, 200 * 1024);
    await stage.wait(100);
    assert.deepEqual(await states(stage), ['TIME-WAIT']);
    const close = await stage.curl('10.9.0.2/close');
    await close.exited();
    assert.match(close.printed, /closes first/);
  });
  test('several URLs use one connection; /chunked, /slow, uploads, a port that is closed', async () => {
    const stage = open();
    const two = await stage.curl('10.9.0.2/', '10.9.0.2/chunked');
    assert.equal((await two.exited()).code, 0);
    assert.match(two.printed, /inside[\s\S]*third and last/);
    assert.equal(ladder(stage).filter((line) => line.startsWith('K>S SYN')).length, 1);
    const slow = await stage.curl('10.9.0.2/slow');
    await slow.exited(10_000);
    assert.match(slow.printed, /line 10 of 10/);
    const upload = await stage.curl('-T', 'x'.repeat(5000), '10.9.0.2/upload');
    assert.equal((await upload.exited()).code, 0);
    assert.equal((await (await stage.curl('10.9.0.2:99')).exited()).code, 7);
  });
});

describe('the cable, reboots and restarts', () => {
  test('a cut cable is silent, and mended it carries again', async () => {
    const stage = open();
    const nc = await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await stage.cutCable();
    const mark = stage.mark();
    await stage.wait(60_000);
    assert.equal(stage.mark(), mark);
    await nc.type('hello');
    await stage.wait(500);
    await stage.mendCable();
    await nc.saw('hello', 5_000);
  });
  test('K that has rebooted resets what it does not know (B53)', async () => {
    const stage = open();
    await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await stage.rebootKernel();
    assert.deepEqual(await states(stage), []);
    await stage.app('c1').write('anybody?');
    await stage.until('K>S RST');
    await stage.until('closed reset-by-peer');
  });
  test('S restarted forgets TIME-WAIT, and names go on', async () => {
    const stage = open();
    const nc = await stage.nc(13, { input: '' });
    await nc.exited();
    await stage.until('S TIME-WAIT');
    assert.equal((await stage.connections()).filter(({ state }) => state === 'TIME-WAIT').length, 1);
    await stage.restartStack();
    assert.equal((await stage.connections()).filter(({ state }) => state === 'TIME-WAIT').length, 0);
    const again = await stage.nc(7, { N: true, input: 'x' });
    await again.saw('x');
    await again.exited();
    const opened = stage.log.filter(({ ev }) => ev === 'conn:opened').map(({ conn }) => conn);
    assert.deepEqual(opened, ['c1', 'c2']);
  });
  test('forged, copied and held segments; a service that comes back to a TIME-WAIT (B46)', async () => {
    const stage = open({ services: { daytime: { reuseAddr: false } } });
    await stage.fault('copy in where syn as old1');
    await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await stage.inject('old1');
    await stage.until('K>S SYN INJECTED');
    await stage.forge('rst seq+10 on c1');
    await stage.until('K>S RST 11 INJECTED');
    const nc = await stage.nc(13, { input: '' });
    await nc.exited();
    await stage.until('c2 S TIME-WAIT');
    await stage.service('daytime').stop();
    await assert.rejects(stage.service('daytime').start(), { code: 'EADDRINUSE' });
    await assert.rejects(stage.service('daytime').start({ reuseAddr: true }), { code: 'EADDRINUSE' });
  });
  test('with SO_REUSEADDR on both it starts', async () => {
    const stage = open();
    await (await stage.nc(13, { input: '' })).exited();
    await stage.until('S TIME-WAIT');
    await stage.service('daytime').stop();
    await stage.service('daytime').start();
  });
});

describe('services and plain sockets', () => {
  test('late: four waves; rude: a reset; leaky: CLOSE-WAIT; abort; heartbeat', async () => {
    const stage = open();
    const late = await stage.nc(2001, { N: true, input: 'hi\n' });
    assert.equal((await late.exited()).code, 0);
    assert.match(late.printed, /3 bytes before it/);
    await (await stage.nc(2003)).type('x');
    await stage.until('S>K RST,ACK');
    await stage.nc(2002, { N: true, input: '' });
    await stage.until('c3 S CLOSE-WAIT');
    await stage.wait(60_000);
    await stage.app('c3').close();
    await stage.until('c3 S LAST-ACK');
    await stage.nc(2006);
    await stage.until('rst TCP_ABORT_ON_LINGER');
    const beat = await stage.nc(2007);
    await beat.saw('no answer to 3 pings', 20_000);
  });
  test('slow closes the window; reading opens it', async () => {
    const stage = open({ services: { slow: { rate: 0 } } });
    await stage.nc(2004, { input: new Uint8Array(1_000_000), N: true });
    await stage.until('S>K ACK win 0');
    await stage.wait(2000);
    const mark = stage.mark();
    await stage.app('c1').read(200_000);
    await stage.until('S>K ACK win>0', { since: mark });
  });
  test('a socket that is closed with unread bytes resets; backlog 1 of stuck is full', async () => {
    const stage = open();
    const socket = await stage.socket({ connect: 19, paused: true });
    await stage.wait(100);
    await socket.close();
    await stage.until('K>S RST,ACK');
    for (let i = 0; i < 3; i++) {
      await stage.nc(2008);
      await stage.wait(100);
    }
    assert.deepEqual((await states(stage)).sort(), ['ESTABLISHED', 'SYN-SENT', 'SYN-SENT']);
    await stage.until('K>S SYN DROPPED reason TCP_LISTEN_OVERFLOW');
  });
  test('configure is for connections opened later, also those to services', async () => {
    const stage = open();
    await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await stage.configure({ keepalive: 'on' });
    await stage.nc(7);
    await stage.until('c2 S ESTABLISHED');
    const timers = (await stage.connections()).filter(({ state }) => state === 'ESTABLISHED');
    assert.deepEqual(
      timers.map((one) => one.timers.map(({ name }) => name)),
      [[], ['keepalive']],
    );
  });
  test('sysctls reach K; those unknown are refused', async () => {
    const stage = open({ kernel: { tcp_sack: 0, tcp_timestamps: 0 } });
    await stage.nc(7);
    const { data } = await stage.until('K>S SYN');
    assert.deepEqual(Object.keys(data['opts'] as object), ['mss', 'wscale']);
    assert.throws(() => open({ kernel: { tcp_nonsense: 1 } }), { code: 'ENOENT' });
  });
});

describe('lab.* switches', () => {
  test('handshake=two-way accepts on the SYN alone (B10)', async () => {
    const stage = open({ stack: { 'lab.handshake': 'two-way' }, faults: ['drop out where syn'] });
    await stage.nc(7);
    await stage.until('S ESTABLISHED');
    assert.equal(stage.service('echo').accepted, 1);
  });
  test('isn=fixed begins every connection with the same number', async () => {
    const stage = open({ stack: { 'lab.isn': 'fixed' } });
    const numbers: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const since = stage.mark();
      await (await stage.nc(7, { N: true, input: '' })).exited();
      const { data } = await stage.until('S>K SYN,ACK', { since });
      numbers.push((data['raw'] as { seq: number }).seq);
    }
    assert.equal(numbers[0], numbers[1]);
  });
  test('timeWait=off leaves nothing behind', async () => {
    const stage = open({ stack: { timeWait: 'off' } });
    await (await stage.nc(13, { input: '' })).exited();
    await stage.until('S CLOSED');
    assert.equal(
      (await stage.connections()).every(({ state }) => (state as string) === 'LISTEN'),
      true,
    );
  });
  test('splitSynAck=on: a bare ACK, and the SYN 200 ms later (B11)', async () => {
    const stage = open({ stack: { 'lab.splitSynAck': 'on' } });
    await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await stage.wait(10);
    assert.deepEqual(ladder(stage), [
      'K>S SYN 0',
      'S>K ACK 0 ack 1',
      'S>K SYN 0',
      'K>S SYN,ACK 0 ack 1 RETRANS',
      'S>K ACK 1 ack 1 sack 0-1',
    ]);
  });
  test('finWithData: one segment carries the last data and the FIN (B32)', async () => {
    const stage = open({ stack: { 'lab.finWithData': 'on' } });
    await stage.curl('10.9.0.2/close');
    await stage.until('S>K FIN,PSH,ACK len>0');
  });
});

test('two runs of one script give the same log to the last bit', async () => {
  const run = async (): Promise<string> => {
    const stage = open({ faults: ['drop both prob 0.05'] });
    const curl = await stage.curl('10.9.0.2/big?kb=300', '-o', '/dev/null');
    await curl.exited(120_000);
    return JSON.stringify(stage.log);
  };
  assert.equal(await run(), await run());
});
