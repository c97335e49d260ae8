/** The way of one packet through the rules, in their order, and what each verb does to it. */

import type { Fate, FatedPacket, FaultTrace, RuleAtWork } from '../trace/fault-trace.ts';
import type { ActiveRule } from './active-rule.ts';
import type { Direction } from './ast.ts';
import { resetFor } from './forge.ts';
import type { KeptPacket } from './kept.ts';
import { windowShift } from './matcher.ts';
import { mutate } from './mutate.ts';
import type { Sight } from './sight.ts';

/** What the chain asks of the layer around it. */
export interface ChainHost {
  /** Keeps a packet under a name; false when there is no room. */
  keep(name: string, kept: KeptPacket): boolean;
  /** A packet that nobody has sent goes to its receiver, past all rules. */
  inject(direction: Direction, bytes: Uint8Array): void;
  /** A rule's last hit was this one. */
  exhausted(rule: ActiveRule): void;
}

/** What is to become of a packet that no rule has ended. */
export class Passage {
  /** When it goes on, µs. */
  at = 0;
  /** Packets that are to overtake it. */
  gap = 0;
  /** The rule that wants that. */
  overtakenBy: ActiveRule | null = null;
  /** How much later each copy goes on, µs. */
  readonly copies: number[] = [];

  begin(now: number): void {
    this.at = now;
    this.gap = 0;
    this.overtakenBy = null;
    this.copies.length = 0;
  }
}

export class Chain {
  readonly passage = new Passage();
  private readonly host: ChainHost;
  private readonly trace: FaultTrace | null;
  /** Number of the packet at hand in the event log, 0 while it has none. */
  segment = 0;

  constructor(host: ChainHost, trace: FaultTrace | null) {
    this.host = host;
    this.trace = trace;
  }

  /** True when a rule has ended it. The sight's bytes are the packet's own and may be changed. */
  run(rules: readonly ActiveRule[], sight: Sight): boolean {
    this.passage.begin(sight.now);
    for (const rule of rules) {
      if (!rule.concerns(sight.direction) || !rule.hitsPacket(sight)) continue;
      if (!rule.countHit()) {
        this.host.exhausted(rule);
        continue;
      }
      const ended = this.apply(rule, sight);
      if (rule.left === 0) this.host.exhausted(rule);
      if (ended) return true;
    }
    return false;
  }

  private apply(rule: ActiveRule, sight: Sight): boolean {
    switch (rule.rule.verb) {
      case 'drop':
      case 'cut':
        return this.drop(rule, sight);
      case 'hold':
        return this.hold(rule, sight);
      case 'reset':
        return this.reset(rule, sight);
      case 'delay':
      case 'rate':
        return this.delay(rule, sight);
      default:
        this.change(rule, sight);
        return false;
    }
  }

  /** The verbs after which the packet goes on to the next rule. */
  private change(rule: ActiveRule, sight: Sight): void {
    const { passage } = this;
    switch (rule.rule.verb) {
      case 'copy':
        this.keep(rule, sight, false, 'copied');
        break;
      case 'mutate':
        mutate(sight, rule.rule.set);
        this.read(sight);
        this.tell(sight, 'mutated', rule, 0);
        break;
      case 'corrupt':
        corrupt(sight, rule);
        this.tell(sight, 'corrupted', rule, 0);
        break;
      case 'dup':
        passage.copies.push(rule.rule.delay);
        this.tell(sight, 'duplicated', rule, rule.rule.delay === 0 ? 0 : passage.at + rule.rule.delay);
        break;
      default:
        passage.gap = Math.max(passage.gap, rule.rule.gap);
        passage.overtakenBy = rule;
        this.tell(sight, 'reordered', rule, 0);
    }
  }

  private drop(rule: ActiveRule, sight: Sight): true {
    this.tell(sight, 'dropped', rule, 0);
    return true;
  }

  /** Where nothing more can be kept it is lost. */
  private hold(rule: ActiveRule, sight: Sight): boolean {
    return this.keep(rule, sight, true, 'held') || this.drop(rule, sight);
  }

  /** It is told under the number that it has when it goes on. */
  private keep(rule: ActiveRule, sight: Sight, held: boolean, fate: Fate): boolean {
    this.number(sight);
    const { direction } = sight;
    const bytes = held ? sight.bytes : sight.bytes.slice();
    const kept = { direction, bytes, segment: this.segment, held };
    const room = this.host.keep(rule.rule.name ?? '', kept);
    if (!room && held) return false;
    this.tell(sight, fate, rule, 0);
    kept.segment = this.segment;
    return room;
  }

  private reset(rule: ActiveRule, sight: Sight): true {
    this.tell(sight, 'reset', rule, 0);
    const answer = resetFor(sight);
    if (answer !== null) this.host.inject(sight.direction === 'in' ? 'out' : 'in', answer);
    return true;
  }

  private delay(rule: ActiveRule, sight: Sight): boolean {
    const at = rule.goesOn(this.passage.at, sight.direction, sight.size);
    if (at < 0) return this.drop(rule, sight);
    this.passage.at = at;
    this.tell(sight, 'delayed', rule, at);
    return false;
  }

  /** After a change: later rules see the packet as it is now. */
  private read(sight: Sight): void {
    const { track, connection, state, retransmission } = sight;
    sight.load(sight.bytes, sight.view, 0, sight.size);
    Object.assign(sight, { track, connection, state, retransmission });
  }

  /** Gives a packet that comes in the number under which TCP will know it. */
  private number(sight: Sight): void {
    if (this.segment === 0 && sight.direction === 'out' && sight.tcp)
      this.segment = this.trace?.lastSent ?? 0;
  }

  /** One event for the rule, one for the packet; `hit`: the rule does it now, and not since an earlier event. */
  tell(sight: Sight, fate: Fate, rule: RuleAtWork, until: number, hit = rule.number > 0): void {
    const { trace } = this;
    if (trace === null) return;
    if (hit) trace.rule('hit', rule, fate);
    this.number(sight);
    this.segment = trace.fate(fated(sight, this.segment), fate, rule, until);
  }
}

function fated(sight: Sight, segment: number): FatedPacket {
  const { connection, track, tcp, bytes } = sight;
  const isns = connection ?? { iss: 0, irs: 0, id: -1, incarnation: 0 };
  return {
    connection: isns.id,
    incarnation: isns.incarnation,
    iss: isns.iss || (track?.out.isn ?? 0),
    irs: isns.irs || (track?.in.isn ?? 0),
    out: sight.direction === 'out',
    protocol: bytes.length > 9 ? sight.view.getUint8(sight.start + 9) : 0,
    source: sight.source,
    destination: sight.destination,
    sourcePort: sight.sourcePort,
    destinationPort: sight.destinationPort,
    seq: sight.seq >>> 0,
    ack: sight.ack >>> 0,
    flags: sight.flags,
    window: sight.window,
    shift: windowShift(sight),
    urgent: sight.urgent,
    length: tcp ? sight.length : sight.size,
    segment,
  };
}

/** One bit of what the transport's checksum covers. */
function corrupt(sight: Sight, rule: ActiveRule): void {
  const first = sight.transport > 0 ? sight.transport : 20;
  const bytes = sight.size - first;
  if (bytes <= 0) return;
  const bit = rule.random.nextInt(bytes * 8);
  const at = first + (bit >> 3);
  sight.view.setUint8(at, sight.view.getUint8(at) ^ (1 << (bit & 7)));
}
