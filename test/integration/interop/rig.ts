/** A running stack for some rows of the matrix, and what must hold of it after each of them. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReasonName } from '../../../src/base/reasons.ts';
import { ask } from '../../../src/cli/control/client.ts';
import type { Stats } from '../../../src/cli/render/stats.ts';
import type { LinkCounts } from '../../../src/sim/index.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import { ImpairedStack } from '../../support/impaired-stack.ts';
import { eventually, type Program, RunningStack } from '../../support/running-stack.ts';
import type { Payloads } from './payloads.ts';
import { amount, FULL, KERNELS, LINKS, type Row } from './rows.ts';

export const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
export const IPERF_PORT = 5201;
export const SSH_PORT = 2222;
/** Packets that the interface holds for us: nothing is lost on a clean link because we are slow. */
const QUEUE_LENGTH = 20_000;
/** For one program, ms. */
const PATIENCE = FULL ? 1_800_000 : 240_000;
/** For the last retransmitted FIN, ms. */
const CLOSING_PATIENCE = 180_000;

/** Numbers of the engine that are zero when all is over; the memory is that of all buffers. */
const HELD = ['connections', 'synReceived', 'orphans', 'timers', 'memory'] as const;

/** As `nstat` names them. */
const KERNEL_COUNTERS = [
  'RetransSegs',
  'TCPLossProbes',
  'TCPFastRetrans',
  'TCPTimeouts',
  'TCPDSACKRecv',
] as const;
type KernelCounters = Readonly<Record<(typeof KERNEL_COUNTERS)[number], number>>;

/** What is counted before and after a row. */
interface Marks {
  readonly stats: Stats;
  readonly kernel: KernelCounters;
  /** Packets toward us for which the interface had no room. */
  readonly dropped: number;
  readonly link: { readonly inbound: LinkCounts; readonly outbound: LinkCounts } | null;
}

function reasonOf(stats: Stats, name: ReasonName): number {
  return stats.reasons.find((reason) => reason.name === name)?.count ?? 0;
}

export class Rig {
  readonly stack: RunningStack;
  readonly payloads: Payloads;
  /** Where the programs of a row put what they get. */
  readonly folder: string;
  /** The one that is played. */
  row: Row;
  private sshd: Program | null = null;

  private constructor(stack: RunningStack, payloads: Payloads, row: Row) {
    this.stack = stack;
    this.payloads = payloads;
    this.row = row;
    this.folder = join(stack.folder, 'row');
  }

  static async start(row: Row, payloads: Payloads): Promise<Rig> {
    const { tool, link, mtu } = row;
    const www = payloads.folder;
    const offload = link === 'clean, offload' ? 'auto' : 'off';
    const clean = LINKS[link] === null;
    const impairments = clean ? null : {};
    const stack =
      clean && tool !== 'iperf3'
        ? await RunningStack.start('--offload', offload, '--mtu', String(mtu), '--www', www)
        : await ImpairedStack.begin({ mtu, www, offload, impairments, forward: IPERF_PORT });
    const rig = new Rig(stack, payloads, row);
    stack.ip('link', 'set', stack.ready.tun, 'txqueuelen', String(QUEUE_LENGTH));
    return rig;
  }

  /** Everything for one row: link and kernel set up, traffic, checks. */
  async play(row: Row, traffic: (rig: Rig, bytes: number) => Promise<void>): Promise<void> {
    this.row = row;
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder);
    const sysctls = { tcp_timestamps: 1, tcp_sack: 1, tcp_window_scaling: 1, ...KERNELS[row.kernel] };
    const settings = Object.entries(sysctls).map(([name, value]) => `net.ipv4.${name}=${value}`);
    await this.sh(`sysctl -qw ${settings.join(' ')}`);
    const impairments = LINKS[row.link];
    if (impairments !== null) await (this.stack as ImpairedStack).impair(impairments);
    const before = await this.mark();
    await traffic(this, amount(row));
    await this.checkNothingLeft();
    checkRetransmissions(before, await this.mark());
  }

  /** Runs a shell's pipeline in the namespace; it must succeed. */
  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.stack.run(
      'bash',
      ['-o', 'pipefail', '-c', script],
      '',
      PATIENCE,
    );
    assert.equal(code, 0, `${script}: ${stderr.slice(-1000)}${stdout.toString().slice(-1000)}`);
    return stdout.toString();
  }

  output(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.output(name));
  }

  ask<Answer>(command: string): Promise<Answer> {
    return ask<Answer>({ control: this.stack.ready.control }, command);
  }

  /** Waits until a program in the namespace listens on `port`. */
  async listens(port: number): Promise<void> {
    await eventually(
      async () => (await this.stack.run('ss', ['-tlnH', `sport = :${port}`])).stdout.length > 0,
      () => `port ${port} is listened on`,
    );
  }

  /** An sshd of the kernel's, with keys of its own; it sees nothing of the machine's configuration. */
  async startSshd(): Promise<void> {
    if (this.sshd !== null) return;
    const at = (name: string): string => join(this.stack.folder, name);
    for (const key of ['host', 'user']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
    }
    const config = [
      `Port ${SSH_PORT}`,
      `ListenAddress ${this.stack.kernel}`,
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('user.pub')}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
    ];
    writeFileSync(at('sshd_config'), `${config.join('\n')}\n`);
    // `ip netns exec` has made a mount namespace: what is mounted here nobody else sees. A locked root
    // could not log in without PAM.
    const steps = [
      'mount -t tmpfs none /run',
      'mkdir /run/sshd',
      `sed 's/^root:[^:]*:/root:*:/' /etc/shadow > ${at('shadow')}`,
      `chmod 600 ${at('shadow')}`,
      `mount --bind ${at('shadow')} /etc/shadow`,
      `exec /usr/sbin/sshd -D -e -f ${at('sshd_config')}`,
    ];
    this.sshd = this.stack.start('sh', '-c', steps.join(' && '));
    await this.listens(SSH_PORT);
  }

  close(): Promise<void> {
    return this.stack.close();
  }

  private async mark(): Promise<Marks> {
    const { stack } = this;
    const counted = await Promise.all(
      KERNEL_COUNTERS.map(async (name) => [name, await stack.kernelCounter(name)] as const),
    );
    const [device] = JSON.parse(stack.ip('-j', '-s', 'link', 'show', stack.ready.tun)) as {
      stats64: { tx: { dropped: number } };
    }[];
    return {
      stats: await this.ask('stats'),
      kernel: Object.fromEntries(counted) as KernelCounters,
      dropped: device?.stats64.tx.dropped ?? 0,
      link: stack instanceof ImpairedStack ? (await stack.vitals()).link : null,
    };
  }

  /** No connection but in TIME-WAIT at either end, no memory held, no timer armed, nothing thrown. */
  private async checkNothingLeft(): Promise<void> {
    let left: unknown;
    await eventually(
      async () => {
        const records = await this.ask<ConnectionRecord[]>('ss');
        const ours = records.filter(({ state }) => state !== 'LISTEN' && state !== 'TIME-WAIT');
        const { stdout } = await this.stack.run('ss', ['-tanoH']);
        const kernels = stdout
          .toString()
          .split('\n')
          .filter((line) => line !== '' && !/^(LISTEN|TIME-WAIT)/.test(line));
        const { tables } = await this.ask<Stats>('stats');
        left = { ours, kernels, tables };
        const held = HELD.some((name) => tables[name] !== 0);
        return ours.length === 0 && kernels.length === 0 && !held && tables['flows'] === tables['timeWait'];
      },
      () => `nothing left but TIME-WAIT: ${JSON.stringify(left, null, 1).slice(0, 3000)}`,
      CLOSING_PATIENCE,
    );
    const stats = await this.ask<Stats>('stats');
    assert.equal(reasonOf(stats, 'PACKET_GUARD'), 0, 'a packet has thrown inside the stack');
    if (this.stack instanceof ImpairedStack) assert.equal((await this.stack.vitals()).guarded, null);
    assert.equal(this.stack.up.running, true, this.stack.up.stderr);
  }
}

/** Nothing looks lost on a clean link, and on others about as much is sent again as there is a reason for. */
function checkRetransmissions(before: Marks, after: Marks): void {
  const count = (name: ReasonName): number => reasonOf(after.stats, name) - reasonOf(before.stats, name);
  const kernel = (name: keyof KernelCounters): number => after.kernel[name] - before.kernel[name];
  const ours = count('TCP_RETRANSMIT');
  const kernels = Math.max(0, kernel('RetransSegs') - kernel('TCPLossProbes'));
  if (after.link === null || before.link === null) {
    const fast = count('TCP_FAST_RETRANSMIT') + kernel('TCPFastRetrans');
    const timeouts = count('TCP_RTO') + kernel('TCPTimeouts');
    const reasons = after.stats.reasons
      .map(({ name }) => [name, count(name as ReasonName)] as const)
      .filter(([, times]) => times > 0);
    const counted = KERNEL_COUNTERS.map((name) => [name, kernel(name)] as const);
    const told = `sent again: we ${ours}, the kernel ${kernels}; ${[...reasons, ...counted].join(' ')}`;
    if (after.dropped > before.dropped) return;
    // Whoever waits for the CPU acknowledges too late: for 10 ms, and the tail is probed; for 200 ms, a time-out.
    // What that repeats is acknowledged a second time, which then looks like a loss.
    assert.ok(fast <= timeouts, told);
    const opened = count('TCP_PASSIVE_OPEN') + count('TCP_ACTIVE_OPEN');
    assert.ok(timeouts <= 2 * opened, told);
    if (timeouts > 0) return;
    assert.equal(kernels, 0, told);
    const segments = (after.stats.totals['segmentsSent'] ?? 0) - (before.stats.totals['segmentsSent'] ?? 0);
    assert.ok(ours <= 4 * opened + segments / 100, told);
    return;
  }
  const reasons = { lost: 0, reordered: 0, duplicated: 0 };
  for (const direction of ['inbound', 'outbound'] as const) {
    for (const name of ['lost', 'reordered', 'duplicated'] as const) {
      reasons[name] += after.link[direction][name] - before.link[direction][name];
    }
  }
  // What the interface had no room for while we waited for the CPU is lost as well.
  reasons.lost += after.dropped - before.dropped;
  const { lost, reordered, duplicated } = reasons;
  // So is it there that a time-out of the kernel's comes too early: we tell it what it has repeated in vain.
  const inVain = kernel('TCPTimeouts') > 0 ? kernel('TCPDSACKRecv') : 0;
  const resent = ours + Math.max(0, kernels - inVain);
  const told = `${resent} segments were sent again (we ${ours}, ${inVain} more in vain), for ${JSON.stringify(reasons)}`;
  // A copy of a segment makes a copy of an ACK, and three of these together look like a loss.
  assert.ok(resent <= 30 + 4 * lost + 8 * reordered + duplicated / 2, told);
  if (lost >= 30) assert.ok(resent > 0, told);
}
