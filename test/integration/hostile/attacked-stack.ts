/** A running stack under attack: what it says about itself, and whether that is true and it still works. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { REASONS, type ReasonName } from '../../../src/base/reasons.ts';
import { ask } from '../../../src/cli/control/client.ts';
import { pattern } from '../../support/pattern.ts';
import { eventually, RunningStack, STACK } from '../../support/running-stack.ts';

/** What `fourwave stats --json` prints. */
export interface Stats {
  readonly totals: Readonly<Record<'packetsReceived' | 'packetsSent' | 'segmentsReceived', number>>;
  readonly tables: Readonly<
    Record<'connections' | 'timeWait' | 'synReceived' | 'orphans' | 'flows' | 'timers' | 'memory', number>
  >;
  readonly reasons: readonly { readonly name: ReasonName; readonly count: number }[];
}

/** What the kernel has counted at its end of the TUN. */
interface LinkCounters {
  readonly sent: number;
  readonly received: number;
}

/** Counted beside a verdict, or without a packet that came in: they are no verdicts. */
const NO_VERDICT: ReadonlySet<string> = new Set<ReasonName>([
  'DEVICE_QUEUE_FULL',
  'DEVICE_ERROR',
  'FRAG_REASM_TIMEOUT',
  'IP_ID_EXHAUSTED',
  // Of an answer: beside the reason for which it would have been sent, or for an echo alone.
  'ICMP_RATE_LIMIT',
  'PKT_TOO_BIG',
  'TCP_CHALLENGE_LIMIT',
  'TCP_OPTION_LENGTH',
  'TIMEWAIT_REUSED',
  'TIMEWAIT_EVICTED',
  'TCP_RETRANSMIT',
  'TCP_RTO',
  'TCP_FAST_RETRANSMIT',
  'TCP_COOKIE_ACCEPTED',
  'TCP_LOSS_PROBE',
  'TCP_PMTU_BLACK_HOLE',
  'TCP_ZERO_WINDOW_PROBE',
  'TCP_KEEPALIVE_PROBE',
  'TCP_ACTIVE_OPEN',
  'TCP_PASSIVE_OPEN',
  'TCP_ORPHAN_LIMIT',
]);

function same(a: LinkCounters, b: LinkCounters): boolean {
  return a.sent === b.sent && a.received === b.received;
}

/** Longer than an answer may be delayed, ms. */
const QUIET = 250;

interface Reading {
  readonly stats: Stats;
  readonly link: LinkCounters;
}

export class AttackedStack extends RunningStack {
  private last: Reading | undefined;

  static override async start(...args: string[]): Promise<AttackedStack> {
    const stack = new AttackedStack();
    try {
      await stack.startUp(...args);
      stack.checkNoWayOut();
    } catch (error) {
      await stack.close();
      throw error;
    }
    return stack;
  }

  /** No packet of an attack can leave: the namespace has its loopback and the TUN, and nothing else. */
  private checkNoWayOut(): void {
    const links = JSON.parse(this.ip('-j', 'link', 'show')) as { ifname: string }[];
    assert.deepEqual(links.map(({ ifname }) => ifname).sort(), ['fw0', 'lo']);
  }

  stats(): Promise<Stats> {
    return ask<Stats>({ control: this.ready.control }, 'stats');
  }

  /** Runs `attack`; by how much everything that is counted has grown. */
  async counted(attack: () => Promise<unknown>): Promise<Growth> {
    // Mostly nothing has happened since the last time.
    const before =
      this.last !== undefined && same(this.last.link, this.link()) ? this.last : await this.reading();
    await attack();
    const after = await this.reading();
    return new Growth(before.stats, after.stats, {
      sent: after.link.sent - before.link.sent,
      received: after.link.received - before.link.received,
    });
  }

  /**
   * What the stack and the kernel have counted at one moment: when no packet moved for {@link QUIET} ms.
   * (The first time, some that the kernel has handed over may still wait for their turn.)
   */
  private async reading(): Promise<Reading> {
    let link = this.link();
    await eventually(
      async () => {
        await this.stats();
        await sleep(QUIET);
        this.last = { stats: await this.stats(), link };
        link = this.link();
        return same(this.last.link, link);
      },
      () => 'packets still move',
      20_000,
    );
    return this.last as Reading;
  }

  private link(): LinkCounters {
    const [link] = JSON.parse(this.ip('-j', '-s', 'link', 'show', 'fw0')) as {
      stats64: Record<'tx' | 'rx', { packets: number }>;
    }[];
    assert.ok(link);
    return { sent: link.stats64.tx.packets, received: link.stats64.rx.packets };
  }

  /** Resident memory of `fourwave up`, KiB. */
  resident(): number {
    const status = readFileSync(`/proc/${this.ready.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  }

  /** An ordinary page, an upload with its digest, and an echo: what the stack is there for. */
  async checkItWorks(): Promise<void> {
    await this.checkCurl();
    const body = Buffer.from(pattern(0, 200_000));
    const upload = ['-sS', '-m', '20', '-T', '-', `http://${STACK}/upload`];
    const uploaded = await this.run('curl', upload, body);
    assert.equal(uploaded.stdout.toString().trim(), createHash('sha256').update(body).digest('hex'));
    const echo = await this.run('nc', ['-N', '-w', '20', STACK, '7'], 'still here\n');
    assert.deepEqual([echo.code, echo.stdout.toString()], [0, 'still here\n'], echo.stderr);
    assert.equal(this.up.running, true);
  }

  /** One page; the time it took, ms. */
  async checkCurl(patience = 20): Promise<number> {
    const begin = performance.now();
    const page = await this.run('curl', ['-sS', '-f', '-m', String(patience), `http://${STACK}/`]);
    assert.equal(page.code, 0, page.stderr);
    assert.match(page.stdout.toString(), /This connection, seen from inside the stack/);
    return performance.now() - begin;
  }

  /** Nothing half open, no connection, no orphan; no packet that the guard had to stop. */
  async checkNothingStays(patience?: number): Promise<void> {
    let tables: unknown;
    await eventually(
      async () => {
        const stats = await this.stats();
        tables = stats.tables;
        const { connections, synReceived, orphans } = stats.tables;
        return connections + synReceived + orphans === 0;
      },
      () => `every table but TIME-WAIT empty: ${JSON.stringify(tables)}`,
      patience,
    );
    assert.equal(new Growth(undefined, await this.stats()).by('PACKET_GUARD'), 0);
    assert.equal(this.up.running, true, this.up.stderr);
  }
}

/** By how much the counters have grown. */
export class Growth {
  readonly reasons: Readonly<Record<string, number>>;

  private readonly before: Stats | undefined;
  private readonly after: Stats;
  readonly link: LinkCounters;

  constructor(before: Stats | undefined, after: Stats, link: LinkCounters = { sent: 0, received: 0 }) {
    this.before = before;
    this.after = after;
    this.link = link;
    const grown = after.reasons.map(
      ({ name, count }, i) => [name, count - (before?.reasons[i]?.count ?? 0)] as const,
    );
    this.reasons = Object.fromEntries(grown.filter(([, count]) => count > 0));
  }

  by(...names: ReasonName[]): number {
    return names.reduce((sum, name) => sum + (this.reasons[name] ?? 0), 0);
  }

  total(name: keyof Stats['totals']): number {
    return this.after.totals[name] - (this.before?.totals[name] ?? 0);
  }

  get verdicts(): number {
    return REASONS.filter(({ name }) => !NO_VERDICT.has(name)).reduce(
      (sum, { name }) => sum + this.by(name),
      0,
    );
  }

  /**
   * The stack counts what the kernel counts at the other end of the TUN, and every packet under exactly one
   * reason. (Only where segments come one to a packet.)
   */
  checkTrue(): void {
    const told = JSON.stringify({ ...this.reasons, link: this.link });
    assert.equal(this.total('packetsReceived'), this.link.sent, `received what the kernel sent: ${told}`);
    assert.equal(this.total('packetsSent'), this.link.received, `sent what the kernel received: ${told}`);
    // A fragment that is taken may drive out a datagram.
    const fewest = this.verdicts - this.by('FRAG_LIMIT');
    const most = this.verdicts + this.by('ICMP_RATE_LIMIT');
    assert.ok(fewest <= this.link.sent && this.link.sent <= most, `one reason for each packet: ${told}`);
    assert.equal(this.by('PACKET_GUARD'), 0, told);
  }
}
