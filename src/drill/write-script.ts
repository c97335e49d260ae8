/** A history of one connection as a script, which drill then runs. */

import { tcpText } from './compare.ts';
import type { History, HistoryCall, HistoryTurn } from './history.ts';
import { type LiveTcp, readLivePacket } from './live-packet.ts';
import type { TcpLine, TcpOption } from './script.ts';

const MICROSECONDS = 1_000_000;
/** Where the first packet or call lies, µs. */
const START = 100_000;
/** Timers of a real stack are late, and count from clocks that are read at other moments, µs. */
const LATE = 50_000;
/** Less than this after something else it is no timer of its own, µs. */
const AT_ONCE = 5_000;

export interface WriteOptions {
  /** Whether packets that go out must have the windows that they had. */
  readonly windows: boolean;
  /** Whether each packet that comes and each call waits for a turn of its own, whatever timers are due. */
  readonly turns: boolean;
}

export function writeScript(history: History, options: WriteOptions): string {
  return new ScriptWriter(history, options).write();
}

class ScriptWriter {
  private readonly history: History;
  private readonly options: WriteOptions;
  private readonly lines: string[] = [];
  /** µs of the history at the last line. */
  private last: number;
  private fd: number;
  /** Initial sequence numbers, ours and the peer's. */
  private iss = 0;
  private irs = 0;
  /** The script's names of our timestamps. */
  private readonly names = new Map<number, number>();
  private name = 99;
  private readonly done = new Set<'shutdown' | 'close'>();

  constructor(history: History, options: WriteOptions) {
    this.history = history;
    this.options = options;
    this.last = (history.turns[0]?.time ?? 0) - START;
    this.fd = history.backlog === null ? 3 : 4;
  }

  write(): string {
    this.head();
    for (const turn of this.history.turns) this.turn(turn);
    return `${this.lines.join('\n')}\n`;
  }

  private head(): void {
    const { title, localAddress, remoteAddress, localPort, remotePort, mtu, backlog, config } = this.history;
    this.lines.push(`// ${title}`);
    this.lines.push(`--local_ip=${localAddress}`, `--remote_ip=${remoteAddress}`);
    this.lines.push(`--bind_port=${localPort}`, `--connect_port=${remotePort}`, `--mtu=${mtu}`);
    this.lines.push('--config profile=default');
    for (const [key, value] of Object.entries(config)) this.lines.push(`--config ${key}=${value}`);
    this.lines.push('');
    const active = backlog === null;
    const kind = active ? 'SOCK_STREAM|SOCK_NONBLOCK' : 'SOCK_STREAM';
    this.lines.push(`0 socket(..., ${kind}, IPPROTO_TCP) = 3`);
    if (!active) this.lines.push('+0 bind(3, ..., ...) = 0', `+0 listen(3, ${backlog}) = 0`);
  }

  private turn(turn: HistoryTurn): void {
    const arrived = turn.arrived.map((bytes) => this.arrivedText(bytes)).filter((text) => text !== null);
    const calls = turn.calls.flatMap((call) => this.callTexts(call));
    const inputs = [...arrived, ...calls];
    if (inputs.length === 1 && !this.options.turns) {
      this.add(turn.time, inputs[0] as string);
    } else if (inputs.length > 0) {
      this.add(turn.time, '`: one turn`');
      for (const text of inputs) this.lines.push(`+0 ${text}`);
      this.lines.push('+0 `: turn over`');
    }
    this.name++;
    turn.sent.forEach((bytes, index) => {
      const text = this.sentText(bytes);
      if (text === null) return;
      if (inputs.length > 0 || index > 0) this.lines.push(`+0 > ${text}`);
      else this.addLater(turn.time, `> ${text}`);
    });
  }

  private add(time: number, text: string): void {
    this.lines.push(`+${secondsText(time - this.last)} ${text}`);
    this.last = time;
  }

  /** A timer's doing. */
  private addLater(time: number, text: string): void {
    const gap = time - this.last;
    const from = gap < AT_ONCE ? 0 : Math.min(gap / 2, Math.max(0, gap - LATE));
    const to = Math.max(gap * 1.5, gap + LATE);
    this.lines.push(`+${secondsText(from)}~+${secondsText(to)} ${text}`);
    this.last = time;
  }

  // ── Packets ────────────────────────────────────────────────────────────────────────────────

  private arrivedText(bytes: Uint8Array): string | null {
    const live = readLivePacket(bytes, 0);
    // What is broken the stack throws away, and scripts cannot say it.
    if (live.protocol !== 'tcp') return null;
    if (live.flags.includes('S')) this.irs = live.seq;
    const options = live.options.map((option) => this.arrivedOption(option));
    const ecn = (['noecn', 'ect1', 'ect0', 'ce'] as const)[live.tos & 3] as 'noecn';
    const ip = { ecn: ecn === 'noecn' ? null : ecn, tos: null, ttl: null };
    return `< ${tcpText(this.line(live, this.irs, this.iss, { options, ip, win: live.win }))}`;
  }

  private sentText(bytes: Uint8Array): string | null {
    const live = readLivePacket(bytes, 0);
    if (live.protocol !== 'tcp') return null;
    if (live.flags.includes('S')) this.iss = live.seq;
    const options = live.options.map((option) => this.sentOption(option));
    const win = this.options.windows ? live.win : null;
    const ip = { ecn: null, tos: null, ttl: null };
    return tcpText(this.line(live, this.iss, this.irs, { options, ip, win }));
  }

  private line(
    live: LiveTcp,
    own: number,
    other: number,
    rest: Pick<TcpLine, 'options' | 'ip' | 'win'>,
  ): TcpLine {
    const { flags, payload, urg } = live;
    const bare = flags.includes('R') && live.seq === 0;
    return {
      protocol: 'tcp',
      ports: null,
      flags,
      seq: bare ? 0 : (live.seq - own) >>> 0,
      length: payload.length,
      ack: flags.includes('.') ? (live.ack - other) >>> 0 : 0,
      urg,
      ...rest,
    };
  }

  private arrivedOption(option: TcpOption): TcpOption {
    if (option.kind === 'sack') return relativeTo(option, this.iss);
    if (option.kind !== 'TS') return option;
    return { ...option, ecr: this.names.get(option.ecr as number) ?? option.ecr };
  }

  private sentOption(option: TcpOption): TcpOption {
    if (option.kind === 'sack') return relativeTo(option, this.irs);
    if (option.kind !== 'TS') return option;
    this.names.set(option.val as number, this.name);
    return { ...option, val: this.name };
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────

  /** A descriptor does it once; the stack does not mind. */
  private once(what: 'shutdown' | 'close', lines: string[]): string[] {
    if (this.done.has(what) || this.done.has('close')) return [];
    this.done.add(what);
    return lines;
  }

  private callTexts(call: HistoryCall): string[] {
    const { fd } = this;
    const { name, bytes, detail } = call;
    switch (name) {
      case 'accept':
        return ['accept(3, ..., ...) = 4'];
      case 'connect':
        return ['connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)'];
      case 'receive':
        return bytes === 0 ? [] : [`read(${fd}, ..., ${bytes}) = ${bytes}`];
      case 'send':
        return bytes === 0 ? [] : [`write(${fd}, ..., ${bytes}) = ${bytes}`];
      case 'shutdown':
        return this.once('shutdown', [`shutdown(${fd}, SHUT_WR) = 0`]);
      case 'close':
        return this.once('close', [`close(${fd}) = 0`]);
      case 'abort':
        return this.once('close', [
          `setsockopt(${fd}, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0`,
          `close(${fd}) = 0`,
        ]);
      case 'option':
        return optionTexts(fd, detail as [string, unknown]);
      default:
        return [];
    }
  }
}

function relativeTo(option: Extract<TcpOption, { kind: 'sack' }>, base: number): TcpOption {
  const blocks = option.blocks.map(([from, to]): [number, number] => [
    (from - base) >>> 0,
    (to - base) >>> 0,
  ]);
  return { kind: 'sack', blocks };
}

function optionTexts(fd: number, [name, value]: [string, unknown]): string[] {
  const set = (level: string, option: string, number: number): string =>
    `setsockopt(${fd}, ${level}, ${option}, [${number}], 4) = 0`;
  switch (name) {
    case 'noDelay':
      return [set('SOL_TCP', 'TCP_NODELAY', Number(value))];
    case 'cork':
      return [set('SOL_TCP', 'TCP_CORK', Number(value))];
    case 'quickAck':
      return [set('SOL_TCP', 'TCP_QUICKACK', 1)];
    case 'userTimeout':
      return [set('SOL_TCP', 'TCP_USER_TIMEOUT', Math.round(Number(value) / 1000))];
    case 'tos':
      return [set('SOL_IP', 'IP_TOS', Number(value))];
    case 'ttl':
      return [set('SOL_IP', 'IP_TTL', Number(value))];
    case 'shutRead':
      return [`shutdown(${fd}, SHUT_RD) = 0`];
    case 'keepAlive':
      return keepAliveTexts(value as { on: boolean; idle?: number; interval?: number; count?: number }, set);
    default:
      return [];
  }
}

function keepAliveTexts(
  { on, idle, interval, count }: { on: boolean; idle?: number; interval?: number; count?: number },
  set: (level: string, option: string, number: number) => string,
): string[] {
  const seconds = (time: number): number => Math.max(1, Math.round(time / MICROSECONDS));
  return [
    ...(idle === undefined ? [] : [set('SOL_TCP', 'TCP_KEEPIDLE', seconds(idle))]),
    ...(interval === undefined ? [] : [set('SOL_TCP', 'TCP_KEEPINTVL', seconds(interval))]),
    ...(count === undefined ? [] : [set('SOL_TCP', 'TCP_KEEPCNT', count)]),
    set('SOL_SOCKET', 'SO_KEEPALIVE', on ? 1 : 0),
  ];
}

function secondsText(time: number): string {
  return (Math.max(0, time) / MICROSECONDS).toFixed(6).replace(/\.?0+$/, '');
}
