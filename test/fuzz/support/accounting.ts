/** Bytes neither come from nowhere nor get lost: what a connection's numbers must add up to. */

import assert from 'node:assert/strict';
import { seqDiff } from '../../../src/base/seq.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { User } from './user.ts';

/** A block of its own, between two turns. */
export function checkAccounting(tcb: Tcb): void {
  if (tcb.state === 'CLOSED' || tcb.state === 'SYN-SENT' || tcb.detached) return;
  const who = `c${tcb.id} in ${tcb.state}`;
  const { rcv, snd, sendBuffer } = tcb;
  // The first FIN that was believed ends the stream.
  if (rcv.finSeen) assert.ok(seqDiff(rcv.nxt, rcv.fin) <= 1, `${who}: RCV.NXT is behind the peer’s FIN`);
  if (tcb.peerClosed) assert.equal(seqDiff(rcv.nxt, rcv.fin), 1, `${who}: the FIN is the last`);
  const start = seqDiff(sendBuffer.start, snd.una);
  assert.ok(start >= -1 && start <= 1, `${who}: the send buffer begins ${start} from SND.UNA`);
  const user = tcb.owner instanceof User ? tcb.owner : null;
  if (user !== null) {
    assert.equal(seqDiff(sendBuffer.end, snd.iss) - 1, user.written, `${who}: bytes written`);
  }
  if (tcb.readerGone || (user === null && tcb.listener === null)) return;
  const stream = seqDiff(rcv.nxt, rcv.irs) - 1 - (tcb.peerClosed ? 1 : 0);
  assert.equal((user?.received ?? 0) + tcb.readable, stream, `${who}: bytes received and not yet read`);
}
