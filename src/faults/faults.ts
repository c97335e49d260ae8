/** All rules of one stack, and the packets that they keep, delay and forge. */

import type { FaultTrace, RuleAtWork } from '../trace/fault-trace.ts';
import { ActiveRule, type Over } from './active-rule.ts';
import { Agenda } from './agenda.ts';
import type { Direction, Forgery, Line, Rule } from './ast.ts';
import { Chain } from './chain.ts';
import { forge } from './forge.ts';
import { KeptPackets } from './kept.ts';
import { parseLine } from './parser.ts';
import { PRESETS, type PresetName } from './presets.ts';
import { printLine } from './print.ts';
import { Sight } from './sight.ts';
import { type Track, Tracks } from './tracks.ts';
import type { ConnectionLookup, FaultWorld } from './world.ts';

/** What a command asked for cannot be done, in one sentence. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

/** A rule as it is listed. */
export interface RuleInfo {
  readonly number: number;
  readonly rule: string;
  readonly hits: number;
  /** Hits that are left; null = no end. */
  readonly left: number | null;
  /** Why it does nothing any more; null while it does. */
  readonly over: Over | null;
}

/** Where packets go on: toward the stack, or onto the wire. `segment`: their number in the event log. */
export interface FaultExit {
  deliver(direction: Direction, bytes: Uint8Array, segment: number): void;
}

/** Rules that are listed, those that are over included. */
const MAX_RULES = 256;
/** A packet that nothing overtakes goes on after this, µs. */
const MAX_OVERTAKING = 500_000;

/** A packet that waits for others to overtake it. */
interface Overtaken {
  readonly direction: Direction;
  readonly track: Track | null;
  left: number;
  go(): void;
}

const COMMAND: RuleAtWork = { number: 0, text: '', hits: 0, left: -1 };

export class Faults {
  private readonly world: FaultWorld;
  private readonly exit: FaultExit;
  private readonly trace: FaultTrace | null;
  private lookup: ConnectionLookup | null = null;
  private rules: ActiveRule[] = [];
  private readonly tracks = new Tracks();
  private readonly agenda: Agenda;
  private readonly chain: Chain;
  private readonly sight = new Sight();
  private readonly kept = new KeptPackets();
  private overtaken: Overtaken[] = [];
  private lastNumber = 0;
  /** Packets seen. */
  private order = 0;

  /** A rule can do something to packets that go this way. */
  readonly live: Record<Direction, boolean> = { in: false, out: false };
  /** Some rule can do something: packets both ways are looked at. */
  watching = false;

  constructor(world: FaultWorld, exit: FaultExit) {
    this.world = world;
    this.exit = exit;
    this.trace = world.trace;
    this.agenda = new Agenda(world.timeline);
    this.chain = new Chain(
      {
        keep: (name, packet) => this.kept.keep(name, packet),
        inject: (direction, bytes) => this.send(direction, bytes, 0, 'injected', COMMAND),
        exhausted: (rule) => this.end(rule, 'times'),
      },
      world.trace,
    );
  }

  /** The stack whose connections rules speak of. */
  bind(lookup: ConnectionLookup): void {
    this.lookup = lookup;
  }

  // ── Rules ──────────────────────────────────────────────────────────────────────────────────────

  /**
   * Does what a line says: adds a rule or a preset's rules, injects, releases. Returns the rules added.
   *
   * @throws FaultSyntaxError (points at the column) or FaultError
   */
  add(text: string): RuleInfo[] {
    const line = parseLine(text);
    switch (line.kind) {
      case 'rule':
        return [this.addRule(line.rule)];
      case 'preset':
        return PRESETS[line.name as PresetName].flatMap((rule) => this.add(rule));
      case 'release':
        this.release(line.name);
        return [];
      case 'inject':
        this.inject(line.name, line.at);
        return [];
      default:
        this.forge(line);
        return [];
    }
  }

  list(): RuleInfo[] {
    return this.rules.map(infoOf);
  }

  /**
   * Removes the rule of this number, or all. Packets that a removed rule holds go on.
   *
   * @throws FaultError when there is no such rule
   */
  clear(number: number | null): RuleInfo[] {
    const removed = this.rules.filter((rule) => number === null || rule.number === number);
    if (number !== null && removed.length === 0) throw new FaultError(`there is no rule ${number}`);
    for (const rule of removed) if (rule.over === null) this.end(rule, 'cleared');
    this.rules = this.rules.filter((rule) => !removed.includes(rule));
    for (const { rule } of removed) if (rule.verb === 'hold') this.letGo(rule.name ?? '');
    if (number === null) this.overtakeAll();
    return removed.map(infoOf);
  }

  private addRule(rule: Rule): RuleInfo {
    if (this.rules.length >= MAX_RULES) this.rules = this.rules.filter(({ over }) => over === null);
    if (this.rules.length >= MAX_RULES)
      throw new FaultError(`there are ${MAX_RULES} rules already: clear some`);
    const active = new ActiveRule(rule, ++this.lastNumber, this.world, this.order);
    if (!this.watching) this.meet();
    this.rules.push(active);
    this.recount();
    this.trace?.rule('rule', active, 'added');
    if (rule.lifetime !== null) {
      const end = this.world.timeline.now() + rule.lifetime;
      this.world.timeline.at(end, () => {
        if (active.over === null) this.end(active, 'for');
      });
    }
    return infoOf(active);
  }

  /** The connections that are there before the first rule. */
  private meet(): void {
    const { sight, tracks } = this;
    tracks.clear();
    sight.now = this.world.timeline.now();
    this.lookup?.forEach((connection) => {
      tracks.adopt(connection, sight.now);
    });
  }

  private end(rule: ActiveRule, why: Over): void {
    rule.over = why;
    this.recount();
    this.trace?.rule('expired', rule, why);
  }

  private recount(): void {
    for (const direction of ['in', 'out'] as const) {
      // Packets that are to be overtaken count those that come after their rule is over.
      this.live[direction] =
        this.rules.some((rule) => rule.concerns(direction)) ||
        this.overtaken.some((waiting) => waiting.direction === direction);
    }
    this.watching = this.live.in || this.live.out;
  }

  // ── Packets ────────────────────────────────────────────────────────────────────────────────────

  /** A packet that no rule can touch passes by: what it says of its connection is remembered. */
  observe(direction: Direction, bytes: Uint8Array, view: DataView, start: number, size: number): void {
    this.look(direction, bytes, view, start, size);
    this.note();
    this.passes(this.sight);
  }

  /** A wire segment with complete sums, and memory of its own, meets the rules. */
  process(direction: Direction, bytes: Uint8Array): void {
    const { sight, chain } = this;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.look(direction, bytes, view, 0, bytes.length);
    this.note();
    chain.segment = 0;
    if (chain.run(this.rules, sight)) return;
    this.goOn(sight);
  }

  private look(direction: Direction, bytes: Uint8Array, view: DataView, start: number, size: number): void {
    const { sight, lookup } = this;
    sight.direction = direction;
    sight.now = this.world.timeline.now();
    sight.load(bytes, view, start, size);
    if (!sight.tcp) return;
    const inbound = direction === 'in';
    const local = inbound ? sight.destination : sight.source;
    const peer = inbound ? sight.source : sight.destination;
    const localPort = inbound ? sight.destinationPort : sight.sourcePort;
    const peerPort = inbound ? sight.sourcePort : sight.destinationPort;
    sight.connection = lookup?.between(local, localPort, peer, peerPort) ?? null;
    if (sight.connection !== null) sight.state = sight.connection.state;
    else if (lookup?.listens(local, localPort) === true) sight.state = 'LISTEN';
  }

  /** A packet that an end has just sent. */
  private note(): void {
    const { sight } = this;
    this.order++;
    if (!sight.tcp) return;
    sight.track = this.tracks.of(sight, this.order);
    sight.retransmission = sight.track.sent(sight);
  }

  /** No rule has ended it. */
  private goOn(sight: Sight): void {
    const { direction, bytes, track } = sight;
    const { at, gap, copies, overtakenBy } = this.chain.passage;
    const segment = this.chain.segment;
    const twins = copies.map((after) => ({ at: at + after, bytes: bytes.slice() }));
    if (gap > 0)
      this.waitToBeOvertaken(direction, bytes, segment, { track, gap, at, rule: overtakenBy ?? COMMAND });
    else if (at > sight.now) this.later(at, direction, bytes, segment);
    else {
      this.passes(sight);
      this.exit.deliver(direction, bytes, segment);
      this.overtake(direction, track);
    }
    for (const twin of twins) this.later(twin.at, direction, twin.bytes, segment);
  }

  /** Delivers at once what is not to be later. */
  private later(at: number, direction: Direction, bytes: Uint8Array, segment: number): void {
    if (at > this.world.timeline.now()) {
      if (this.agenda.push(at, () => this.send(direction, bytes, segment))) return;
      // Nothing more fits: it is lost, as in any full queue.
      this.show(direction, bytes);
      this.chain.segment = segment;
      this.chain.tell(this.sight, 'dropped', COMMAND, 0);
      return;
    }
    this.send(direction, bytes, segment);
  }

  /** Past all rules to the receiver. */
  private send(
    direction: Direction,
    bytes: Uint8Array,
    segment: number,
    fate: 'injected' | 'released' | 'delivered' | null = null,
    rule: RuleAtWork = COMMAND,
  ): void {
    this.show(direction, bytes);
    this.chain.segment = segment;
    if (fate !== null) this.chain.tell(this.sight, fate, rule, 0, false);
    this.passes(this.sight);
    this.exit.deliver(direction, bytes, this.chain.segment);
    this.overtake(direction, this.sight.track);
  }

  /** Loads a packet that has been sent before, or that nobody has sent. */
  private show(direction: Direction, bytes: Uint8Array): void {
    const { sight } = this;
    this.look(direction, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
    if (sight.tcp) sight.track = this.tracks.find(sight);
  }

  private passes(sight: Sight): void {
    sight.track?.passed(sight);
  }

  // ── Reordering ─────────────────────────────────────────────────────────────────────────────────

  private waitToBeOvertaken(
    direction: Direction,
    bytes: Uint8Array,
    segment: number,
    { track, gap, at, rule }: { track: Track | null; gap: number; at: number; rule: RuleAtWork },
  ): void {
    const waiting: Overtaken = {
      direction,
      track,
      left: gap,
      go: () => {
        const place = this.overtaken.indexOf(waiting);
        if (place < 0) return;
        this.overtaken.splice(place, 1);
        this.recount();
        // What comes in is told of when the stack gets it.
        if (direction === 'out' && at <= this.world.timeline.now())
          this.send(direction, bytes, segment, 'delivered', rule);
        else this.later(at, direction, bytes, segment);
      },
    };
    this.overtaken.push(waiting);
    this.recount();
    if (!this.agenda.push(this.world.timeline.now() + MAX_OVERTAKING, () => waiting.go())) waiting.go();
  }

  /** A packet has passed: those that wait for it come nearer. */
  private overtake(direction: Direction, track: Track | null): void {
    if (this.overtaken.length === 0) return;
    const due = this.overtaken.filter(
      (waiting) => waiting.direction === direction && waiting.track === track && --waiting.left === 0,
    );
    for (const waiting of due) waiting.go();
  }

  private overtakeAll(): void {
    for (const waiting of [...this.overtaken]) waiting.go();
  }

  // ── Kept packets ───────────────────────────────────────────────────────────────────────────────

  /** Ends the rules that hold under this name, and lets the packets go. @throws FaultError */
  private release(name: string): void {
    const holding = this.rules.filter(
      ({ rule, over }) => over === null && rule.verb === 'hold' && rule.name === name,
    );
    const waiting = this.kept.all(name).some(({ held }) => held);
    if (holding.length === 0 && !waiting) throw new FaultError(`nothing is held as ${name}`);
    for (const rule of holding) this.end(rule, 'released');
    this.letGo(name);
  }

  private letGo(name: string): void {
    const command = { ...COMMAND, text: `release ${name}` };
    for (const { direction, bytes, segment } of this.kept.takeHeld(name)) {
      this.send(direction, bytes, segment, 'released', command);
    }
  }

  /** Sends again what is kept under a name. @throws FaultError */
  private inject(name: string, delay: number): void {
    const command = { ...COMMAND, text: printLine({ kind: 'inject', name, at: delay }) };
    const inject = (): boolean => {
      const packets = this.kept.all(name);
      for (const { direction, bytes } of packets) this.send(direction, bytes.slice(), 0, 'injected', command);
      return packets.length > 0;
    };
    if (delay > 0) this.agenda.push(this.world.timeline.now() + delay, inject);
    else if (!inject()) throw new FaultError(`nothing is kept as ${name}: "copy … as ${name}" comes first`);
  }

  /** Makes a forgery when its time has come, and sends it. @throws FaultError */
  private forge(forgery: Forgery): void {
    const command = { ...COMMAND, text: printLine(forgery) };
    const make = (): void => this.send(forgery.direction, this.forged(forgery), 0, 'injected', command);
    if (forgery.at === 0) {
      make();
      return;
    }
    this.agenda.push(this.world.timeline.now() + forgery.at, () => {
      // The connection may be gone meanwhile: then there is nobody to forge for.
      if (forgery.conn === null || this.lookup?.byId(forgery.conn) != null) make();
    });
  }

  /**
   * What an `inject` line would send toward the stack now, for somebody else to send.
   *
   * @throws FaultError when there is nothing, or it goes the other way
   */
  packetsFor(line: Extract<Line, { kind: 'inject' | 'forge' }>): Uint8Array[] {
    const packets =
      line.kind === 'forge'
        ? [{ direction: line.direction, bytes: this.forged(line) }]
        : this.kept.all(line.name);
    const inbound = packets.filter(({ direction }) => direction === 'in');
    if (inbound.length === 0) throw new FaultError('there is nothing to inject toward the stack');
    return inbound.map(({ bytes }) => bytes.slice());
  }

  /** The bytes of a forged packet. @throws FaultError */
  private forged(forgery: Forgery): Uint8Array {
    const connection = forgery.conn === null ? null : (this.lookup?.byId(forgery.conn) ?? null);
    if (forgery.conn !== null && connection === null) {
      throw new FaultError(`there is no connection c${forgery.conn}`);
    }
    return forge(forgery, connection, new TextEncoder().encode(forgery.data));
  }
}

function infoOf(active: ActiveRule): RuleInfo {
  const { number, text, hits, left, over } = active;
  return { number, rule: text, hits, left: left < 0 ? null : left, over };
}
