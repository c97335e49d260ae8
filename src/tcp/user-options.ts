/** What the user has asked for. Times µs. */

import type { Ledger } from './compact/ledger.ts';

export class UserOptions {
  noDelay = false;
  cork = false;
  keepAlive = false;
  keepAliveIdle = 0.5;
  keepAliveInterval = 0.5;
  keepAliveCount = 0;
  userTimeout = 0.5;
  ttl = 64;
  tos = 0;

  exchange(ledger: Ledger): void {
    this.noDelay = ledger.flag(this.noDelay);
    this.cork = ledger.flag(this.cork);
    this.keepAlive = ledger.flag(this.keepAlive);
    this.keepAliveIdle = ledger.number(this.keepAliveIdle);
    this.keepAliveInterval = ledger.number(this.keepAliveInterval);
    this.keepAliveCount = ledger.integer(this.keepAliveCount);
    this.userTimeout = ledger.number(this.userTimeout);
    this.ttl = ledger.integer(this.ttl);
    this.tos = ledger.integer(this.tos);
  }
}
