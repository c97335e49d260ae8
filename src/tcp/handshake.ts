/** What the SYNs have agreed, and what is owed to a handshake that is not complete. */

import type { Ledger } from './compact/ledger.ts';
import type { Listener } from './listener.ts';

export class Handshake {
  wscaleAgreed = false;
  sackAgreed = false;
  /** MSS option of the peer, bytes; 536 when it sent none. */
  peerMss = 536;
  /** A compact SYN-RECEIVED record owes its SYN,ACK. */
  synOwed = false;
  /** Its SYN,ACK was sent again because the SYN came again. */
  synRepeated = false;
  /** Its SYN,ACK carries a Fast Open cookie, RFC 7413. */
  cookieOwed = false;
  /** A fast open whose handshake is not complete: the listener that counts it. */
  fastOpenListener: Listener | null = null;
  /** An active open that may put data into its SYN. */
  fastOpenAsked = false;
  /** The SYN was sent more than once: RFC 6298 §5.7, RFC 6928 §2. */
  synRetransmitted = 0;
  /** CLOSE came before the connection was synchronized and waits for it. */
  closePending = false;

  /** All but `fastOpenListener`: who has one does not rest. */
  exchange(ledger: Ledger): void {
    this.wscaleAgreed = ledger.flag(this.wscaleAgreed);
    this.sackAgreed = ledger.flag(this.sackAgreed);
    this.peerMss = ledger.integer(this.peerMss);
    this.synOwed = ledger.flag(this.synOwed);
    this.synRepeated = ledger.flag(this.synRepeated);
    this.cookieOwed = ledger.flag(this.cookieOwed);
    this.fastOpenAsked = ledger.flag(this.fastOpenAsked);
    this.synRetransmitted = ledger.integer(this.synRetransmitted);
    this.closePending = ledger.flag(this.closePending);
  }
}
