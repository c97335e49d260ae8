/** The events of faults, as rows of the flight recorder. */

import { EventStore } from './event-store.ts';
import { FATES, type Fate, type FatedPacket, type FaultTrace, type RuleAtWork } from './fault-trace.ts';
import * as record from './record.ts';
import type { ConnectionLog } from './rings.ts';

const { EVENT } = record;
const PROTOCOL_TCP = 6;
/** Hits of a rule that are kept as lifecycle is; what a rule does to a whole transfer is bulk. */
const FIRST_HITS = 64;

export abstract class FaultRecorder extends EventStore implements FaultTrace {
  /** Of the segment that is being processed. */
  protected receivedSegment = 0;
  /** Of the segment that TCP gets next, when it had one before. */
  private announced = 0;
  private sentSegment = 0;
  private lastHit = 0;

  get lastSent(): number {
    return this.sentSegment;
  }

  arrives(segment: number): void {
    this.announced = segment;
  }

  /** The number of a segment that TCP has just got. */
  protected numberReceived(): number {
    this.receivedSegment = this.announced === 0 ? this.nextSegment() : this.announced;
    this.announced = 0;
    return this.receivedSegment;
  }

  /** The number of a segment that TCP sends. */
  protected numberSent(): number {
    this.sentSegment = this.nextSegment();
    return this.sentSegment;
  }

  fate(packet: FatedPacket, fate: Fate, rule: RuleAtWork, until: number): number {
    const segment = this.segmentOf(packet);
    this.lookAtClock();
    this.begin(EVENT['wire:fate'], this.logOf(packet), rule.hits > FIRST_HITS);
    this.put(record.AT_SEGMENT, segment);
    this.put(record.AT_CAUSE, rule.number === 0 ? 0 : this.lastHit);
    this.put(record.AT_CONNECTION, packet.connection);
    this.put(record.AT_INCARNATION, packet.incarnation);
    this.put(record.SEG_FLAGS, packet.flags);
    this.put(record.SEG_SEQ, packet.seq);
    this.put(record.SEG_ACK, packet.ack);
    this.put(record.SEG_WND, packet.window);
    this.put(record.SEG_UP, packet.urgent);
    this.put(record.SEG_LENGTH, packet.length);
    this.put(record.SEG_SHIFT, packet.shift);
    this.put(record.FATE_PROTOCOL, packet.protocol);
    this.put(record.FATE_ISS, packet.iss);
    this.put(record.FATE_IRS, packet.irs);
    this.put(record.FATE_OUT, packet.out ? 1 : 0);
    this.put(record.FATE_CODE, FATES.indexOf(fate));
    this.put(record.FATE_RULE, rule.number);
    this.put(record.FATE_TEXT, this.words.code(rule.text));
    this.put(record.FATE_UNTIL, until);
    this.put(record.FATE_SOURCE, packet.source);
    this.put(record.FATE_SOURCE_PORT, packet.sourcePort);
    this.put(record.FATE_DESTINATION, packet.destination);
    this.put(record.FATE_DESTINATION_PORT, packet.destinationPort);
    this.commit();
    return segment;
  }

  rule(event: 'rule' | 'hit' | 'expired', rule: RuleAtWork, what: string): void {
    this.lookAtClock();
    this.begin(EVENT[`fault:${event}`], null, event === 'hit' && rule.hits > FIRST_HITS);
    this.put(record.AT_CAUSE, 0);
    this.value(0, rule.number);
    this.value(1, this.words.code(rule.text));
    this.value(2, rule.hits);
    this.value(3, rule.left);
    this.value(4, this.words.code(what));
    this.lastHit = this.commit();
  }

  private segmentOf(packet: FatedPacket): number {
    if (packet.segment !== 0 || packet.protocol !== PROTOCOL_TCP) return packet.segment;
    return this.nextSegment();
  }

  /** A connection that is known already; a fate makes no new one. */
  private logOf({ connection }: FatedPacket): ConnectionLog | null {
    return connection < 0 ? null : this.known(connection);
  }
}
