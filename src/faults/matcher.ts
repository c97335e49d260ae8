/** A predicate, compiled once per rule to closures; per packet nothing is allocated. */

import type { Seq } from '../base/seq.ts';
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../wire/segment.ts';
import type { Comparison, Direction, FlagWord, NumberField, Predicate, Value, Variable } from './ast.ts';
import type { Sight } from './sight.ts';
import type { Track } from './tracks.ts';

type Test = (sight: Sight) => boolean;
/** NaN where the packet has no such number: every comparison is false then. */
type Read = (sight: Sight) => number;

/** How many packets have been counted for an `nth`, of one connection, each way. */
interface Count {
  in: number;
  out: number;
}

class NthCounter {
  /** Number of the packet at hand, NaN when it is none of those that are counted. */
  current = Number.NaN;
  private readonly of: Test | null;
  private readonly counts = new WeakMap<object, Count>();
  /** Of packets without a connection. */
  private readonly stray: Count = { in: 0, out: 0 };

  constructor(of: Test | null) {
    this.of = of;
  }

  see(sight: Sight): void {
    if (this.of !== null && !this.of(sight)) {
      this.current = Number.NaN;
      return;
    }
    this.current = ++this.countOf(sight.track)[sight.direction];
  }

  private countOf(track: Track | null): Count {
    if (track === null) return this.stray;
    let count = this.counts.get(track);
    if (count === undefined) {
      count = { in: 0, out: 0 };
      this.counts.set(track, count);
    }
    return count;
  }
}

/** What a rule's `where` says, with the counts that it needs. */
export class Matcher {
  private readonly test: Test | null;
  private readonly counters: NthCounter[] = [];
  private readonly since: number;

  /** `since`: number of the last packet before the rule. */
  constructor(where: Predicate | null, since: number) {
    this.since = since;
    this.test = where === null ? null : this.compile(where);
  }

  /** Once for each packet of the rule's directions, so that all are counted. */
  matches(sight: Sight): boolean {
    for (const counter of this.counters) counter.see(sight);
    return this.test === null || this.test(sight);
  }

  private compile(predicate: Predicate): Test {
    switch (predicate.kind) {
      case 'flag':
        return this.flagTest(predicate.word);
      case 'number':
        return numberTest(predicate);
      case 'nth':
        return this.nthTest(predicate);
      case 'state':
        return stateTest(predicate);
      case 'conn':
        return connectionTest(predicate);
      case 'idle': {
        const idle: Read = ({ track, now }) => (track === null ? Number.NaN : now - track.passedAt);
        return compare(idle, predicate.comparison, () => predicate.duration);
      }
      case 'not': {
        const of = this.compile(predicate.of);
        return (sight) => !of(sight);
      }
      default:
        return this.pairTest(predicate);
    }
  }

  private pairTest({ kind, left, right }: Extract<Predicate, { left: Predicate }>): Test {
    const [one, two] = [this.compile(left), this.compile(right)];
    if (kind === 'and') return (sight) => one(sight) && two(sight);
    return (sight) => one(sight) || two(sight);
  }

  private nthTest({ of, comparison, count }: Extract<Predicate, { kind: 'nth' }>): Test {
    // Inner counters come first in the list: they have seen the packet when the outer one asks.
    const counter = new NthCounter(of === null ? null : this.compile(of));
    this.counters.push(counter);
    return compare(
      () => counter.current,
      comparison,
      () => count,
    );
  }

  private flagTest(word: FlagWord): Test {
    const bit = FLAG_BITS[word];
    if (bit !== undefined) return (sight) => sight.tcp && (sight.flags & bit) !== 0;
    const { since } = this;
    if (word === 'old') return ({ tcp, track }) => tcp && track !== null && track.since <= since;
    return WORD_TESTS[word] as Test;
  }
}

const FLAG_BITS: Partial<Record<FlagWord, number>> = {
  syn: SYN,
  fin: FIN,
  rst: RST,
  psh: PSH,
  ack: ACK,
  urg: URG,
  ece: ECE,
  cwr: CWR,
};

const WORD_TESTS: Partial<Record<FlagWord, Test>> = {
  'ack-only': (sight) => sight.tcp && sight.isAckOnly,
  data: (sight) => sight.tcp && sight.length > 0,
  retrans: (sight) => sight.retransmission,
  tcp: (sight) => sight.tcp,
  icmp: (sight) => sight.icmp,
};

const READS: Readonly<Record<NumberField, Read>> = {
  seq: (sight) => relativeTo(sight.seq, isnOf(sight, sight.direction)),
  end: (sight) => relativeTo(sight.seq, isnOf(sight, sight.direction)) + sight.space,
  ack: (sight) =>
    sight.has(ACK) ? relativeTo(sight.ack, isnOf(sight, opposite(sight.direction))) : Number.NaN,
  len: (sight) => sight.length,
  win: (sight) => sight.window * 2 ** windowShift(sight),
  up: (sight) => (sight.has(URG) ? sight.urgent : Number.NaN),
  ttl: (sight) => sight.view.getUint8(sight.start + 8),
  tos: (sight) => sight.view.getUint8(sight.start + 1),
  size: (sight) => sight.size,
  mss: (sight) => {
    const at = sight.has(SYN) ? sight.option(2) : -1;
    return at < 0 ? Number.NaN : sight.view.getUint16(at + 2);
  },
  port: () => Number.NaN,
  sport: (sight) => sight.sourcePort,
  dport: (sight) => sight.destinationPort,
  inc: (sight) => sight.connection?.incarnation ?? Number.NaN,
};

export function opposite(direction: Direction): Direction {
  return direction === 'in' ? 'out' : 'in';
}

/** The initial sequence number of what goes this way; null when nobody knows. */
export function isnOf(
  { track, connection, flags, seq, direction: own }: Sight,
  direction: Direction,
): Seq | null {
  // A SYN is where counting begins, whatever was before it.
  if (direction === own && (flags & SYN) !== 0) return seq;
  const seen = track?.[direction].isn ?? null;
  if (connection === null) return seen;
  if (direction === 'out') return connection.iss;
  return connection.state === 'SYN-SENT' ? seen : connection.irs;
}

/** Distance from the initial number; the number itself where there is none, as in the event log. */
function relativeTo(number: Seq, isn: Seq | null): number {
  return isn === null ? number >>> 0 : (number - isn) | 0;
}

/** How far the sender's window field is shifted. */
export function windowShift({ flags, connection, direction }: Sight): number {
  if ((flags & SYN) !== 0 || connection === null) return 0;
  return direction === 'out' ? connection.rcvShift : connection.sndShift;
}

/** The number that a FIN has, relative; NaN while there is none. `u` is the first FIN, `w` the other. */
export function variableOf(track: Track | null, variable: Variable): number {
  const first = track?.firstFin ?? null;
  if (track === null || first === null) return Number.NaN;
  const { isn, fin } = track[variable === 'u' ? first : opposite(first)];
  return fin === null || isn === null ? Number.NaN : (fin - isn) | 0;
}

/** A value as a closure. */
function wantedOf({ variable, number }: Value): Read {
  if (variable === null) return () => number;
  return (sight) => variableOf(sight.track, variable) + number;
}

function numberTest({ field, comparison, value }: Extract<Predicate, { kind: 'number' }>): Test {
  const wanted = wantedOf(value);
  if (field !== 'port') {
    const test = compare(READS[field], comparison, wanted);
    const any = field === 'size' || field === 'ttl' || field === 'tos';
    return any ? test : (sight) => sight.tcp && test(sight);
  }
  const source = compare(READS.sport, comparison, wanted);
  const destination = compare(READS.dport, comparison, wanted);
  // Of either end; "not this port" means neither.
  if (comparison === '!=') return (sight) => sight.tcp && source(sight) && destination(sight);
  return (sight) => sight.tcp && (source(sight) || destination(sight));
}

function compare(read: Read, comparison: Comparison, wanted: Read): Test {
  switch (comparison) {
    case '==':
      return (sight) => read(sight) === wanted(sight);
    case '!=':
      return (sight) => {
        const number = read(sight);
        const other = wanted(sight);
        return number < other || number > other;
      };
    case '<':
      return (sight) => read(sight) < wanted(sight);
    case '<=':
      return (sight) => read(sight) <= wanted(sight);
    case '>':
      return (sight) => read(sight) > wanted(sight);
    default:
      return (sight) => read(sight) >= wanted(sight);
  }
}

function stateTest({ whose, equal, state }: Extract<Predicate, { kind: 'state' }>): Test {
  if (whose === 'state') return (sight) => sight.tcp && (sight.state === state) === equal;
  return ({ tcp, track }) => tcp && track !== null && (track.peerState === state) === equal;
}

function connectionTest({ equal, id }: Extract<Predicate, { kind: 'conn' }>): Test {
  return ({ tcp, connection }) => tcp && (connection?.id === id) === equal;
}
