// The services of `npm run bench` on the engine's raw interface: no streams, one owner for all connections.

import { ReceivedPiece } from '../../../dist/tcp/index.js';
import { CHUNK, CHURN_ANSWER, Checker, HTTP_ANSWER, PORT } from './service.js';

/** Of tcp/events.ts. */
const READABLE = 0x02;
const PEER_CLOSED = 0x04;
const WRITABLE = 0x08;
const CLOSED = 0x20;

const BACKLOG = 4096;
const [CR, LF] = [13, 10];

class RawService {
  constructor(tcp) {
    this.tcp = tcp;
    this.piece = new ReceivedPiece();
  }

  connectionsWaiting(listener) {
    const { tcp } = this;
    for (let tcb = tcp.accept(listener, this); tcb !== null; tcb = tcp.accept(listener, this)) {
      tcp.setNoDelay(tcb, true);
      this.opened(tcb);
    }
  }

  connectionEvents(tcb, events) {
    if ((events & READABLE) !== 0) this.readable(tcb);
    if ((events & WRITABLE) !== 0) this.writable(tcb);
    if ((events & PEER_CLOSED) !== 0) this.tcp.close(tcb);
    if ((events & CLOSED) !== 0) this.closed(tcb);
  }

  opened(_tcb) {}
  writable(_tcb) {}
  closed(_tcb) {}
}

class Echo extends RawService {
  readable(tcb) {
    const { tcp, piece } = this;
    while (tcp.borrow(tcb, piece)) {
      tcp.send(tcb, piece.bytes, piece.start, piece.end);
      tcp.discard(tcb, piece.end - piece.start);
    }
  }
}

/** Looks at nothing: the bytes are taken where they lie. */
class Sink extends RawService {
  readable(tcb) {
    this.tcp.discard(tcb, tcb.readable);
  }
}

class CheckedSink extends RawService {
  checkers = new Map();

  readable(tcb) {
    let checker = this.checkers.get(tcb);
    if (checker === undefined) this.checkers.set(tcb, (checker = new Checker()));
    const { tcp, piece } = this;
    while (tcp.borrow(tcb, piece)) {
      checker.take(piece.bytes, piece.start, piece.end);
      tcp.discard(tcb, piece.end - piece.start);
    }
  }

  connectionEvents(tcb, events) {
    if ((events & READABLE) !== 0) this.readable(tcb);
    if ((events & PEER_CLOSED) === 0) return;
    const answer = Buffer.from(`${this.checkers.get(tcb)?.right ?? 0}\n`);
    this.checkers.delete(tcb);
    this.tcp.send(tcb, answer, 0, answer.length);
    this.tcp.close(tcb);
  }
}

/** Hands the same memory over again and again: it never changes. */
class Source extends RawService {
  opened(tcb) {
    this.writable(tcb);
  }

  readable(tcb) {
    this.tcp.discard(tcb, tcb.readable);
  }

  writable(tcb) {
    if (tcb.state !== 'ESTABLISHED') return;
    while (this.tcp.sendOwned(tcb, CHUNK, 0, CHUNK.length) > 0);
  }
}

/** Corked: the answer waits for the FIN, and one segment carries both. */
class Churn extends RawService {
  readable(tcb) {
    const { tcp } = this;
    tcp.discard(tcb, tcb.readable);
    tcp.setCork(tcb, true);
    tcp.send(tcb, CHURN_ANSWER, 0, CHURN_ANSWER.length);
    tcp.close(tcb);
  }
}

/** Whether an empty line is what comes before `end`. */
function endsHeader(bytes, end) {
  return bytes[end - 1] === LF && bytes[end - 2] === CR && bytes[end - 3] === LF && bytes[end - 4] === CR;
}

/** One request in one segment, as the measuring client sends it. */
class Http extends RawService {
  readable(tcb) {
    const { tcp, piece } = this;
    if (!tcp.borrow(tcb, piece)) return;
    const whole = endsHeader(piece.bytes, piece.end);
    tcp.discard(tcb, piece.end - piece.start);
    if (whole) tcp.send(tcb, HTTP_ANSWER, 0, HTTP_ANSWER.length);
  }
}

const SERVICES = {
  echo: Echo,
  sink: Sink,
  source: Source,
  churn: Churn,
  checkedSink: CheckedSink,
  http: Http,
};

export function serveRaw(tcp) {
  for (const [name, Kind] of Object.entries(SERVICES))
    tcp.listen({ address: 0, port: PORT[name], backlog: BACKLOG, reuseAddress: true }, new Kind(tcp));
}
