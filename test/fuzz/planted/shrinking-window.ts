/**
 * A stack that takes back a byte of its window when urgent data and a closed window come in CLOSE-WAIT:
 * no seed does that, it is several steps deep, nothing throws, and only the rule that the right edge
 * never moves left tells (SHLD-14).
 */

import { TcpEngine } from '../../../src/tcp/engine.ts';
import { URG } from '../../../src/wire/segment.ts';

export { fuzz } from '../targets/engine.ts';

const receive = TcpEngine.prototype.receive;

TcpEngine.prototype.receive = function (packet, ip) {
  receive.call(this, packet, ip);
  const { localAddress, localPort, peerAddress, peerPort, flags, wnd } = this.context.segment;
  if ((flags & URG) === 0 || wnd > 0) return;
  const tcb = this.connectionBetween(localAddress, localPort, peerAddress, peerPort);
  if (tcb !== null && tcb.state === 'CLOSE-WAIT' && tcb.rcv.wnd > 0) tcb.rcv.wnd--;
};
