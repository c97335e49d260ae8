/** What a connection consists of while it is awake: the parts of its control block. */

import { Ledger } from './compact/ledger.ts';
import type { CongestionControl } from './congestion/congestion-control.ts';
import { createCongestionControl } from './congestion/create.ts';
import type { TcpContext } from './context.ts';
import { Ecn } from './ecn.ts';
import { Handshake } from './handshake.ts';
import { Limits } from './limits.ts';
import { Rcv } from './rcv.ts';
import { Acking } from './receive/acking.ts';
import { ReceiveBuffer } from './receive/receive-buffer.ts';
import { Rack, Recovery } from './recovery/recovery.ts';
import { InFlight } from './send/in-flight.ts';
import { SendBuffer } from './send/send-buffer.ts';
import { Snd } from './snd.ts';
import { Tally } from './tally.ts';
import type { TcpConfig } from './tcp-config.ts';
import { Retry } from './timers/retry.ts';
import { Rtt } from './timers/rtt.ts';
import { Timestamps } from './timestamps.ts';
import { UserOptions } from './user-options.ts';

export class Parts {
  readonly snd = new Snd();
  readonly rcv = new Rcv();
  readonly rtt = new Rtt();
  congestion: CongestionControl;
  readonly recovery = new Recovery();
  readonly ecn = new Ecn();
  readonly sendBuffer: SendBuffer;
  readonly inFlight: InFlight;
  readonly receiveBuffer: ReceiveBuffer;
  readonly acking = new Acking();
  readonly handshake = new Handshake();
  readonly timestamps = new Timestamps();
  readonly retry = new Retry();
  readonly user = new UserOptions();
  readonly limits = new Limits();
  readonly tally = new Tally();
  private readonly context: TcpContext;

  constructor(context: TcpContext, config: TcpConfig) {
    this.context = context;
    this.congestion = createCongestionControl(config, context.clock);
    this.sendBuffer = new SendBuffer(context);
    this.inFlight = new InFlight(context);
    this.receiveBuffer = new ReceiveBuffer(context);
  }

  /** A ledger with as much in it as parts can have. */
  static largest(parts: Parts): Ledger {
    const ledger = new Ledger();
    parts.recovery.rack = new Rack();
    ledger.beginWriting();
    parts.exchange(ledger);
    parts.recovery.rack = null;
    return ledger;
  }

  /** From now on with the congestion control that `config` names. */
  use(config: TcpConfig): void {
    if (!this.congestion.suits(config)) this.congestion = createCongestionControl(config, this.context.clock);
  }

  /** Nothing is held that cannot be written down. */
  mayRest(config: TcpConfig): boolean {
    return (
      this.sendBuffer.isEmpty &&
      this.inFlight.isEmpty &&
      this.receiveBuffer.isEmpty &&
      this.recovery.isCalm &&
      this.handshake.fastOpenListener === null &&
      this.congestion.suits(config)
    );
  }

  /** Writes all parts down, or reads them back. */
  exchange(ledger: Ledger): void {
    this.snd.exchange(ledger);
    this.rcv.exchange(ledger);
    this.rtt.exchange(ledger);
    this.congestion.exchange(ledger);
    this.recovery.exchange(ledger);
    this.ecn.exchange(ledger);
    this.sendBuffer.exchange(ledger);
    this.inFlight.exchange(ledger);
    this.acking.exchange(ledger);
    this.handshake.exchange(ledger);
    this.timestamps.exchange(ledger);
    this.retry.exchange(ledger);
    this.user.exchange(ledger);
    this.limits.exchange(ledger);
    this.tally.exchange(ledger);
  }
}
