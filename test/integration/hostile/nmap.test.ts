/** nmap from the kernel's side: its verdicts are those of RFC 9293, `stats` is true, and the stack works on. */

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { STACK, skipWithout } from '../../support/running-stack.ts';
import { AttackedStack } from './attacked-stack.ts';

const SERVICES = [7, 9, 13, 19, 80, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 5001, 5002];
const PORTS = '1-100,2001-2020,5001-5010,65535';
const CLOSED = 100 + 20 + 10 + 1 - SERVICES.length;
/** Probes a second: fewer than the resets that one peer may earn, so that every verdict is certain. */
const RATE = '120';

interface Scan {
  /** The ports that nmap lists one by one, by what it says of them. */
  readonly listed: Readonly<Record<string, number[]>>;
  /** The many that it does not, as `closed reset` and how many. */
  readonly others: Readonly<Record<string, number>>;
  readonly xml: string;
}

describe('nmap', { skip: skipWithout('nmap', 'curl', 'nc') }, () => {
  let stack: AttackedStack;
  before(async () => {
    stack = await AttackedStack.start();
  });
  after(() => stack?.close());
  afterEach(async () => {
    await stack.checkNothingStays();
    await stack.checkItWorks();
  });

  /** -n: no question to a name server. -Pn: no pings first, so that what arrives is the scan alone. */
  async function nmap(...args: string[]): Promise<Scan> {
    const all = ['-n', '-Pn', '-T4', '--max-rate', RATE, '-oX', '-', ...args, STACK];
    const { code, stdout, stderr } = await stack.run('nmap', all);
    const xml = stdout.toString();
    assert.equal(code, 0, stderr);
    const listed: Record<string, number[]> = {};
    for (const [, port, state, reason] of xml.matchAll(
      /<port protocol="\w+" portid="(\d+)"><state state="([^"]+)" reason="([^"]+)"/g,
    )) {
      const verdict = `${state} ${reason}`;
      listed[verdict] = [...(listed[verdict] ?? []), Number(port)];
    }
    const others: Record<string, number> = {};
    for (const [, state, reason, count] of xml.matchAll(
      /<extraports state="([^"]+)"[^>]*>\s*<extrareasons reason="([^"]+)" count="(\d+)"/g,
    )) {
      others[`${state} ${reason}`] = Number(count);
    }
    return { listed, others, xml };
  }

  test('-sS: open where a service listens, closed by a reset elsewhere (RFC 9293 §3.10.7.1, .2)', async () => {
    let scan: Scan | undefined;
    const grown = await stack.counted(async () => {
      scan = await nmap('-sS', '-p', PORTS);
    });
    assert.deepEqual(scan?.listed, { 'open syn-ack': SERVICES });
    assert.deepEqual(scan.others, { 'closed reset': CLOSED });
    grown.checkTrue();
    assert.ok(grown.by('NO_SOCKET') >= CLOSED);
    // The kernel, which has sent no SYN, answers each SYN,ACK with a reset.
    assert.ok(grown.by('TCP_RESET') >= SERVICES.length);
    assert.equal(grown.by('ACCEPTED'), grown.by('TCP_RESET'));
    assert.equal(grown.by('TCP_PASSIVE_OPEN'), 0);
  });

  for (const [option, name] of [
    ['-sF', 'FIN'],
    ['-sX', 'XMAS (FIN, PSH, URG)'],
    ['-sN', 'NULL'],
  ] as const) {
    test(`${option}, ${name}: silence from a listener, a reset from a closed port (B11, RFC 9293 §3.10.7.1, .2)`, async () => {
      let scan: Scan | undefined;
      const grown = await stack.counted(async () => {
        scan = await nmap(option, '-p', PORTS);
      });
      assert.deepEqual(scan?.listed, { 'open|filtered no-response': SERVICES });
      assert.deepEqual(scan.others, { 'closed reset': CLOSED });
      grown.checkTrue();
      assert.ok(grown.by('NO_SOCKET') >= CLOSED);
      assert.ok(grown.by('TCP_FLAGS', 'TCP_NO_ACK') >= SERVICES.length, JSON.stringify(grown.reasons));
      assert.equal(grown.by('ACCEPTED'), 0);
    });
  }

  test('-sA: an ACK earns a reset from listeners and closed ports alike (RFC 9293 §3.10.7.1, .2)', async () => {
    let scan: Scan | undefined;
    const grown = await stack.counted(async () => {
      scan = await nmap('-sA', '-p', PORTS);
    });
    assert.deepEqual(scan?.listed, {});
    assert.deepEqual(scan.others, { 'unfiltered reset': CLOSED + SERVICES.length });
    grown.checkTrue();
    assert.ok(grown.by('TCP_COOKIE_INVALID', 'TCP_FLAGS') >= SERVICES.length, JSON.stringify(grown.reasons));
    assert.equal(grown.by('ACCEPTED'), 0);
  });

  test('-O: all its probes survived; ISNs not predictable, IP ID no counter (A16, B11, D07)', async () => {
    let scan: Scan | undefined;
    const grown = await stack.counted(async () => {
      scan = await nmap('-O', '--max-os-tries', '1', '-p', '7,80,81,9999');
    });
    assert.match(scan?.xml ?? '', /<tcpsequence index="\d+" difficulty="Good luck!"/);
    assert.match(scan?.xml ?? '', /<ipidsequence class="All zeros"/);
    grown.checkTrue();
    // Its T2 (no control bits) and T3 (SYN, FIN, PSH, URG) to an open port.
    assert.ok(grown.by('TCP_FLAGS', 'TCP_NO_ACK') >= 1, JSON.stringify(grown.reasons));
    assert.ok(grown.by('TCP_INVALID_SYN') >= 1, JSON.stringify(grown.reasons));
    assert.equal(grown.by('ICMP_ECHO'), 2);
  });

  test('-sO, -sU: unreachable for a protocol and for a port that nobody has (RFC 1122 §3.2.2.1)', async () => {
    let protocols: Scan | undefined;
    let ports: Scan | undefined;
    const grown = await stack.counted(async () => {
      protocols = await nmap('-sO', '-p', '1,2,4,6,17,132');
      ports = await nmap('-sU', '-p', '7,53');
    });
    assert.deepEqual(protocols?.listed['closed proto-unreach'], [2, 4, 132]);
    // Which of their answers nmap sees first is chance.
    const open = Object.entries(protocols?.listed ?? {}).filter(([verdict]) => verdict.startsWith('open '));
    assert.deepEqual(open.flatMap(([, numbers]) => numbers).sort(), [1, 17, 6]);
    assert.deepEqual(ports?.listed, { 'closed port-unreach': [7, 53] });
    grown.checkTrue();
    assert.ok(grown.by('IP_NOPROTO') >= 6, JSON.stringify(grown.reasons));
  });
});
