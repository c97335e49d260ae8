/** What all parts of one TCP share: the injected world, the tables, and the two lists of a turn. */

import type { Arena } from '../base/arena.ts';
import { BufferPool } from '../base/buffer-pool.ts';
import type { Clock } from '../base/clock.ts';
import type { Counters } from '../base/counters.ts';
import { Noise } from '../base/noise.ts';
import type { Random } from '../base/random.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { WaitingList } from '../base/waiting-list.ts';
import { Frame } from '../wire/frame.ts';
import { Segment } from '../wire/segment.ts';
import { Resting } from './compact/resting.ts';
import { SynTable } from './compact/syn-table.ts';
import { TimeWaitTable } from './compact/time-wait-table.ts';
import { FastOpen } from './fast-open.ts';
import { FlowTable } from './flows.ts';
import type { Listener } from './listener.ts';
import { ListenerTable } from './listeners.ts';
import type { Network } from './network.ts';
import { SentSegment } from './output/sent-segment.ts';
import { HolesPool } from './receive/holes.ts';
import { Lender } from './receive/lent-bytes.ts';
import { ReplyQueue } from './replies.ts';
import { ResetBudget } from './reset-budget.ts';
import { Secrets } from './secrets.ts';
import { Delivery } from './send/delivery.ts';
import { RunsPool } from './send/owned-bytes.ts';
import { RecordsPool } from './send/records.ts';
import type { Siblings } from './siblings.ts';
import { KIND_CONNECTION, KIND_SYN_RECEIVED, KIND_TIME_WAIT, Tcb } from './tcb.ts';
import type { TcpConfig } from './tcp-config.ts';
import { TimerTable } from './timers/timer-table.ts';
import type { TcpTrace, Verdict } from './trace.ts';

/** What the stack injects. */
export interface TcpEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  /** Where received packets lie, when there is room for rings beside them. */
  readonly arena?: Arena | undefined;
  readonly counters: Counters;
  readonly trace: TcpTrace | null;
  readonly config: TcpConfig;
  /** Those that share our addresses. */
  readonly siblings?: Siblings | undefined;
  /** Asks for a turn. */
  readonly requestTurn: () => void;
}

export class TcpContext {
  readonly clock: Clock;
  readonly network: Network;
  readonly counters: Counters;
  readonly trace: TcpTrace | null;
  readonly requestTurn: () => void;
  readonly siblings: Siblings | null;
  /** For connections opened from now on. */
  config: TcpConfig;

  readonly secrets: Secrets;
  readonly fastOpen: FastOpen;
  readonly pool: BufferPool;
  readonly records = new RecordsPool();
  readonly delivery = new Delivery();
  readonly runs = new RunsPool();
  readonly holes = new HolesPool();
  readonly lender: Lender;
  readonly timers: TimerTable;
  readonly flows: FlowTable;
  readonly timeWait = new TimeWaitTable();
  readonly synReceived = new SynTable();
  readonly resting: Resting;
  readonly listeners = new ListenerTable();
  readonly replies: ReplyQueue;
  readonly resets: ResetBudget;
  /** For what must not be predictable and is no secret. */
  readonly noise: Noise;
  /** Blocks of connections, by their index in the flow table. */
  readonly blocks: (Tcb | null)[] = [];
  private readonly freeBlocks: number[] = [];
  /** The same by their row in the timer table; at rest with nothing armed they have none. */
  readonly timed: (Tcb | null)[] = [];

  /** The segment being processed, the one being made, and its frame. */
  readonly segment = new Segment();
  readonly sent = new SentSegment();
  readonly frame = new Frame();

  /** What the checks have found about the segment being processed. */
  verdict: Verdict = 'accepted';
  reason: Reason = REASON.ACCEPTED;
  /** The last check that it came to, for the trace. */
  checks = 0;
  /** A SYN has ended the TIME-WAIT record it arrived for and is to open the next incarnation. */
  reincarnate = false;
  /** For that incarnation: the ISS must lie above this (int32), and its count. */
  previousNxt = 0;
  previousIncarnation = 0;

  /** Where compact records are expanded. */
  scratch: Tcb;
  private nextId: number;
  nextListener = 0;
  nextPort = 0;
  orphans = 0;
  connections = 0;

  private ready = new Int32Array(64);
  private readyCount = 0;
  /** Blocks and listeners with something to tell in phase 3. */
  readonly eventQueue = new WaitingList<Tcb>();
  readonly listenerQueue = new WaitingList<Listener>();

  constructor(environment: TcpEnvironment) {
    this.clock = environment.clock;
    this.network = environment.network;
    this.counters = environment.counters;
    this.trace = environment.trace;
    this.config = environment.config;
    this.requestTurn = environment.requestTurn;
    this.siblings = environment.siblings ?? null;
    this.nextId = 1 + (this.siblings?.index ?? 0);
    const keys = this.siblings?.secrets ?? environment.random;
    this.secrets = new Secrets(keys, environment.clock);
    this.fastOpen = new FastOpen(keys, environment.clock);
    this.flows = new FlowTable(environment.random);
    this.timers = new TimerTable(environment.clock);
    this.replies = new ReplyQueue();
    this.resets = new ResetBudget(environment.clock, environment.random);
    this.noise = new Noise(environment.random);
    this.pool = new BufferPool(environment.config.bufferTotal, environment.arena);
    this.lender = new Lender(environment.arena?.bytes ?? null);
    this.resting = new Resting(this);
    this.scratch = this.newBlock();
  }

  /** A number that no connection has had, of ours or of our siblings. */
  takeId(): number {
    const id = this.nextId;
    this.nextId += this.siblings === null ? 1 : this.siblings.count;
    return id;
  }

  newBlock(): Tcb {
    return new Tcb(this, this.config, this.resting.takeParts(this.config));
  }

  /** Gives a block its places in the flow table, where its flow exists, and in the timer table. */
  addBlock(tcb: Tcb): void {
    const index = this.freeBlocks.pop() ?? this.blocks.length;
    this.blocks[index] = tcb;
    this.flows.setOwner(tcb.flow, KIND_CONNECTION, index);
    this.takeRow(tcb);
  }

  /** Takes them away; the flow stays. */
  removeBlock(tcb: Tcb): void {
    const index = this.flows.indexOf(tcb.flow);
    this.blocks[index] = null;
    this.freeBlocks.push(index);
    this.giveRow(tcb);
  }

  takeRow(tcb: Tcb): void {
    tcb.timerRow = this.timers.allocateRow();
    this.timed[tcb.timerRow] = tcb;
  }

  giveRow(tcb: Tcb): void {
    this.timers.freeRow(tcb.timerRow);
    this.timed[tcb.timerRow] = null;
    tcb.timerRow = -1;
  }

  /** The block behind a flow: the connection's own, or the scratch block with the record expanded into it. */
  blockOf(flow: number): Tcb {
    const index = this.flows.indexOf(flow);
    const kind = this.flows.kindOf(flow);
    if (kind === KIND_CONNECTION) return this.blocks[index] as Tcb;
    const tcb = this.scratch;
    tcb.resetForRecord();
    tcb.localAddress = this.flows.localAddress(flow);
    tcb.peerAddress = this.flows.peerAddress(flow);
    tcb.localPort = this.flows.localPort(flow);
    tcb.peerPort = this.flows.peerPort(flow);
    tcb.timestamps.recentAt = this.clock.now;
    if (kind === KIND_TIME_WAIT) this.timeWait.expand(index, tcb);
    else this.synReceived.expand(index, tcb);
    tcb.setRecordState();
    if (tcb.timestamps.agreed)
      tcb.timestamps.offset = this.secrets.timestampOffset(tcb.localAddress, tcb.peerAddress);
    return tcb;
  }

  /** Puts an expanded record back. Its state is still the record's. */
  packRecord(tcb: Tcb): void {
    const index = this.flows.indexOf(tcb.flow);
    if (tcb.kind === KIND_TIME_WAIT) this.timeWait.pack(index, tcb);
    else this.synReceived.pack(index, tcb);
  }

  /** Takes a record and its flow out. */
  removeRecord(tcb: Tcb): void {
    const index = this.flows.indexOf(tcb.flow);
    if (tcb.kind === KIND_TIME_WAIT) {
      this.timeWait.remove(index);
    } else if (tcb.kind === KIND_SYN_RECEIVED) {
      this.synReceived.remove(index);
      this.leaveSynQueue(tcb.listener);
    }
    this.flows.remove(tcb.flow);
  }

  private leaveSynQueue(listener: Listener | null): void {
    if (listener === null) return;
    listener.synQueue--;
    if (this.trace !== null) this.trace.listenerQueues(listener);
  }

  /** Phase 4 shall look at this connection. */
  markReady(tcb: Tcb): void {
    if (tcb.ready || tcb.flow < 0) return;
    tcb.ready = true;
    if (this.readyCount === this.ready.length) {
      const larger = new Int32Array(this.ready.length * 2);
      larger.set(this.ready);
      this.ready = larger;
    }
    this.ready[this.readyCount++] = tcb.flow;
  }

  get readyFlows(): number {
    return this.readyCount;
  }

  readyFlow(index: number): number {
    return this.ready[index] as number;
  }

  /** Drops the first `count` ready flows: phase 4 has dealt with them. */
  dropReady(count: number): void {
    this.ready.copyWithin(0, count, this.readyCount);
    this.readyCount -= count;
  }

  /** Phase 3 shall tell the owner. `events` is a set of EVENT_* bits. */
  queueEvent(tcb: Tcb, events: number): void {
    tcb.events |= events;
    if (tcb.eventsQueued) return;
    tcb.eventsQueued = true;
    this.eventQueue.push(tcb);
  }

  queueListener(listener: Listener): void {
    if (listener.notified) return;
    listener.notified = true;
    this.listenerQueue.push(listener);
  }

  /** Sets what became of the segment being processed. */
  judge(verdict: Verdict, reason: Reason): void {
    this.verdict = verdict;
    this.reason = reason;
  }
}
