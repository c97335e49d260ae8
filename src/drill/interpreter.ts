/** Runs a script: one event after the other, in virtual time. */

import { PosixError } from '../posix/errno.ts';
import { buildIcmp, buildTcp } from './build.ts';
import { CallError } from './call-context.ts';
import type { Environment, Program } from './code.ts';
import { compareIcmp, compareTcp, type FieldPair, tcpText } from './compare.ts';
import { type Difference, DrillFailure, type Failure, secondsText } from './failure.ts';
import { Flow } from './flow.ts';
import { Flows } from './flows.ts';
import { icmpName } from './icmp-names.ts';
import { joinSegments } from './join.ts';
import type { LiveIcmp, LivePacket, LiveTcp } from './live-packet.ts';
import { CodeError, type Value } from './python.ts';
import type { EventTime, PacketLine, Script, ScriptEvent, TcpLine } from './script.ts';
import { SocketCalls } from './socket-calls.ts';
import { type Surroundings, World } from './world.ts';

/** How long a line waits for its packet at most: whatever is due later is another day's. */
const PATIENCE = 24 * 3600 * 1_000_000;

export interface DrillResult {
  readonly file: string;
  readonly failure: Failure | null;
  readonly notices: readonly string[];
  /** Packets both ways. */
  readonly packets: number;
  /** µs of virtual time that have passed. */
  readonly time: number;
}

export interface DrillOptions extends Surroundings {
  /** Told each packet, as a line of a script. */
  readonly onPacket?: (line: string) => void;
}

/** Runs a parsed script against a stack of its own. */
export function runScript(script: Script, options: DrillOptions = {}): DrillResult {
  return new Interpreter(script, options).run();
}

class Interpreter {
  private readonly script: Script;
  private readonly options: DrillOptions;
  private readonly flows: Flows;
  private readonly world: World;
  private readonly calls: SocketCalls;
  /** The time to which relative times are added. */
  private base = 0;
  private packets = 0;

  constructor(script: Script, options: DrillOptions) {
    this.script = script;
    this.options = options;
    this.flows = new Flows(script.setting.bindPort);
    this.world = new World(script.setting, options, {
      ask: () => this.calls.ask(),
      deadline: () => this.calls.deadline,
    });
    this.calls = new SocketCalls(this.world, this.flows, script.setting);
  }

  run(): DrillResult {
    let failure: Failure | null = null;
    for (const event of [...this.script.events, null]) {
      const line = event?.line ?? this.script.events.at(-1)?.line ?? 1;
      failure = this.guarded(line, () => (event === null ? this.calls.finish() : this.runEvent(event)));
      if (failure !== null) break;
    }
    void this.world.close();
    const { file, notices } = this.script;
    return { file, failure, notices, packets: this.packets, time: this.world.now };
  }

  /** What `action` throws as a failure; errors of the stack's own are one too. */
  private guarded(line: number, action: () => void): Failure | null {
    try {
      action();
      const { guarded } = this.world.stack;
      return guarded === null
        ? null
        : { line, message: `the stack threw while it took a packet: ${guarded.message}`, difference: null };
    } catch (error) {
      const { message } = error as Error;
      const at = this.calls.lineOf(error) ?? line;
      if (error instanceof DrillFailure) return { line: at, message, difference: error.difference };
      if (error instanceof CallError || error instanceof CodeError)
        return { line: at, message, difference: null };
      if (error instanceof PosixError) return { line: at, message, difference: null };
      return { line: at, message: `the stack threw: ${message}`, difference: null };
    }
  }

  private runEvent(event: ScriptEvent): void {
    const { body, time } = event;
    if (body.kind === 'packet' && body.direction === 'out') {
      this.expectPacket(body.packet, time);
      return;
    }
    const start = this.startOf(time);
    if (body.kind === 'call') this.calls.finish();
    if (start < this.world.now - this.script.setting.tolerance) {
      throw new DrillFailure(
        `timing error: this should happen at ${secondsText(start)} sec, but it is ${secondsText(this.world.now)} sec`,
      );
    }
    if (start > this.world.now) this.pass(start, body.kind === 'turn' && body.begins);
    this.act(event, this.endOf(body.kind === 'call' ? body.call.end : null, time));
    this.base = time.kind === 'at' ? start : this.world.now;
  }

  /** What one turn takes has waited for it: until then nothing runs, as in a program that was busy. */
  private pass(time: number, asleep: boolean): void {
    if (asleep) this.world.sleepUntil(time);
    else this.world.advanceTo(time);
  }

  /** Anything but a packet that is expected. `end` is that of a call. */
  private act({ body, line }: ScriptEvent, end: number | null): void {
    const { turn } = this.world;
    switch (body.kind) {
      case 'packet':
        this.inject(body.packet);
        break;
      case 'call': {
        const start = (): void => this.calls.start(body.call, line, end);
        if (turn.collecting) turn.calls(start);
        else start();
        break;
      }
      case 'code':
        this.runCode(body.program);
        break;
      case 'turn':
        if (body.begins) turn.begin();
        else this.world.runTurn();
        break;
      default:
        this.world.stack.configure(body.config);
    }
  }

  // ── Times ──────────────────────────────────────────────────────────────────────────────────

  /** µs of the script. */
  private startOf(time: EventTime): number {
    if (time.kind === 'any') return this.world.now;
    return time.start + (time.relative ? this.base : 0);
  }

  private endOf(end: number | null, time: EventTime): number | null {
    if (end === null) return null;
    return end + (time.kind !== 'any' && time.relative ? this.base : 0);
  }

  /** A sentence when `actual` is not when the script says; null when it is. */
  private timingError(time: EventTime, actual: number): string | null {
    if (time.kind === 'any') return null;
    const { tolerance } = this.script.setting;
    const start = this.startOf(time);
    const end = time.kind === 'range' ? time.end + (time.relative ? this.base : 0) : start;
    if (actual >= start - tolerance && actual <= end + tolerance) return null;
    const when = start === end ? secondsText(start) : `${secondsText(start)}~${secondsText(end)}`;
    return `timing error: expected the packet at ${when} sec but it happened at ${secondsText(actual)} sec`;
  }

  // ── Packets ────────────────────────────────────────────────────────────────────────────────

  private inject(line: PacketLine): void {
    const flow = this.flows.inbound(line.ports);
    const { localAddress, remoteAddress } = this.script.setting;
    const addresses = { local: localAddress, remote: remoteAddress };
    this.tell('<', this.world.now, line.protocol === 'tcp' ? tcpText(line) : `icmp ${line.name}`);
    if (line.protocol === 'icmp') {
      this.world.inject(buildIcmp(line, flow, addresses));
      return;
    }
    flow.noteInbound(line);
    this.world.inject(buildTcp(line, flow, addresses));
  }

  private expectPacket(line: PacketLine, time: EventTime): void {
    const live = this.nextSent(line, time);
    if (live.protocol === 'broken')
      throw new DrillFailure(`the stack sent a packet that is wrong: ${live.problem}`);
    const difference = this.difference(line, live, time);
    this.tell('>', live.time, difference.text);
    const late = this.timingError(time, live.time);
    const wrong = [...new Set(difference.fields.filter(({ same }) => !same).map(({ name }) => name))];
    if (wrong.length > 0) {
      const also = late === null ? '' : `; ${late}`;
      throw new DrillFailure(`the packet that was sent differs in ${listed(wrong)}${also}`, difference);
    }
    if (late !== null) throw new DrillFailure(late, difference);
    this.base = time.kind === 'at' ? this.startOf(time) : live.time;
    if (difference.problem !== null) throw new DrillFailure(difference.problem, difference);
  }

  /** The oldest packet that no line has named; waits for one. */
  private nextSent(line: PacketLine, time: EventTime): LivePacket {
    const { sent } = this.world;
    const limit = Math.max(this.world.now, time.kind === 'any' ? 0 : this.startOf(time)) + PATIENCE;
    if (sent.length === 0) this.world.advanceTo(limit, () => sent.length > 0);
    const live = sent.shift();
    if (live === undefined) {
      const text = line.protocol === 'tcp' ? tcpText(line) : `icmp ${line.name}`;
      throw new DrillFailure(`expected a packet that never came: ${text}`);
    }
    const isText = live.protocol === 'tcp' && line.protocol === 'tcp';
    return isText ? joinSegments(live, line.length, sent) : live;
  }

  private difference(
    line: PacketLine,
    live: LiveTcp | LiveIcmp,
    time: EventTime,
  ): Difference & { readonly text: string; readonly problem: string | null } {
    const scripted = time.kind === 'any' ? '*'.padEnd(8) : secondsText(this.startOf(time));
    const late = this.timingError(time, live.time) !== null;
    const heads = {
      scriptHead: `${late || time.kind === 'any' ? scripted : secondsText(live.time)} >`,
      actualHead: `${time.kind === 'any' ? '*'.padEnd(8) : secondsText(live.time)} >`,
    };
    if (live.protocol === 'icmp' || line.protocol === 'icmp') {
      return { ...heads, ...compareProtocols(line, live) };
    }
    const flow = this.flows.between(live.sourcePort, live.destinationPort);
    const stranger = this.strange(line, live, flow);
    const actual = (flow ?? new Flow(live.sourcePort, live.destinationPort)).scriptLine(
      live,
      line,
      this.script.setting.tick,
      this.script.setting.tolerance,
    );
    const fields = [...stranger, ...compareTcp(line, actual)];
    const wrong = flow?.wrongByte(live, actual) ?? null;
    return {
      ...heads,
      fields,
      text: tcpText({ ...actual, ip: line.ip, ports: line.ports && actual.ports }),
      problem: wrong,
    };
  }

  /** The columns of a packet that is of another connection, or of none. */
  private strange(line: TcpLine, live: LiveTcp, flow: Flow | null): FieldPair[] {
    const fields: FieldPair[] = [];
    const { localAddress, remoteAddress } = this.script.setting;
    const column = (name: string, expected: string, actual: string): void => {
      if (expected !== actual) fields.push({ name, expected, actual, same: false });
    };
    column('source address', localAddress, live.source);
    column('destination address', remoteAddress, live.destination);
    const expected = this.flows.named(line.ports, 'out');
    if (expected !== null && flow !== expected && line.ports === null) {
      column(
        'ports',
        portsText(expected.localPort, expected.remotePort),
        portsText(live.sourcePort, live.destinationPort),
      );
    }
    return fields;
  }

  private tell(direction: '<' | '>', time: number, text: string): void {
    this.packets++;
    this.options.onPacket?.(`${secondsText(time)} ${direction} ${text}`);
  }

  // ── Code ───────────────────────────────────────────────────────────────────────────────────

  private runCode(program: Program): void {
    const fd = this.flows.current?.fd ?? -1;
    if (fd < 0)
      throw new DrillFailure('the code asks for TCP_INFO, but the connection has no descriptor yet');
    const info = this.world.posix.getsockopt(fd, 'SOL_TCP', 'TCP_INFO') as unknown as Record<string, Value>;
    const environment: Environment = new Map(Object.entries(info));
    for (const statement of program.statements) statement.run(environment);
  }
}

function portsText(source: number, destination: number): string {
  return `${source} > ${destination}`;
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? (names[0] as string) : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function compareProtocols(
  line: PacketLine,
  live: LiveTcp | LiveIcmp,
): { fields: FieldPair[]; text: string; problem: null } {
  const text = live.protocol === 'icmp' ? `icmp ${icmpName(live.type, live.code)}` : 'tcp';
  if (line.protocol === 'icmp' && live.protocol === 'icmp') {
    return { fields: compareIcmp(line, live), text, problem: null };
  }
  const script = line.protocol === 'icmp' ? `icmp ${line.name}` : tcpText(line);
  const actual = live.protocol === 'icmp' ? text : `tcp ${live.flags}`;
  return { fields: [{ name: 'protocol', expected: script, actual, same: false }], text, problem: null };
}
