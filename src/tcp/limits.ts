/** How much the buffers may hold, bytes, and how that is tuned. */

import type { Ledger } from './compact/ledger.ts';

export class Limits {
  receive = 0;
  send = 0;
  /** The user has fixed them. */
  receiveFixed = false;
  sendFixed = false;
  /** Bytes that the user has taken since `tuningStartedAt`, µs. */
  tuningCopied = 0;
  tuningStartedAt = 0.5;
  /** The send buffer was full when the user last wrote: EVENT_WRITABLE is owed. */
  writeBlocked = false;

  exchange(ledger: Ledger): void {
    this.receive = ledger.integer(this.receive);
    this.send = ledger.integer(this.send);
    this.receiveFixed = ledger.flag(this.receiveFixed);
    this.sendFixed = ledger.flag(this.sendFixed);
    this.tuningCopied = ledger.number(this.tuningCopied);
    this.tuningStartedAt = ledger.number(this.tuningStartedAt);
    this.writeBlocked = ledger.flag(this.writeBlocked);
  }
}
